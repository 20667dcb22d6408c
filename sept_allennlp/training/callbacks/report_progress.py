import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.training.console import LOG, progress

# So many epochs without any F1 are reported.
_EPOCHS_WITHOUT_F1 = 3

_NOTHING_LEARNED = (
    "F1 has been 0 for {epochs} epochs: the model has not found any entity yet. Usually helpful: "
    "more epochs (trainer.num_epochs), smaller batches (data_loader.batch_size), a higher learning "
    "rate of the head (trainer.optimizer.lr). Also check that the labels of the training and of "
    "the validation data are the same, and that entities are not wider than model.max_span_width."
)


@TrainerCallback.register("report_progress")
class ReportProgress(TrainerCallback):
    """
    Callback that prints what is trained, a line for each epoch, and a table of scores at the end.

    It warns when F1 stays 0. The trainer has it by default; `trainer.enable_default_callbacks:
    false` turns it off.

    Registered as a `TrainerCallback` with name "report_progress".
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self._began = 0.0
        self._first_epoch: Optional[int] = None
        self._without_f1 = 0

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        self._began = time.monotonic()
        if is_primary:
            config = Path(self.serialization_dir) / "config.json"
            for name, value in settings(json.loads(config.read_text()) if config.exists() else {}):
                progress.info("%-16s%s", name, value)
            reader = getattr(trainer.data_loader, "reader", None)
            for indexer in (getattr(reader, "_token_indexers", None) or {}).values():
                if isinstance(indexer, WordPieceIndexer):
                    casing = "lower-cased" if indexer.lowercases else "upper and lower case"
                    progress.info("%-16s%s", "words", casing)
            progress.info("%-16s%s", "device", trainer.cuda_device)
            progress.info("%-16s%s", "log", Path(self.serialization_dir) / LOG)

    @override
    def on_epoch(
        self,
        trainer: Any,
        metrics: Dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        if not is_primary:
            return
        if self._first_epoch is None:
            self._first_epoch = epoch
        seconds = (time.monotonic() - self._began) / (epoch + 1 - self._first_epoch)
        left = timedelta(seconds=round(seconds * (trainer._num_epochs - epoch - 1)))
        scores = [
            f"{label} {metrics[name]:.4g}"
            for name, label in (
                ("training_loss", "loss"),
                ("validation_loss", "validation loss"),
                ("validation_f1", "F1"),
                ("validation_rel_f1", "relation F1"),
                ("validation_perplexity", "perplexity"),
            )
            if name in metrics
        ]
        best = " (best)" if metrics.get("best_epoch") == epoch else ""
        count = f"epoch {epoch + 1}/{trainer._num_epochs}"
        progress.info("%s  %s%s  %s left", count, ", ".join(scores), best, left)
        self._warn(metrics)

    def _warn(self, metrics: Dict[str, Any]) -> None:
        self._without_f1 = self._without_f1 + 1 if metrics.get("validation_f1") == 0.0 else 0
        if self._without_f1 == _EPOCHS_WITHOUT_F1:
            progress.info("warning: " + _NOTHING_LEARNED.format(epochs=_EPOCHS_WITHOUT_F1))

    @override
    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        # Without metrics, training has failed or was interrupted.
        if is_primary and metrics is not None:
            for line in score_table(metrics):
                progress.info("%s", line)
            progress.info("The model is %s", Path(self.serialization_dir) / "model.tar.gz")


def settings(config: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    """Yield what a configuration trains on what, by name, as far as it says."""
    encoders = dict.fromkeys(_values(config.get("model", {}), "model_name"))
    if encoders:
        yield "encoder", ", ".join(map(str, encoders))
    for name in ("train_data_path", "validation_data_path"):
        if config.get(name) is not None:
            yield name.removesuffix("_path").replace("_", " "), config[name]
    if config.get("pytorch_seed") is not None:
        yield "seed", config["pytorch_seed"]


def _values(value: Any, key: str) -> Iterator[Any]:
    """Yield the values of a key, however deep."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from _values(inner, key)


def score_table(metrics: Dict[str, Any]) -> List[str]:
    """Return the lines of a table: precision, recall and F1 in the best epoch, for each label."""
    scores = {
        name.removeprefix("best_validation_"): value
        for name, value in metrics.items()
        if name.startswith("best_validation_")
    }
    rows = []
    for name in scores:
        kind, _, label = name.partition("-")
        if kind == "f1" or kind.endswith("_f1"):
            stem = kind.removesuffix("f1")
            suffix = name.removeprefix(kind)
            names = [f"{stem}{part}{suffix}" for part in ("precision", "recall", "f1")]
            if scores.keys() >= set(names):
                title = label or {"": "all entities", "rel_": "all relations"}.get(stem, stem[:-1])
                rows.append((title, [scores[part] for part in names]))
    if not rows:
        return []
    width = max(len(title) for title, _ in rows) + 2
    head = "".join(f"{part:>11}" for part in ("precision", "recall", "F1"))
    best = f"epoch {metrics['best_epoch'] + 1}"
    return [
        f"{best:<{width}}{head}",
        *(f"{title:<{width}}{''.join(f'{value:11.4f}' for value in row)}" for title, row in rows),
    ]
