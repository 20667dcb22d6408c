"""Helpers of the tests of brat's folders."""

import re

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document
from sept_runtime.formats.brat import read_brat, write_brat
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.formats.scierc import document_to_scierc

# Keys that cannot be file names, or not on every system, or not beside each other.
KEYS = ["a/b", "../../etc/passwd", ".", "..", "CON", "con.x", "A", "a", "a-2", "a", "x" * 5000]
KEYS += ["x" * 5000 + "y", "é", "日本", "a\nb", "a\0b", "-rf", ".hidden", "D_1", "d 1", "\ud800"]


def tokenize(text):
    """Words are what stands between white space, less a full stop, which ends a sentence."""
    sentences, offsets = [[]], []
    for match in re.finditer(r"[^\s.]+|\.", text):
        sentences[-1].append(match.group())
        offsets.append(match.span())
        if match.group() == ".":
            sentences.append([])
    return [sentence for sentence in sentences if sentence], offsets


def no_tokenizer(text):
    raise AssertionError("the recorded words should have been used")


def gold(key, sentences, entities, text=None, offsets=None, relations=None):
    """Relations are (index of the head in `entities`, index of the tail, label)."""
    spans = None if entities is None else [AnnotatedSpan(*entity) for entity in entities]
    document = Document(key, sentences, spans, text, offsets)
    if relations is not None:
        document.relations = [
            AnnotatedRelation(entities[head][:2], entities[tail][:2], label)
            for head, tail, label in relations
        ]
    return PredictedDocument(document, None)


def there_and_back(documents, folder):
    write_brat(documents, folder)
    read, _ = read_brat(folder, no_tokenizer)
    return [document_to_scierc(document) for document in read]


def folder_with(tmp_path, text, annotations, name="d"):
    """Return a folder as annotators hand it over: a text and its annotation."""
    folder = tmp_path / "brat"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(annotations.encode())
    return folder


def relations_in(folder, misaligned="error"):
    documents, report = read_brat(folder, tokenize, misaligned)
    return [document.relations for document in documents], report


def entities_in(folder, misaligned="error"):
    (document,), report = read_brat(folder, tokenize, misaligned)
    return document.entities, report
