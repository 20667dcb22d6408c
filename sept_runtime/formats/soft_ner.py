"""
What a teacher believes of candidate spans, as JSON: `soft_ner` holds for each sentence its
candidates as `[first word, last word, {label: probability}]`, counted over the whole document, and
`soft_ner_labels` every label that the teacher knows.
"""

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

from sept_runtime.documents import Document, DocumentError, SoftAnnotation, SoftSpan
from sept_runtime.formats.annotation import Annotated, by_sentence, check_span
from sept_runtime.formats.json_lines import JsonObject, is_index

_FORM = "[start, end, {label: probability}]"

# Each probability is rounded, and so their sum may be a little more than one.
_ROUNDING = 1e-4


def soft_to_json(document: Document, soft: SoftAnnotation) -> JsonObject:
    """The keys that say what is believed of a document's candidates."""
    sentence_ids = document.sentence_ids
    listed: List[List[List[Any]]] = [[] for _ in document.sentences]
    for start, end, probabilities in soft.spans:
        listed[sentence_ids[start]].append([start, end, probabilities])
    return {"soft_ner": listed, "soft_ner_labels": list(soft.labels)}


def soft_from_json(
    fields: JsonObject, sentences: Sequence[Sequence[str]], where: str
) -> Optional[SoftAnnotation]:
    """
    What is believed of the candidates of an object read from JSON; `None` where it has no
    `soft_ner`.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    listed = fields.get("soft_ner")
    if listed is None:
        return None
    labels = _checked_labels(fields.get("soft_ner_labels"), where)
    spans: Dict[Tuple[int, int], SoftSpan] = {}
    for words, value, sentence in by_sentence(listed, "soft_ner", _FORM, sentences, where):
        at = Annotated(sentence, "candidate", value)
        span = _checked_span(value, words, labels, at)
        if spans.setdefault(span[:2], span) is not span:
            raise DocumentError(f"{at} is there twice")
    return SoftAnnotation(tuple(labels), list(spans.values()))


def _checked_labels(labels: Any, where: str) -> List[str]:
    if not (
        isinstance(labels, list)
        and all(isinstance(label, str) and label for label in labels)
        and len({*labels}) == len(labels)
    ):
        raise DocumentError(
            f"{where}: beside 'soft_ner' there must be 'soft_ner_labels', a list of the labels "
            f"that the teacher knows; found {json.dumps(labels)}"
        )
    return labels


def _checked_span(value: Any, words: range, labels: Sequence[str], where: Annotated) -> SoftSpan:
    if not (
        isinstance(value, list)
        and len(value) == 3
        and is_index(value[0])
        and is_index(value[1])
        and isinstance(value[2], dict)
    ):
        raise DocumentError(f"{where} is not {_FORM}")
    start, end, probabilities = value
    check_span(start, end, words, where)
    for label, probability in probabilities.items():
        if label not in labels:
            raise DocumentError(f"{where} has a label that is not in 'soft_ner_labels': {label!r}")
        if not _is_probability(probability):
            raise DocumentError(f"{where}: {json.dumps(probability)} is no probability")
    if sum(probabilities.values()) > 1 + _ROUNDING * (1 + len(probabilities)):
        raise DocumentError(f"{where}: its probabilities add up to more than 1")
    return SoftSpan(start, end, probabilities)


def _is_probability(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
