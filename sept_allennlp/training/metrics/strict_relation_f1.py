from typing import Dict, Iterable, Sequence

from allennlp.training.metrics import Metric

from sept_allennlp.training.metrics.label_counts import LabelCounts
from sept_allennlp.training.metrics.relation_sets import SENSES, relation_sets
from sept_runtime.documents import Document, Prediction


@Metric.register("strict_relation_f1")
class StrictRelationF1(Metric):
    """
    Micro-averaged precision, recall and F1 of relations, in both of the usual senses.

    *Rel*: a prediction is right if the label, and start and end of head and tail, are all those of
    a gold relation of the same document. *Rel+*: the labels of both entities must be right as well.
    (Bekoulis et al. 2018 call them "boundaries" and "strict"; Zhong and Chen 2021, "A Frustratingly
    Easy Approach for Entity and Relation Extraction", Rel and Rel+.)

    Sets are counted. The gold relations are those of the annotation, so one whose entities were not
    found counts as missed. A relation with a symmetric label is the same in either order.

    In distributed training the counts of all processes are added up when the metric is read.

    Registered as a `Metric` with name "strict_relation_f1".

    # Parameters

    labels : `Sequence[str]`
        The labels that may occur.
    symmetric_labels : `Sequence[str]`, optional (default = `()`)
        The labels of relations without a direction.
    """

    def __init__(self, labels: Sequence[str], symmetric_labels: Sequence[str] = ()) -> None:
        self._symmetric = frozenset(symmetric_labels)
        self._counts = {sense: LabelCounts(labels) for sense in SENSES}

    def reset(self) -> None:
        """Reset the local counts."""
        for counts in self._counts.values():
            counts.reset()

    def __call__(  # type: ignore[override]
        self, predictions: Iterable[Prediction], documents: Iterable[Document]
    ) -> None:
        """
        Count the predictions for a batch of documents; those without annotation are ignored.

        # Raises

        `KeyError` for a label that is not among `labels`.
        """
        for predicted, document in zip(predictions, documents, strict=True):
            if document.relations is None:
                continue
            relations = map(predicted.in_words, predicted.relations or [])
            found = relation_sets(relations, predicted.entities, self._symmetric)
            gold = relation_sets(document.relations, document.entities or [], self._symmetric)
            for sense, counts in self._counts.items():
                counts.add(found[sense], gold[sense])

    def report(self, reset: bool = False) -> Dict[str, float]:
        """Return `get_metric`, with the labels' scores only when the counts are reset."""
        metrics = self.get_metric(reset)
        return metrics if reset else {k: v for k, v in metrics.items() if "-" not in k}

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        Return the scores.

        # Returns

        `rel_precision`, `rel_recall` and `rel_f1`, `rel_plus_precision` and so on, and the same for
        each label as `rel_precision-LABEL` and so on; 0 if nothing was predicted or there is
        nothing to find.
        """
        metrics = {
            f"{sense}_{name}": value
            for sense, counts in self._counts.items()
            for name, value in counts.scores().items()
        }
        if reset:
            self.reset()
        return metrics
