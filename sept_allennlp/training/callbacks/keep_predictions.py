from pathlib import Path
from typing import Any, Dict, List

import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.training.checkpointer import written_whole
from sept_allennlp.training.evaluation import Predicted, predicted, prediction_lines

PREDICTIONS = "validation_predictions.jsonl"


@TrainerCallback.register("keep_predictions")
class KeepPredictions(TrainerCallback):
    """
    Callback that writes the validation data's predictions in the best epoch.

    They are in `validation_predictions.jsonl` of the training's folder, as `allennlp predict`
    writes them, with the gold annotation as `ner` and `gold_relations`. Two systems can be compared
    document by document from such files.

    A model that predicts no entities (a span filter) leaves no file.

    Registered as a `TrainerCallback` with name "keep_predictions".
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self._predicted: Predicted = []

    @override
    def on_batch(  # type: ignore[override]
        self,
        trainer: Any,
        batch_inputs: List[Dict[str, Any]],
        batch_outputs: List[Dict[str, Any]],
        batch_metrics: Dict[str, Any],
        epoch: int,
        batch_number: int,
        is_training: bool,
        **kwargs: Any,
    ) -> None:
        if not is_training:
            for inputs, outputs in zip(batch_inputs, batch_outputs):
                self._predicted += predicted(inputs, outputs, trainer.model)

    @override
    def on_epoch(
        self,
        trainer: Any,
        metrics: Dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        pairs, self._predicted = self._predicted, []
        if metrics.get("best_epoch") != epoch:
            return
        pairs = _of_all_processes(pairs)
        if pairs and is_primary:
            with written_whole(str(Path(self.serialization_dir) / PREDICTIONS)) as part:
                Path(part).write_text("".join(prediction_lines(pairs)), encoding="utf-8")


def _of_all_processes(pairs: Predicted) -> Predicted:
    if not is_distributed():
        return pairs
    shares: List[Predicted] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(shares, pairs)
    return [pair for share in shares for pair in share]
