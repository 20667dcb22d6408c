"""What finished runs say of themselves: a table from the folders that `allennlp train` has left."""

import json
from pathlib import Path
from typing import Iterable, List

import pandas

_SCORES = ["precision", "recall", "f1"]


class RunError(ValueError):
    """A folder that holds no finished run."""


def collect(folders: Iterable[Path]) -> pandas.DataFrame:
    """
    One row a run, in the order given.

    # Parameters

    folders : `Iterable[Path]`
        What `allennlp train` was given as `--serialization-dir`.

    # Returns

    `pandas.DataFrame` with the columns `run` (the folder's name), `seed`, `precision`, `recall`,
    `f1` (on the validation data, of the best epoch), `best_epoch` and `epochs` (counted from 1),
    `last_f1` (of the last epoch), and `minutes` (wall time of training).

    # Raises

    `RunError` for a folder without `metrics.json`, which is written when a run ends.
    """
    rows: List[dict] = []
    for folder in folders:
        try:
            metrics = json.loads((folder / "metrics.json").read_text())
            config = json.loads((folder / "config.json").read_text())
        except FileNotFoundError as error:
            raise RunError(f"{folder}: not a finished run, there is no {error.filename}") from None
        minutes = pandas.to_timedelta(metrics["training_duration"]).total_seconds() / 60
        rows.append(
            {
                "run": folder.name,
                "seed": config.get("pytorch_seed"),
                **{name: metrics[f"best_validation_{name}"] for name in _SCORES},
                "best_epoch": metrics["best_epoch"] + 1,
                "epochs": metrics["epoch"] + 1,
                "last_f1": metrics["validation_f1"],
                "minutes": minutes,
            }
        )
    return pandas.DataFrame(rows)


def to_markdown(runs: pandas.DataFrame) -> str:
    """The runs as a Markdown table, with their mean and standard deviation below."""
    columns = list(runs.columns)
    lines = [columns, ["---"] * len(columns)]
    for row in runs.itertuples(index=False):
        lines.append([_shown(name, value) for name, value in zip(columns, row)])
    if len(runs) > 1:
        summary = {"run": "mean ± sd"}
        for name in [*_SCORES, "last_f1"]:
            summary[name] = f"{runs[name].mean():.4f} ± {runs[name].std():.4f}"
        summary["minutes"] = f"{runs['minutes'].mean():.1f}"
        lines.append([summary.get(name, "") for name in columns])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(name: str, value: object) -> str:
    if name == "minutes":
        return f"{value:.1f}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
