"""The model card of an exported model."""

import json
from pathlib import Path
from typing import Any, Dict, List

from sept_runtime.onnx.configuration import Configuration

# The scores to show, and their headings.
_SCORES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "micro F1",
}
# The scored items, and the prefix of the scores' names.
_SCORED = {
    "entities": "",
    "relations (Rel)": "rel_",
    "relations (Rel+)": "rel_plus_",
}

_RELATIONS_COUNT = (
    " A relation counts (Rel) if its label and the boundaries of both entities are right, and "
    "(Rel+) if the labels of both entities are right as well."
)


def model_card(
    configuration: Configuration, trained: Dict[str, Any], metrics: Dict[str, Any], check: str
) -> str:
    """
    Write the model card.

    # Parameters

    configuration : `Configuration`
    trained : `Dict[str, Any]`
        The configuration of the training.
    metrics : `Dict[str, Any]`
        The content of the training's `metrics.json`; empty if there is no such file.
    check : `str`
        How well the export agrees with its archive.
    """
    made = configuration.made
    data = [
        f"- {what}: `{readable(trained[key])}`"
        for what, key in (
            ("training", "train_data_path"),
            ("validation", "validation_data_path"),
            ("test", "test_data_path"),
        )
        if trained.get(key)
    ]
    limit = configuration.max_span_width
    return "\n".join(
        [
            "# SEPT model for named entity recognition",
            "",
            f"This model finds entities of {len(configuration.labels)} kinds, "
            f"{', '.join(f'`{label}`' for label in sorted(configuration.labels))}, of up to "
            f"{limit} words, in English text like the texts that it was trained on.",
            *_relations(configuration),
            "",
            "## Data",
            "",
            *(data or ["The archive does not name its training data."]),
            f"- encoder: `{made['encoder']}`",
            "",
            "The data's own license and limits hold for what the model has learned from them.",
            "",
            "## Scores",
            "",
            *_scores(metrics, configuration),
            "",
            "## Use",
            "",
            "```bash",
            "pip install .   # in a copy of sept_allennlp; brings neither PyTorch nor AllenNLP",
            "sept predict --model FOLDER abstracts.jsonl -o out.jsonl",
            "```",
            "",
            "```python",
            "import sept_runtime",
            "",
            'for entities in sept_runtime.load("FOLDER").annotate(["We train a parser."]):',
            "    print([(entity.text, entity.label, entity.score) for entity in entities])",
            "```",
            "",
            "## Origin",
            "",
            f"Written by sept_allennlp {made['sept_allennlp']} from an archive with the SHA-256 "
            f"`{made['archive_sha256']}`. Computes in float32. Compared with the archive: "
            f"{check}.",
            "",
        ]
    )


def read_metrics(archive: Path) -> Dict[str, Any]:
    """Read the scores of a training from `metrics.json` in its folder; empty if it is missing."""
    folder = archive if archive.is_dir() else archive.parent
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def _relations(configuration: Configuration) -> List[str]:
    if configuration.relations is None:
        return []
    decoding = configuration.relations.decoding
    labels, symmetric = (
        ", ".join(f"`{label}`" for label in sorted(names))
        for names in (decoding.labels, decoding.symmetric_labels)
    )
    without = f" {symmetric} have no direction." if symmetric else ""
    kinds = f"{len(decoding.labels)} kinds, {labels}"
    return ["", f"It finds relations of {kinds}, between entities of one sentence.{without}"]


def _scores(metrics: Dict[str, Any], configuration: Configuration) -> List[str]:
    rows = []
    for prefix, data in (("best_validation_", "validation"), ("test_", "test")):
        for what, name in _SCORED.items():
            values = [metrics.get(f"{prefix}{name}{score}") for score in _SCORES]
            if all(isinstance(value, (int, float)) for value in values):
                numbers = " | ".join(f"{value:.3f}" for value in values)
                rows.append(f"| {data} | {what} | {numbers} |")
    if not rows:
        return ["Unknown: the folder of the archive had no `metrics.json`."]
    return [
        f"| data | scored | {' | '.join(_SCORES.values())} |",
        f"| --- | --- |{' --- |' * len(_SCORES)}",
        *rows,
        "",
        "Strict: an entity counts if its first word, its last word and its label are right."
        + (_RELATIONS_COUNT if configuration.relations is not None else ""),
    ]


def readable(path: Any) -> str:
    """Return the last two parts of a path; the others belong to the machine of the training."""
    if isinstance(path, list):
        return ", ".join(map(readable, path))
    return "/".join(str(path).rstrip("/").split("/")[-2:])
