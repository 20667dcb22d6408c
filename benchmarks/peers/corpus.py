"""
The data of all peers: SciERC's abstracts as raw text, annotated by characters. Uses only the
standard library, because every environment imports it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

# The Penn Treebank's spelling of brackets, in which SciERC's words are stored.
PTB_BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}

# White space after a separate full stop, question mark or exclamation mark.
SENTENCE_END = re.compile(r"(?<=\s[.?!])\s+")
WORD = re.compile(r"\S+")


class Entity(NamedTuple):
    """An entity: `text[start:end]` of its abstract."""

    start: int
    end: int
    label: str


class Word(NamedTuple):
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Abstract:
    """
    # Parameters

    text : `str`
        All words, joined by one space.
    sentences : `List[List[Word]]`
        As annotated; only training sees them.
    entities : `List[Entity]`
        As annotated, overlapping ones included.
    """

    text: str
    sentences: List[List[Word]]
    entities: List[Entity]


def read_abstracts(path: Path) -> List[Abstract]:
    """Read a file in SciERC's format."""
    with path.open(encoding="utf-8") as lines:
        return [abstract(json.loads(line)) for line in lines]


def abstract(fields: Dict[str, Any]) -> Abstract:
    """Return the abstract of a line of SciERC, whose entities count words over all sentences."""
    sentences: List[List[Word]] = []
    position = 0
    for tokens in fields["sentences"]:
        words = []
        for token in tokens:
            token = PTB_BRACKETS.get(token, token)
            words.append(Word(token, position, position + len(token)))
            position += len(token) + 1
        sentences.append(words)
    all_words = [word for words in sentences for word in words]
    entities = [
        Entity(all_words[first].start, all_words[last].end, label)
        for found in fields["ner"]
        for first, last, label in found
    ]
    return Abstract(" ".join(word.text for word in all_words), sentences, entities)


def split_sentences(text: str) -> List[List[Word]]:
    """
    Split raw text into sentences and words, for peers that take sentences. A full stop between
    spaces ends a sentence, which suffices for SciERC, where punctuation stands alone.
    """
    sentences = []
    start = 0
    for end in [match.end() for match in SENTENCE_END.finditer(text)] + [len(text)]:
        words = [
            Word(match.group(), start + match.start(), start + match.end())
            for match in WORD.finditer(text[start:end])
        ]
        if words:
            sentences.append(words)
        start = end
    return sentences


def labels_of(abstracts: Iterable[Abstract]) -> List[str]:
    return sorted({entity.label for abstract in abstracts for entity in abstract.entities})


def entities_of(words: List[Word], tags: Iterable[str]) -> List[Entity]:
    """Return the entities of BIO tags. An `I-` that continues nothing begins an entity."""
    entities: List[Entity] = []
    inside = None
    for word, tag in zip(words, tags, strict=True):
        prefix, _, label = tag.partition("-")
        if prefix == "I" and inside == label:
            entities[-1] = entities[-1]._replace(end=word.end)
        elif label:
            entities.append(Entity(word.start, word.end, label))
        inside = label or None
    return entities


def bio_tags(words: List[Word], entities: Iterable[Entity]) -> List[str]:
    """Return a BIO tag for each word. Of overlapping entities, only the widest is tagged."""
    tags = ["O"] * len(words)
    for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
        inside = [
            index
            for index, word in enumerate(words)
            if entity.start <= word.start and word.end <= entity.end
        ]
        if inside and all(tags[index] == "O" for index in inside):
            tags[inside[0]] = f"B-{entity.label}"
            for index in inside[1:]:
                tags[index] = f"I-{entity.label}"
    return tags
