"""Words as an encoder's tokenizer expects them, and their text."""

import re
from dataclasses import replace
from typing import List, Sequence, Tuple

from sept_runtime.documents import Document

# The Penn Treebank's spelling of brackets, which SciERC's words use.
PTB_BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}

_SURROGATE = re.compile("[\ud800-\udfff]")


def restore_brackets(words: Sequence[str]) -> List[str]:
    """
    Spell words as an author types them: `-LRB-` becomes `(` and so on.

    A pre-trained encoder has seen brackets in its pre-training, but not the Treebank's spelling of
    them. Unpaired surrogates, which JSON can express and tokenizers refuse, become the replacement
    character.
    """
    return [without_surrogates(PTB_BRACKETS.get(word, word)) for word in words]


def without_surrogates(text: str) -> str:
    """Replace each unpaired surrogate by the replacement character; the length stays the same."""
    return _SURROGATE.sub("\ufffd", text)


def offsets_of_joined(words: Sequence[str]) -> List[Tuple[int, int]]:
    """Return the offsets of words in their text, joined by single spaces."""
    offsets = []
    start = 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets


def with_joined_text(document: Document) -> Document:
    """Give a document without a text its words, joined by spaces, as its text."""
    if document.text is not None:
        return document
    words = document.words
    return replace(document, text=" ".join(words), offsets=offsets_of_joined(words))
