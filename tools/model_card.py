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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Dict, List

import numpy as np
import pandas as pd

from sept_allennlp.experiments.counts import COUNTS, Counted, count_predictions
from sept_runtime.analysis.errors import analyze_errors
from sept_runtime.formats.predictions import FailedInput, read_predictions
from sept_runtime.formats.scierc import read_scierc
from sept_runtime.scoring import precision_recall_f1

_TEMPLATE = Path(__file__).with_suffix(".md")
_RESAMPLES = 10_000
_COUNTED: Dict[str, Counted] = {
    "entities": "entities",
    "relations (Rel)": "rel",
    "relations (Rel+)": "rel_plus",
}


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the exported model, which gets the README.md")
    parser.add_argument(
        "--dev", type=Path, required=True, help="its predictions for SciERC's dev split"
    )
    parser.add_argument("--other", type=Path, required=True, help="its predictions for the fixture")
    parser.add_argument("--train", required=True, help="SciERC's training split")
    args = parser.parse_args()
    # This refuses predictions in which a document has failed.
    dev = {name: count_predictions([args.dev], 0.0, what) for name, what in _COUNTED.items()}
    other = count_predictions([args.other])
    fields = other.groupby(other.index.str.rpartition("-").get_level_values(0), sort=False)
    predicted = (
        line for line in read_predictions(str(args.dev)) if not isinstance(line, FailedInput)
    )
    seen = analyze_errors(predicted, read_scierc(args.train)).groups
    text = string.Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        scores=table(
            ("SciERC's dev split, 50 abstracts", "precision", "recall", "F1", "95% interval of F1"),
            [(name, *scores(counts, interval=True)) for name, counts in dev.items()],
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
                (name.replace("-", " "), str(len(counts)), *scores(counts))
                for name, counts in (*fields, ("all", other))
            ],
        ),
        made="\n".join(
            f"- {key}: {value}"
            for key, value in json.loads((args.folder / "sept.json").read_text())["made"].items()
        ),
    )
    (args.folder / "README.md").write_text(text, encoding="utf-8")


def scores(counts: pd.DataFrame, interval: bool = False) -> List[str]:
    """Return precision, recall and F1, and the interval of F1 if it is asked for."""
    rows = counts[COUNTS].to_numpy()
    found = list(map(figure, precision_recall_f1(*map(int, rows.sum(axis=0))).values()))
    if interval:
        drawn = np.random.default_rng(0).integers(len(rows), size=(_RESAMPLES, len(rows)))
        right, predicted, gold = rows[drawn].sum(axis=1).T
        low, high = np.quantile(2 * right / np.maximum(predicted + gold, 1), [0.025, 0.975])
        found.append(f"{figure(low)} to {figure(high)}")
    return found


def figure(value: float) -> str:
    """Return a score with three digits."""
    return f"{value:.3f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
