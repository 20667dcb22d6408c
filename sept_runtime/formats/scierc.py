"""
SciERC's format, one JSON object a line: `doc_key`, `sentences` (lists of words), `ner`, which
holds for each sentence its entities as `[first word, last word, label]`, counted over the whole
document, and `relations`, for each sentence `[first word, last word, first word, last word, label]`
of two of these entities. Ours has beside it the raw `text` and the words' places in it,
`word_offsets`.
"""

import json
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

from sept_runtime.documents import (
    AnnotatedRelation,
    Document,
    DocumentError,
    Span,
)
from sept_runtime.formats.annotation import entities_from_ner, gold_relations
from sept_runtime.formats.json_lines import JsonObject, is_index, json_type, read_json_lines
from sept_runtime.formats.soft_ner import soft_from_json, soft_to_json

# Of SciERC's relations these hold in both directions.
SYMMETRIC_LABELS = frozenset({"COMPARE", "CONJUNCTION"})


def read_scierc(path: str, name: Optional[str] = None) -> Iterator[Document]:
    """
    The documents of a SciERC file, one JSON object a line, in order.

    # Parameters

    path : `str`
        The file, on this machine.
    name : `str`, optional (default = `path`)
        What messages call the file: for a downloaded one its address.

    # Raises

    `DocumentError` at the first line that is wrong, and where the file is missing or holds no
    document.
    """
    for origin, fields in read_json_lines(path, name):
        yield document_from_scierc(fields, origin)


def document_from_scierc(fields: Any, origin: str = "") -> Document:
    """
    Checks one object of a SciERC file and makes a `Document` of it. `doc_key` and `sentences` are
    used, and `ner`, `relations` and `soft_ner` where they are there; whatever else the object holds
    is left alone.

    # Raises

    `DocumentError`, with a message that names `origin`, the `doc_key` and the fault.
    """
    where = origin or "document"
    if not isinstance(fields, dict):
        raise DocumentError(
            f"{where}: expected a JSON object with 'doc_key' and 'sentences', "
            f"found {json_type(fields)}"
        )
    _check_is_document(fields, where)
    key = fields.get("doc_key")
    if not isinstance(key, str):
        raise DocumentError(f"{where}: 'doc_key' must be a string, found {json_type(key)}")
    where = f"{where}: document {key!r}"
    sentences = checked_sentences(fields.get("sentences"), where)
    document = annotated_document(key, sentences, fields, where, origin)
    document.soft = soft_from_json(fields, sentences, where)
    return document


def annotated_document(
    key: str, sentences: List[List[str]], fields: JsonObject, where: str, origin: str = ""
) -> Document:
    """
    The document with the annotation in an object's `ner` and `relations` (or `gold_relations`), as
    far as there is any.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    entities = entities_from_ner(fields.get("ner"), sentences, where)
    relations = gold_relations(fields, sentences, entities or [], where)
    return Document(key, sentences, entities, origin=origin, relations=relations)


def _check_is_document(fields: JsonObject, where: str) -> None:
    """Says what to do with what people mistake for documents: inputs and failures of prediction."""
    if "sentences" in fields:
        return
    if "error" in fields:
        raise DocumentError(
            f"{where}: an input that could not be annotated ({fields['error']}); take the line "
            "out, or annotate by 'allennlp sept-annotate', which keeps such lines apart"
        )
    if "text" in fields or "tokens" in fields:
        raise DocumentError(
            f"{where}: nobody has annotated this text; have a model annotate it first, by "
            "'allennlp predict' or 'allennlp sept-annotate'"
        )


def document_to_scierc(document: Document) -> JsonObject:
    """Gives a document the form of a SciERC object, with `text` and `word_offsets` if there are."""
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
    """Gives spans of a document the form of `ner`: for each sentence its [start, end, label]."""
    sentence_ids = document.sentence_ids
    ner: List[List[List[Any]]] = [[] for _ in document.sentences]
    for span in spans:
        ner[sentence_ids[span.start]].append([span.start, span.end, span.label])
    return ner


def to_relations(
    document: Document, relations: Iterable[AnnotatedRelation]
) -> List[List[List[Any]]]:
    """Gives relations the form of `relations`: per sentence [start, end, start, end, label]."""
    sentence_ids = document.sentence_ids
    by_sentence: List[List[List[Any]]] = [[] for _ in document.sentences]
    for head, tail, label in relations:
        by_sentence[sentence_ids[head[0]]].append([*head, *tail, label])
    return by_sentence


def checked_sentences(sentences: Any, where: str) -> List[List[str]]:
    """
    The value of `sentences`, as read from JSON, made sure to be lists of words.

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
    A list of words, as read from JSON, made sure to be one, and that there is something in each.

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
        if not word.strip():
            raise DocumentError(f"{where}, word {index}: the word is empty")
    return words


def checked_offsets(
    offsets: Any, words: Sequence[str], text: str, where: str
) -> List[Tuple[int, int]]:
    """
    The offsets of `words` in `text` as read from JSON, made sure to be usable: one pair a word, in
    order, none over another, none around nothing.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not isinstance(offsets, list) or len(offsets) != len(words):
        raise DocumentError(
            f"{where}: 'word_offsets' must be a list of [start, end], one for each of the "
            f"{len(words)} words"
        )
    checked: List[Tuple[int, int]] = []
    last_end = 0
    for index, pair in enumerate(offsets):
        at = f"{where}: 'word_offsets' of word {index}, {json.dumps(pair)},"
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(is_index, pair))):
            raise DocumentError(f"{at} is not [start, end]")
        start, end = pair
        if start < last_end:
            raise DocumentError(f"{at} begins before the word before it ends, at {last_end}")
        if end > len(text):
            raise DocumentError(f"{at} reaches outside the text of {len(text)} characters")
        if not text[start:end].strip():
            raise DocumentError(f"{at} holds no character of a word")
        checked.append((start, end))
        last_end = end
    return checked
