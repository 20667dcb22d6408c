"""The model card that lies beside an exported model."""

import json
from pathlib import Path
from typing import Any, Dict, List

from sept_runtime.onnx.configuration import Configuration

# The scores that people look for, and what they are called.
_SCORES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "micro F1",
}
# What they are of, and how their names begin.
_SCORED = {
    "entities": "",
    "relations (Rel)": "rel_",
    "relations (Rel+)": "rel_plus_",
}

_RELATIONS_COUNT = (
    " A relation counts (Rel) if its label and the boundaries of both entities are right, and "
    "(Rel+) if their labels are right as well."
)


def model_card(
    configuration: Configuration, trained: Dict[str, Any], metrics: Dict[str, Any], check: str
) -> str:
    """
    # Parameters

    configuration : `Configuration`
    trained : `Dict[str, Any]`
        The configuration that the model was trained by.
    metrics : `Dict[str, Any]`
        What the training's `metrics.json` holds; nothing if there is none.
    check : `str`
        How the export agreed with its archive.
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
            "# A model of named entities (SEPT)",
            "",
            f"Finds entities of {len(configuration.labels)} kinds, "
            f"{', '.join(f'`{label}`' for label in sorted(configuration.labels))}, of up to "
            f"{limit} words, in English text like that which it was trained on.",
            *_relations(configuration),
            "",
            "## Data",
            "",
            *(data or ["The archive does not say what it was trained on."]),
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
            "## Made",
            "",
            f"By sept_allennlp {made['sept_allennlp']}, from an archive with the SHA-256 "
            f"`{made['archive_sha256']}`; float32. Compared with the archive: {check}.",
            "",
        ]
    )


def read_metrics(archive: Path) -> Dict[str, Any]:
    """The scores of the training that made an archive, from the file beside it, if it is there."""
    try:
        metrics = json.loads((archive.parent / "metrics.json").read_text(encoding="utf-8"))
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
    without = f" Without a direction are {symmetric}." if symmetric else ""
    kinds = f"{len(decoding.labels)} kinds, {labels}"
    return ["", f"Between entities of a sentence it finds relations of {kinds}.{without}"]


def _scores(metrics: Dict[str, Any], configuration: Configuration) -> List[str]:
    rows = []
    for prefix, data in (("best_validation_", "validation"), ("test_", "test")):
        for what, name in _SCORED.items():
            values = [metrics.get(f"{prefix}{name}{score}") for score in _SCORES]
            if all(isinstance(value, (int, float)) for value in values):
                numbers = " | ".join(f"{value:.3f}" for value in values)
                rows.append(f"| {data} | {what} | {numbers} |")
    if not rows:
        return ["Not known: there was no `metrics.json` of the training beside the archive."]
    return [
        f"| data | of | {' | '.join(_SCORES.values())} |",
        f"| --- | --- |{' --- |' * len(_SCORES)}",
        *rows,
        "",
        "Strict: an entity counts if its first word, its last word and its label are right."
        + (_RELATIONS_COUNT if configuration.relations is not None else ""),
    ]


def readable(path: Any) -> str:
    """The last two parts of a path: the others are of the machine that it was trained on."""
    if isinstance(path, list):
        return ", ".join(map(readable, path))
    return "/".join(str(path).rstrip("/").split("/")[-2:])
