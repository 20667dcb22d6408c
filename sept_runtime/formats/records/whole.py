"""Formats that are read as a whole: their limit and their encoding."""

from typing import BinaryIO

from sept_runtime.documents import DocumentError

MAX_WHOLE_BYTES = 100_000_000


class MissingExtraError(DocumentError):
    """A format that needs a package that is not installed."""


def read_whole(file: BinaryIO, name: str, kind: str) -> bytes:
    """
    Return the content of a file.

    # Raises

    `DocumentError` if it is so large that it might not fit into memory.
    """
    content = file.read(MAX_WHOLE_BYTES + 1)
    if len(content) > MAX_WHOLE_BYTES:
        raise DocumentError(
            f"{name}: the file has more than {MAX_WHOLE_BYTES / 1e6:g} MB, and {kind} is read as a "
            "whole; split the file"
        )
    return content


def decode_text(raw: bytes) -> str:
    """Return text in UTF-8, or else in Windows-1252."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
