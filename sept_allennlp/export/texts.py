"""The texts on which an exported model is compared with its archive."""

from itertools import cycle, islice
from typing import Iterable, List, Optional

from sept_runtime.documents import Document
from sept_runtime.formats.inputs import document_from_text
from sept_runtime.tokenization import tokenize

# Texts of different lengths, with words of many pieces and characters that encoders do not know.
_TEXTS = (
    "We train a parser (fast).",
    "Results improve.",
    "In this paper, we propose a method for named entity recognition in scientific abstracts that "
    "classifies spans instead of words. It is trained on 350 abstracts, and reaches an F1 score of "
    "67.5% on the development set, which is 2.1 points more than a conditional random field.",
    "Convolutional neural networks, e.g. those of Krizhevsky et al. (2012), are used for image "
    "classification; recurrent ones for machine translation, speech recognition and parsing.",
    "Naïve Bayes over bag-of-words features was the baseline: β = 0.5, n ≤ 10, α-stable noise.",
    "Le modèle est entraîné sur un corpus. 我们提出一种新的方法。 👩‍🔬",
    "The corpus-based, state-of-the-art disambiguation-and-segmentation system runs in O(n^2).",
)


def check_batches(
    window: int, documents: Optional[Iterable[Document]] = None
) -> List[List[Document]]:
    """
    Return batches of documents to compare two models on.

    There are single documents, several of different lengths, and one that needs several windows.

    # Parameters

    window : `int`
        The number of word pieces that the encoder reads at once.
    documents : `Iterable[Document]`, optional
        Documents to use instead of the built-in texts; those without words are left out.
    """
    if documents is not None:
        given = [document for document in documents if any(document.sentences)]
        return [given[first : first + 8] for first in range(0, len(given), 8)]
    long: List[str] = []
    # Every word has at least one piece.
    words = 0
    for text in islice(cycle(_TEXTS), 10_000):
        if words > 2 * window:
            break
        long.append(text)
        words += len(tokenize(text).offsets)
    alone, together = list(map(document_from_text, _TEXTS)), list(map(document_from_text, _TEXTS))
    return [[alone[0]], [alone[2]], together, [document_from_text(" ".join(long)), alone[3]]]
