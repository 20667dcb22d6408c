"""Words as a tokenizer wants them, and the text that they make up."""

import re
from dataclasses import replace
from typing import List, Sequence, Tuple

from sept_runtime.documents import Document

# The Penn Treebank's spelling of brackets, in which SciERC's words are stored.
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
    Spells words as an author types them: `-LRB-` becomes `(` and so on. A pre-trained encoder has
    seen brackets in its pre-training and never the Treebank's spelling of them. Halves of
    characters, which JSON can express and tokenizers cannot take, become the replacement character.
    """
    return [without_surrogates(PTB_BRACKETS.get(word, word)) for word in words]


def without_surrogates(text: str) -> str:
    """The text, of the same length, with the replacement character for each half of a character."""
    return _SURROGATE.sub("\ufffd", text)


def offsets_of_joined(words: Sequence[str]) -> List[Tuple[int, int]]:
    """Where the words are in a text that they make up, joined by single spaces."""
    offsets = []
    start = 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets


def with_joined_text(document: Document) -> Document:
    """The document with its words, joined by spaces, as its text, if it has none."""
    if document.text is not None:
        return document
    words = document.words
    return replace(document, text=" ".join(words), offsets=offsets_of_joined(words))
