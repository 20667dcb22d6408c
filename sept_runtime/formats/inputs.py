"""What goes into prediction: JSON objects, each with a document in one of three forms."""

from typing import Any, Iterator, Optional

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.json_lines import JsonObject, json_type, read_json_lines
from sept_runtime.formats.scierc import annotated_document, checked_sentences, checked_words
from sept_runtime.tokenization import split_sentences, tokenize
from sept_runtime.tokenization.words import with_joined_text


def read_requests(path: str, name: Optional[str] = None) -> Iterator[Document]:
    """
    The documents of a file that holds one JSON object a line, in order, by `document_from_input`.
    Its parameters are those of `read_json_lines`.

    # Raises

    `DocumentError` at the first line that is wrong, and where the file is missing or holds no
    document.
    """
    for origin, fields in read_json_lines(path, name):
        try:
            yield document_from_input(fields)
        except DocumentError as error:
            raise DocumentError(f"{origin}: {error}") from None


def document_from_input(fields: Any) -> Document:
    """
    The document in a JSON object, told by what the object holds: `sentences` (lists of words, as in
    SciERC, and perhaps `ner` and `relations`), `tokens` (a list of words), or `text`. A document
    given as words gets as its text the words joined by spaces.

    # Raises

    `DocumentError`, saying what is wrong.
    """
    if not isinstance(fields, dict):
        raise DocumentError(f"expected a JSON object, found {json_type(fields)}")
    key = _document_key(fields)
    given = next((name for name in _FORMS if name in fields), None)
    if given is None:
        raise DocumentError(f"the object has none of the keys {', '.join(_FORMS)}")
    document = with_joined_text(_FORMS[given](key, fields))
    if not document.offsets:
        raise DocumentError(f"{given!r} is empty: there is no word in it")
    return document


def document_from_text(text: str, key: str = "") -> Document:
    """A document of raw text, with the sentences and words that `tokenize` finds in it."""
    sentences, offsets = tokenize(text)
    return Document(key, sentences, text=text, offsets=offsets)


def _from_sentences(key: str, fields: JsonObject) -> Document:
    where = f"document {key!r}"
    sentences = checked_sentences(fields["sentences"], where)
    return annotated_document(key, sentences, fields, where)


def _from_tokens(key: str, fields: JsonObject) -> Document:
    tokens = fields["tokens"]
    if not isinstance(tokens, list):
        raise DocumentError(f"'tokens' must be a list of words, found {json_type(tokens)}")
    return Document(key, split_sentences(checked_words(tokens, f"document {key!r}")))


def _from_text(key: str, fields: JsonObject) -> Document:
    text = fields["text"]
    if not isinstance(text, str):
        raise DocumentError(f"'text' must be a string, found {json_type(text)}")
    return document_from_text(text, key)


_FORMS = {"sentences": _from_sentences, "tokens": _from_tokens, "text": _from_text}


def _document_key(fields: JsonObject) -> str:
    for name in ("doc_key", "title"):
        if not isinstance(fields.get(name), (str, type(None))):
            raise DocumentError(f"{name!r} must be a string, found {json_type(fields[name])}")
    key = fields.get("doc_key")
    if isinstance(key, str):
        return key
    identifier = fields.get("id")
    if isinstance(identifier, (dict, list)):
        raise DocumentError(f"'id' must be a string or number, found {json_type(identifier)}")
    return "" if identifier is None else str(identifier)
