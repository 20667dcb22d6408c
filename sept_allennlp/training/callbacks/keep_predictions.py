from pathlib import Path
from typing import Any, Dict, List, Tuple

import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.callbacks import TrainerCallback

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.predictions import prediction_to_json
from sept_runtime.formats.scierc import to_ner
from sept_runtime.tokenization.words import with_joined_text

PREDICTIONS = "validation_predictions.jsonl"

_Predicted = List[Tuple[Document, Prediction]]


@TrainerCallback.register("keep_predictions")
class KeepPredictions(TrainerCallback):
    """
    Keeps, in `validation_predictions.jsonl` of the training's folder, what the model predicts for
    the validation data in the best epoch, whose weights the archive holds. From this file two
    systems are compared document by document. It is what `allennlp predict` writes, and holds the
    gold annotation as `ner` and `gold_relations`.

    A model that predicts no entities (a span filter) leaves no file.

    Registered as a `TrainerCallback` with name "keep_predictions".
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self._predicted: _Predicted = []

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
        """Collects what was predicted for a batch of the validation data."""
        if is_training:
            return
        for inputs, outputs in zip(batch_inputs, batch_outputs):
            documents = [fields["document"] for fields in inputs["metadata"]]
            entities = outputs.get("entities", [])
            relations = outputs.get("relations", [None] * len(entities))
            # Other models know nothing of relations.
            symmetric = getattr(trainer.model, "symmetric_labels", None)
            self._predicted += [
                (document, Prediction(found, related, symmetric_labels=symmetric))
                for document, found, related in zip(documents, entities, relations)
            ]

    def on_epoch(
        self,
        trainer: Any,
        metrics: Dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        """Writes the epoch's predictions if it is the best so far, and forgets them if not."""
        predicted, self._predicted = self._predicted, []
        if metrics.get("best_epoch") != epoch:
            return
        predicted = _of_all_processes(predicted)
        if predicted and is_primary:
            file = Path(self.serialization_dir) / PREDICTIONS
            part = file.with_suffix(".part")
            part.write_text("".join(_line(*pair) for pair in predicted), encoding="utf-8")
            # Whole or not at all, should the training be killed here.
            part.replace(file)


def _of_all_processes(predicted: _Predicted) -> _Predicted:
    if not is_distributed():
        return predicted
    shares: List[_Predicted] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(shares, predicted)
    # Without the empty documents that even the shares.
    return [pair for share in shares for pair in share if pair[0].sentences]


def _line(document: Document, prediction: Prediction) -> str:
    given: Dict[str, Any] = {"sentences": document.sentences}
    if document.entities is not None:
        given["ner"] = to_ner(document, document.entities)
    return dump_line(prediction_to_json(with_joined_text(document), prediction, given))
