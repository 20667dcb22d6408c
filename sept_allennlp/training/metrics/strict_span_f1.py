from typing import Dict, Iterable, Sequence, Tuple

from allennlp.training.metrics import Metric

from sept_allennlp.training.metrics.label_counts import LabelCounts
from sept_runtime.documents import Document, ScoredSpan


@Metric.register("strict_span_f1")
class StrictSpanF1(Metric):
    """
    Micro-averaged precision, recall and F1 of labeled spans, overall and for each label.

    A prediction is right if start, end and label are all those of a gold entity of the same
    document. Sets are counted. The gold entities are those of the annotation, so one that the model
    cannot find (because it is too wide, say) counts as missed.

    In distributed training the counts of all processes are added up when the metric is read.

    Registered as a `Metric` with name "strict_span_f1".

    # Parameters

    labels : `Sequence[str]`
        The labels that may occur.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._counts = LabelCounts(labels)

    def reset(self) -> None:
        """Reset the local counts."""
        self._counts.reset()

    def __call__(  # type: ignore[override]
        self,
        predictions: Iterable[Iterable[Tuple[int, int, str]]],
        gold: Iterable[Iterable[Tuple[int, int, str]]],
    ) -> None:
        """
        Count the predictions for a batch of documents.

        # Parameters

        predictions, gold :
            For each document its entities, as (start, end, label).

        # Raises

        `KeyError` for a label that is not among `labels`.
        """
        for predicted_entities, gold_entities in zip(predictions, gold, strict=True):
            self._counts.add(
                {((start, end), label) for start, end, label in predicted_entities},
                {((start, end), label) for start, end, label in gold_entities},
            )

    def count(
        self, entities: Sequence[Sequence[ScoredSpan]], documents: Sequence[Document]
    ) -> None:
        """
        Count the predictions for a batch of documents; those without annotation are ignored.

        # Parameters

        entities :
            For each document its predicted entities.
        documents :
            The documents, with their gold entities.
        """
        for found, document in zip(entities, documents, strict=True):
            if document.entities is not None:
                self([[entity[:3] for entity in found]], [document.entities])

    def report(self, reset: bool = False) -> Dict[str, float]:
        """Return `get_metric`, with the labels' scores only when the counts are reset."""
        metrics = self.get_metric(reset)
        return metrics if reset else {name: metrics[name] for name in ("precision", "recall", "f1")}

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        Return the scores.

        # Returns

        `precision`, `recall` and `f1`, and the same for each label as `precision-LABEL` and so on;
        0 if nothing was predicted or there is nothing to find.
        """
        metrics = self._counts.scores()
        if reset:
            self.reset()
        return metrics
