"""
SciERC's format: one JSON object a line with `doc_key`, `sentences`, `ner` and `relations`.

`sentences` are lists of words. `ner` holds for each sentence its entities as `[first word, last
word, label]`, counted over the whole document, and `relations` for each sentence `[first word, last
word, first word, last word, label]` of two of these entities. What is written here holds the raw
`text` and `word_offsets`, the words' places in it, too.
"""

from typing import Any, Iterable, Iterator, List, Optional

from sept_runtime.documents import (
    AnnotatedRelation,
    Document,
    DocumentError,
    Span,
    describe,
)
from sept_runtime.formats.annotation import entities_from_ner, gold_relations
from sept_runtime.formats.json_lines import JsonObject, json_type, read_json_lines
from sept_runtime.formats.soft_ner import soft_from_json, soft_to_json

# The labels of SciERC's relations that have no direction.
SYMMETRIC_LABELS = frozenset({"COMPARE", "CONJUNCTION"})

ID_KEYS = ("doc_key", "doc_id", "id")
"""The keys of a document's name in JSON objects, the first one that is given."""


def read_scierc(path: str, name: Optional[str] = None) -> Iterator[Document]:
    """
    Read the documents of a SciERC file, one JSON object a line, in order.

    # Parameters

    path : `str`
    name : `str`, optional (default = `path`)
        The file's name in messages: for a downloaded file its address.

    # Raises

    `DocumentError` at the first invalid line, and if the file is missing or holds no document.
    """
    for origin, fields in read_json_lines(path, name):
        yield document_from_scierc(fields, origin)


def document_from_scierc(fields: Any, origin: str = "") -> Document:
    """
    Check one object of a SciERC file and return its `Document`.

    The keys `sentences`, `doc_key` (or `doc_id` or `id`), `ner`, `relations` and `soft_ner` are
    used, all but the first optional; null counts as absent.

    # Raises

    `DocumentError`, with a message that names `origin`, the document and the error.
    """
    where = origin or "the document"
    if not isinstance(fields, dict):
        raise DocumentError(
            f"{where}: expected a JSON object with 'doc_key' and 'sentences', "
            f"found {json_type(fields)}"
        )
    key = document_key(fields, where)
    where = describe(origin, key)
    _check_is_document(fields, where)
    sentences = checked_sentences(fields.get("sentences"), where)
    document = annotated_document(key, sentences, fields, where, origin)
    document.soft = soft_from_json(fields, sentences, where)
    return document


def document_key(fields: JsonObject, where: str) -> str:
    """
    Return the document's name, which may be its `doc_key`, `doc_id` or `id`; empty if it has none.

    # Raises

    `DocumentError`, with a message that begins with `where`, if it is not a string or number.
    """
    for name in ID_KEYS:
        value = fields.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            kind = json_type(value)
            raise DocumentError(f"{where}: {name!r} must be a string or number, found {kind}")
        return str(value)
    return ""


def annotated_document(
    key: str, sentences: List[List[str]], fields: JsonObject, where: str, origin: str = ""
) -> Document:
    """
    Return the document with the annotation in an object's `ner` and `relations`, if there is any.

    Beside predicted relations the annotated ones are called `gold_relations`.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    entities = entities_from_ner(fields.get("ner"), sentences, where)
    relations = gold_relations(fields, sentences, entities or [], where)
    return Document(key, sentences, entities, origin=origin, relations=relations)


def _check_is_document(fields: JsonObject, where: str) -> None:
    """Tell what to do with other objects: inputs, failures of prediction, other tools' exports."""
    if fields.get("sentences") is not None:
        return
    if fields.get("error") is not None:
        raise DocumentError(
            f"{where}: an input that could not be annotated ({fields['error']}); remove the line"
        )
    tool = next((tool for tool, keys in _OTHER_TOOLS if all(map(fields.get, keys))), None)
    if tool is not None:
        raise DocumentError(
            f"{where}: an export of {tool}, whose annotation counts characters; convert the file "
            f"by 'sept convert FILE NEW_FILE --from {tool}'"
        )
    if fields.get("text") is not None or fields.get("tokens") is not None:
        raise DocumentError(
            f"{where}: the text is not annotated and not split into 'sentences'; predict its "
            "entities first, by 'sept predict'"
        )


# The keys by which exports of annotation tools are recognized.
_OTHER_TOOLS = (
    ("label-studio", ("data", "annotations")),
    ("label-studio", ("data", "completions")),
    ("prodigy", ("text", "spans")),
    ("doccano", ("text", "label")),
    ("doccano", ("text", "labels")),
    ("doccano", ("text", "entities")),
)


def document_to_scierc(document: Document) -> JsonObject:
    """Return a document as a SciERC object, with `text` and `word_offsets` if it has them."""
    fields: JsonObject = {"doc_key": document.key, "sentences": document.sentences}
    if document.entities is not None:
        fields["ner"] = to_ner(document, document.entities)
    if document.relations is not None:
        fields["relations"] = to_relations(document, document.relations)
    if document.soft is not None:
        fields.update(soft_to_json(document, document.soft))
    if document.text is not None:
        fields["text"] = document.text
    if document.offsets is not None:
        fields["word_offsets"] = document.offsets
    return fields


def to_ner(document: Document, spans: Iterable[Span]) -> List[List[List[Any]]]:
    """Return spans of a document in the form of `ner`: [start, end, label] by sentence."""
    sentence_ids = document.sentence_ids
    ner: List[List[List[Any]]] = [[] for _ in document.sentences]
    for span in spans:
        ner[sentence_ids[span.start]].append([span.start, span.end, span.label])
    return ner


def to_relations(
    document: Document, relations: Iterable[AnnotatedRelation]
) -> List[List[List[Any]]]:
    """Return relations in the form of `relations`: [start, end, start, end, label] by sentence."""
    sentence_ids = document.sentence_ids
    by_sentence: List[List[List[Any]]] = [[] for _ in document.sentences]
    for head, tail, label in relations:
        by_sentence[sentence_ids[head[0]]].append([*head, *tail, label])
    return by_sentence


def checked_sentences(sentences: Any, where: str) -> List[List[str]]:
    """
    Return the value of `sentences`, as read from JSON, after checking that it is lists of words.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not isinstance(sentences, list):
        raise DocumentError(
            f"{where}: 'sentences' must be a list of lists of words, found {json_type(sentences)}"
        )
    return [
        checked_words(sentence, f"{where}, sentence {index}")
        for index, sentence in enumerate(sentences)
    ]


def checked_words(words: Any, where: str) -> List[str]:
    """
    Return a list of words, as read from JSON, after checking it. Words may be blank.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not isinstance(words, list):
        raise DocumentError(f"{where}: expected a list of words, found {json_type(words)}")
    for index, word in enumerate(words):
        if not isinstance(word, str):
            raise DocumentError(
                f"{where}, word {index}: expected a string, found {json_type(word)}"
            )
    return words
