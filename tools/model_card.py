"""
Write the model card of the model in models/scierc into an exported folder:

    sept predict scierc/dev.json --model exported/ -o dev.jsonl
    sept predict fixtures/other_fields.json --model exported/ -o other.jsonl
    python tools/model_card.py exported/ --train scierc/train.json --dev dev.jsonl \\
      --other other.jsonl

All figures come from these predictions, the text from tools/model_card.md. Intervals are 95%
intervals of a bootstrap over documents.
"""

import argparse
import json
import string
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np

from sept_runtime.analysis.errors import analyze_errors
from sept_runtime.documents import AnnotatedRelation
from sept_runtime.formats.predictions import PredictedDocument, read_predictions
from sept_runtime.formats.scierc import SYMMETRIC_LABELS, read_scierc
from sept_runtime.scoring import precision_recall_f1

_TEMPLATE = Path(__file__).with_suffix(".md")
_RESAMPLES = 10_000


class Sets(NamedTuple):
    """What is compared in a document: the predicted and the gold set."""

    predicted: AbstractSet[Any]
    gold: AbstractSet[Any]


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the exported model, which gets the README.md")
    parser.add_argument("--dev", required=True, help="its predictions for SciERC's dev split")
    parser.add_argument("--other", required=True, help="its predictions for the fixture")
    parser.add_argument("--train", required=True, help="SciERC's training split")
    args = parser.parse_args()
    dev, other = (documents(path) for path in (args.dev, args.other))
    seen = analyze_errors(dev, read_scierc(args.train)).groups
    fields: Dict[str, List[PredictedDocument]] = {}
    for document in other:
        fields.setdefault(document.document.key.rpartition("-")[0].replace("-", " "), []).append(
            document
        )
    text = string.Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        scores=table(
            ("SciERC's dev split, 50 abstracts", "precision", "recall", "F1", "95% interval of F1"),
            [
                (name, *scores([extract(document) for document in dev], interval=True))
                for name, extract in MEASURES.items()
            ],
        ),
        groups=table(
            ("entities", "precision", "recall", "F1", "in dev"),
            [
                (name, *map(figure, counts.scores), str(counts.gold))
                for group in ("label", "training data")
                for name, counts in seen[group].items()
            ],
        ),
        fields=table(
            ("field", "abstracts", "precision", "recall", "F1"),
            [
                (name, str(len(found)), *scores([entities(document) for document in found]))
                for name, found in {**fields, "all": other}.items()
            ],
        ),
        made="\n".join(
            f"- {key}: {value}"
            for key, value in json.loads((args.folder / "sept.json").read_text())["made"].items()
        ),
    )
    (args.folder / "README.md").write_text(text, encoding="utf-8")


def documents(path: str) -> List[PredictedDocument]:
    """Read predictions, none of which may have failed."""
    found = list(read_predictions(path))
    failed = [line for line in found if not isinstance(line, PredictedDocument)]
    if failed:
        raise SystemExit(f"{path}: {failed[0]}")
    return [line for line in found if isinstance(line, PredictedDocument)]


def entities(document: PredictedDocument) -> Sets:
    """Return entities as (first word, last word, label)."""
    return Sets(
        {entity[:3] for entity in document.predicted_entities},
        {entity[:3] for entity in document.document.entities or []},
    )


def relations(document: PredictedDocument) -> Sets:
    """Return relations as head, tail and label: the measure Rel."""
    prediction = document.predicted
    found = [] if prediction is None else prediction.relations or []
    return Sets(
        {prediction.in_words(each).directed(SYMMETRIC_LABELS) for each in found if prediction},
        {each.directed(SYMMETRIC_LABELS) for each in document.document.relations or []},
    )


def relations_with_labels(document: PredictedDocument) -> Sets:
    """Return relations that include the labels of both entities: the measure Rel+."""
    both = relations(document)
    predicted, gold = (
        {(entity.start, entity.end): entity.label for entity in entities}
        for entities in (document.predicted_entities, document.document.entities or [])
    )

    def labeled(found: Iterable[AnnotatedRelation], labels: Dict[Any, str]) -> AbstractSet[Any]:
        return {(each, labels[each.head], labels[each.tail]) for each in found}

    return Sets(labeled(both.predicted, predicted), labeled(both.gold, gold))


MEASURES: Dict[str, Callable[[PredictedDocument], Sets]] = {
    "entities": entities,
    "relations (Rel)": relations,
    "relations (Rel+)": relations_with_labels,
}


def scores(sets: Sequence[Sets], interval: bool = False) -> List[str]:
    """Return precision, recall and F1, and the interval of F1 if it is asked for."""
    counts = np.array(
        [(len(each.predicted & each.gold), len(each.predicted), len(each.gold)) for each in sets]
    )
    row = list(map(figure, precision_recall_f1(*map(int, counts.sum(axis=0))).values()))
    if interval:
        drawn = np.random.default_rng(0).integers(len(counts), size=(_RESAMPLES, len(counts)))
        right, predicted, gold = counts[drawn].sum(axis=1).T
        low, high = np.quantile(2 * right / np.maximum(predicted + gold, 1), [0.025, 0.975])
        row.append(f"{figure(low)} to {figure(high)}")
    return row


def figure(value: float) -> str:
    """Return a score with three digits."""
    return f"{value:.3f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
