from typing import Dict, Iterable, Sequence, Tuple

from allennlp.training.metrics import Metric

from sept_allennlp.training.metrics.label_counts import LabelCounts
from sept_runtime.documents import Document, ScoredSpan


@Metric.register("strict_span_f1")
class StrictSpanF1(Metric):
    """
    Micro-averaged precision, recall and F1 of labeled spans, overall and per label: a prediction
    is right if start, end and label are all those of a gold entity of the same document.

    Sets are counted. The gold entities are those of the annotation, so one that the model could
    not even consider (wider than its limit, say) counts as missed.

    In distributed training the counts of all processes are added up when the metric is read.

    Registered as a `Metric` with name "strict_span_f1".

    # Parameters

    labels : `Sequence[str]`
        The labels that may occur.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._counts = LabelCounts(labels)

    def reset(self) -> None:
        """Forgets what was counted, in this process alone."""
        self._counts.reset()

    def __call__(  # type: ignore[override]
        self,
        predictions: Iterable[Iterable[Tuple[int, int, str]]],
        gold: Iterable[Iterable[Tuple[int, int, str]]],
    ) -> None:
        """
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
        Counts what was found in a batch of documents, as far as they are annotated.

        # Parameters

        entities :
            For each document what was found in it.
        documents :
            The documents, with their gold entities.
        """
        for found, document in zip(entities, documents, strict=True):
            if document.entities is not None:
                self([[entity[:3] for entity in found]], [document.entities])

    def report(self, reset: bool = False) -> Dict[str, float]:
        """`get_metric`, but per label only when the counts are reset: at an evaluation's end."""
        metrics = self.get_metric(reset)
        return metrics if reset else {name: metrics[name] for name in ("precision", "recall", "f1")}

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        # Returns

        `precision`, `recall` and `f1`, and the same per label as `precision-LABEL` and so on;
        0 where nothing was predicted or there is nothing to find.
        """
        metrics = self._counts.scores()
        if reset:
            self.reset()
        return metrics
