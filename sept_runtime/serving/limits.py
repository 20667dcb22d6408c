from dataclasses import dataclass

from sept_runtime.documents import DocumentError


@dataclass(frozen=True)
class Limits:
    """
    What a client may ask of the server.

    # Parameters

    max_body_bytes : `int`
        The largest body of a request, the longest line of a stream, and the largest content of a
        compressed file, in bytes.
    max_documents : `int`
        Documents in one request, and of a file that the page draws.
    max_words : `int`
        Words in one document.
    max_queued : `int`
        Documents of all clients that wait or are computed; further requests are refused with 503.
    max_streams : `int`
        Streams at the same time; further ones are refused with 429.
    max_lines_in_flight : `int`
        Lines of one stream that are read and not answered.
    max_spool_bytes : `int`
        Answers of one stream that its client has not read, in bytes. They lie in a temporary file.
    request_seconds : `float`
        How long a request may take before it is answered with 503, and how long reading a file may
        take.
    idle_seconds : `float`
        How long a stream may pass without a byte in either direction.
    """

    max_body_bytes: int = 10_000_000
    max_documents: int = 1_000
    max_words: int = 20_000
    max_queued: int = 1_024
    max_streams: int = 32
    max_lines_in_flight: int = 64
    max_spool_bytes: int = 1_000_000_000
    request_seconds: float = 60.0
    idle_seconds: float = 60.0


def refuse_declarations(name: str, xml: str) -> None:
    """
    Refuse XML that declares entities, which could expand to any size or name local files.

    # Raises

    `DocumentError` that begins with `name`.
    """
    if "<!DOCTYPE" in xml.upper() or "<!ENTITY" in xml.upper():
        raise DocumentError(f"{name}: DOCTYPE and ENTITY declarations are not accepted")
