"""The inputs of prediction: JSON objects with a document in one of three forms."""

import os
from itertools import accumulate
from typing import Any, Iterator, List, NamedTuple, Optional, Union

from sept_runtime.documents import Document, DocumentError, describe
from sept_runtime.formats.blank_words import is_blank
from sept_runtime.formats.json_lines import JsonObject, json_type, read_json_lines
from sept_runtime.formats.records import (
    FieldOptions,
    Record,
    find_files,
    map_fields,
    open_records,
)
from sept_runtime.formats.scierc import (
    annotated_document,
    checked_sentences,
    checked_words,
    document_key,
)
from sept_runtime.formats.word_offsets import checked_offsets, find_words
from sept_runtime.tokenization import split_sentences, tokenize
from sept_runtime.tokenization.words import with_joined_text


class TextRecord(NamedTuple):
    """
    A record of a file, such as an entry of a bibliography.

    # Parameters

    id, title, text : `str`
        Empty if the record has none.
    fields : `Dict[str, Any]`
        All its fields, as the file has them.
    origin : `str`
        File and line or record number.
    error : `str`, optional (default = `None`)
        Why the record has no text.
    """

    id: str
    title: str
    text: str
    fields: JsonObject
    origin: str
    error: Optional[str] = None


def read_records(
    *paths: "Union[str, os.PathLike[str]]",
    format: Optional[str] = None,
    text_field: Optional[str] = None,
    id_field: Optional[str] = None,
    title_field: Optional[str] = None,
    one_per_line: bool = False,
) -> Iterator[TextRecord]:
    """
    Yield the records of files, lazily, as `sept predict` reads them.

    A record that has no text is yielded with the reason as its `error`.

    # Parameters

    paths : `Union[str, PathLike]`
        Files, folders and patterns; `-` for standard input.
    format : `str`, optional (default = as recognized)
        One of `sept_runtime.formats.records.FORMATS`.
    text_field, id_field, title_field : `str`, optional (default = known names)
        The names of fields; `abstract.value` is a field of a nested object.
    one_per_line : `bool`, optional (default = `False`)
        Each line of a text file is a record.

    # Raises

    `DocumentError` if there is no such file, and where a file is invalid.
    """
    options = FieldOptions(text_field, id_field, title_field, text_option="text_field=")
    for path in find_files([os.fspath(path) for path in paths]):
        with open_records(path, format, one_per_line) as file:
            for record in file.records:
                yield _text_record(record, options)


def _text_record(record: Record, options: FieldOptions) -> TextRecord:
    if not isinstance(record.value, dict):
        error = record.error or f"expected a JSON object, found {json_type(record.value)}"
        return TextRecord("", "", "", {}, record.origin, error)
    try:
        fields = map_fields(record.value, options)
        key, title = document_key(fields, ""), _check_text(fields, "title", "the record")
        text = _check_text(fields, "text", "the record") or document_from_input(fields).text
    except DocumentError as error:
        return TextRecord("", "", "", record.value, record.origin, str(error))
    return TextRecord(key, title or "", text or "", record.value, record.origin)


def document_with_title(title: str, text: str, key: str) -> Document:
    """Return a document of a title, which is one or more separate sentences, and a text."""
    first, second = document_from_text(title, key), document_from_text(text, key)
    shift = len(title) + len(TITLE_END)
    assert first.offsets is not None and second.offsets is not None
    offsets = [*first.offsets, *((start + shift, end + shift) for start, end in second.offsets)]
    return Document(
        key, first.sentences + second.sentences, None, title + TITLE_END + text, offsets
    )


TITLE_END = "\n\n"
"""The separator between title and text."""


def read_requests(path: str, name: Optional[str] = None) -> Iterator[Document]:
    """
    Read the documents of a file with one JSON object a line by `document_from_input`, in order.

    The parameters are those of `read_json_lines`.

    # Raises

    `DocumentError` at the first invalid line, and if the file is missing or holds no document.
    """
    for origin, fields in read_json_lines(path, name):
        try:
            yield document_from_input(
                map_fields(fields, FieldOptions()) if isinstance(fields, dict) else fields
            )
        except DocumentError as error:
            raise DocumentError(f"{origin}: {error}") from None


def document_from_input(fields: Any) -> Document:
    """
    Return the document in a JSON object.

    The object holds its words as `sentences` (lists of words, as in SciERC, with optional `ner` and
    `relations`) or `tokens` (a list of words), or only its `text`, which is tokenized. Words with a
    `text` keep it: their places in it are the `word_offsets`, or are found. Words without a text
    get their words joined by spaces as text. Null and empty values count as absent.

    # Raises

    `DocumentError`, saying what is wrong.
    """
    if not isinstance(fields, dict):
        raise DocumentError(f"expected a JSON object, found {json_type(fields)}")
    key = document_key(fields, "the document")
    where = describe("", key)
    _check_text(fields, "title", where)
    text = _check_text(fields, "text", where)
    form = next((name for name in _WORDS if _is_filled(fields.get(name))), None)
    if form is None:
        given = next((name for name in ("text", *_WORDS) if fields.get(name) is not None), None)
        if given is None:
            raise DocumentError(f"{where}: the object has none of the keys sentences, tokens, text")
        document = document_from_text(text or "", key)
        if not document.offsets:
            raise DocumentError(f"{where}: {given!r} is empty: there is no word in it")
        return document
    document = _WORDS[form](key, fields, where)
    if all(map(is_blank, document.words)):
        raise DocumentError(f"{where}: {form!r} is empty: there is no word in it")
    if text is None or is_blank(text):
        return with_joined_text(document)
    document.text, words = text, document.words
    offsets = fields.get("word_offsets")
    if offsets is None:
        document.offsets = find_words(words, text, where)
    else:
        document.offsets = checked_offsets(offsets, words, text, where)
    return document


def document_from_text(text: str, key: str = "") -> Document:
    """Return a document with the sentences and words that `tokenize` finds in a text."""
    sentences, offsets = tokenize(text)
    return Document(key, sentences, text=text, offsets=offsets)


def _from_sentences(key: str, fields: JsonObject, where: str) -> Document:
    sentences = checked_sentences(fields["sentences"], where)
    return annotated_document(key, sentences, fields, where)


def _from_tokens(key: str, fields: JsonObject, where: str) -> Document:
    tokens = fields["tokens"]
    if not isinstance(tokens, list):
        raise DocumentError(f"{where}: 'tokens' must be a list of words, found {json_type(tokens)}")
    words = checked_words(tokens, where)
    sentences = split_sentences([word for word in words if not is_blank(word)])
    visible = sum(map(len, sentences))
    return Document(key, sentences if visible == len(words) else _with_blanks(sentences, words))


def _with_blanks(sentences: List[List[str]], words: List[str]) -> List[List[str]]:
    """Put blank words back into sentences, each to the word before it."""
    ends = set(accumulate(map(len, sentences)))
    result: List[List[str]] = [[]]
    visible = 0
    for word in words:
        if not is_blank(word):
            if visible in ends:
                result.append([])
            visible += 1
        result[-1].append(word)
    return result


_WORDS = {"sentences": _from_sentences, "tokens": _from_tokens}


def _is_filled(value: Any) -> bool:
    return any(value) if isinstance(value, list) else bool(value)


def _check_text(fields: JsonObject, name: str, where: str) -> Optional[str]:
    value = fields.get(name)
    if not isinstance(value, (str, type(None))):
        raise DocumentError(f"{where}: {name!r} must be a string, found {json_type(value)}")
    return value
