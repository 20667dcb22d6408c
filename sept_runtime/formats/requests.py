"""What goes into prediction and what comes out of it: JSON objects in, JSON objects out."""

import json
from dataclasses import replace
from typing import Any, Dict, List, Sequence

from sept_runtime.documents import (
    Document,
    DocumentError,
    LabeledSpan,
    ScoredSpan,
    document_from_scierc,
    json_type,
    offsets_of_joined,
    parse_json,
)
from sept_runtime.tokenization import tokenize

JsonObject = Dict[str, Any]

# A document is in one of these.
_TEXT_KEYS = ("sentences", "tokens", "text")


def parse_line(line: bytes) -> Any:
    """
    What a line of a JSONL file holds, for `document_to_annotate` to check.

    # Raises

    `DocumentError` if it is empty, not UTF-8 or not JSON.
    """
    if not line.strip():
        raise DocumentError("the line is empty")
    return parse_json(line)


def document_to_annotate(fields: Any) -> Document:
    """
    The document in a JSON object, told by what the object holds: `sentences` (lists of words, as in
    SciERC), `tokens` (a list of words), or `text`. A document given as words gets as its text the
    words joined by spaces.

    # Raises

    `DocumentError`, saying what is wrong.
    """
    if not isinstance(fields, dict):
        raise DocumentError(f"expected a JSON object, found {json_type(fields)}")
    key = _document_key(fields)
    given = next((name for name in _TEXT_KEYS if name in fields), None)
    if given is None:
        raise DocumentError(f"the object has none of the keys {', '.join(_TEXT_KEYS)}")
    if given == "text":
        text = fields["text"]
        if not isinstance(text, str):
            raise DocumentError(f"'text' must be a string, found {json_type(text)}")
        sentences, offsets = tokenize(text)
        document = Document(key=key, sentences=sentences, text=text, offsets=offsets)
    else:
        sentences = _tokens(fields) if given == "tokens" else _sentences(fields, key)
        document = with_joined_text(Document(key=key, sentences=sentences))
    if not document.offsets:
        raise DocumentError(f"{given!r} is empty: there is no word in it")
    return document


def _sentences(fields: JsonObject, key: str) -> List[List[str]]:
    # With the annotation for its checks; for the prediction itself it does not matter.
    checked = {"doc_key": key, "sentences": fields["sentences"], "ner": fields.get("ner")}
    return document_from_scierc(checked).sentences


def _tokens(fields: JsonObject) -> List[List[str]]:
    tokens = fields["tokens"]
    if not isinstance(tokens, list):
        raise DocumentError(f"'tokens' must be a list of words, found {json_type(tokens)}")
    return split_sentences(_sentences({"sentences": [tokens]}, _document_key(fields))[0])


def _document_key(fields: JsonObject) -> str:
    for name in ("doc_key", "title"):
        if not isinstance(fields.get(name), (str, type(None))):
            raise DocumentError(f"{name!r} must be a string, found {json_type(fields[name])}")
    if fields.get("doc_key") is not None:
        return fields["doc_key"]
    identifier = fields.get("id")
    if isinstance(identifier, (dict, list)):
        raise DocumentError(f"'id' must be a string or number, found {json_type(identifier)}")
    return "" if identifier is None else str(identifier)


def split_sentences(words: Sequence[str]) -> List[List[str]]:
    """Words without sentences, cut behind each `.`, `?` and `!` that is a word of its own."""
    sentences: List[List[str]] = [[]]
    for word in words:
        sentences[-1].append(word)
        if word in (".", "?", "!"):
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def with_joined_text(document: Document) -> Document:
    """The document with its words, joined by spaces, as its text, if it has none."""
    if document.text is not None:
        return document
    words = document.words
    return replace(document, text=" ".join(words), offsets=offsets_of_joined(words))


def annotation(
    document: Document, entities: Sequence[ScoredSpan], fields: JsonObject
) -> JsonObject:
    """
    The output for one document.

    # Parameters

    document : `Document`
        With `text` and `offsets`.
    entities : `Sequence[ScoredSpan]`
    fields : `JsonObject`
        The input that the document was made from; its `id` and `title` are repeated, and its `ner`
        where it was given as `sentences`.

    # Returns

    An object with `text`, `sentences`, `word_offsets`, `entities` (`text`, `label`, `score`;
    `start` and `end` such that `text[start:end]` is the entity; `start_word` and `end_word`, both
    inclusive) and `predicted_ner` in SciERC's format.
    """
    assert document.text is not None and document.offsets is not None
    # Gold belongs to the sentences that it was given with.
    repeated = ("id", "title", "ner") if "sentences" in fields else ("id", "title")
    output: JsonObject = {name: fields[name] for name in repeated if name in fields}
    output["doc_key"] = document.key
    output["text"] = document.text
    output["sentences"] = document.sentences
    output["word_offsets"] = document.offsets
    output["entities"] = []
    for entity in entities:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        found = {
            "text": document.text[start:end],
            "label": entity.label,
            "score": entity.score,
            "start": start,
            "end": end,
            "start_word": entity.start,
            "end_word": entity.end,
        }
        if entity.labels:
            found["labels"] = [{"label": label, "score": score} for label, score in entity.labels]
        output["entities"].append(found)
    output["predicted_ner"] = document.by_sentence(
        LabeledSpan(entity.start, entity.end, entity.label) for entity in entities
    )
    return output


def failure(reason: str, fields: Any = None) -> JsonObject:
    """The output for an input that cannot be predicted."""
    output: JsonObject = {}
    if isinstance(fields, dict):
        output.update((name, fields[name]) for name in ("id", "doc_key") if name in fields)
    output["error"] = reason
    return output


def dump_line(output: JsonObject) -> str:
    """One line of JSON, in plain characters where a file can hold them."""
    line = json.dumps(output, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        # Half a character, which JSON's \\u notation can express and UTF-8 cannot.
        line = json.dumps(output)
    return line + "\n"
