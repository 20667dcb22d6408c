from typing import Dict, Hashable, Iterable, List, Sequence, Set, Tuple

from allennlp.training.metrics import Metric

from sept_allennlp.metrics.label_counts import LabelCounts
from sept_runtime.documents import AnnotatedRelation, Document, Prediction, Span

_Place = Tuple[int, int]


@Metric.register("strict_relation_f1")
class StrictRelationF1(Metric):
    """
    Micro-averaged precision, recall and F1 of relations in both of the usual senses. *Rel*: a
    prediction is right if the label, and start and end of head and tail, are all those of a gold
    relation of the same document. *Rel+*: the labels of both entities must be right as well.
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
        Those whose relations have no direction.
    """

    def __init__(self, labels: Sequence[str], symmetric_labels: Sequence[str] = ()) -> None:
        self._symmetric = frozenset(symmetric_labels)
        self._rel = LabelCounts(labels)
        self._rel_plus = LabelCounts(labels)

    def reset(self) -> None:
        """Forgets what was counted, in this process alone."""
        self._rel.reset()
        self._rel_plus.reset()

    def __call__(  # type: ignore[override]
        self, predictions: Iterable[Prediction], documents: Iterable[Document]
    ) -> None:
        """
        Counts what was found in a batch of documents, as far as their relations are annotated.

        # Raises

        `KeyError` for a label that is not among `labels`.
        """
        for predicted, document in zip(predictions, documents, strict=True):
            if document.relations is None:
                continue
            relations = [predicted.in_words(relation) for relation in predicted.relations or []]
            gold = document.relations
            self._rel.add({*map(self._places, relations)}, {*map(self._places, gold)})
            self._rel_plus.add(
                self._with_labels(relations, predicted.entities),
                self._with_labels(gold, document.entities or []),
            )

    def _with_labels(
        self, relations: List[AnnotatedRelation], entities: Sequence[Span]
    ) -> Set[Tuple[Hashable, str]]:
        labels = {(entity.start, entity.end): entity.label for entity in entities}
        return {
            (tuple((place, labels.get(place)) for place in places), label)
            for places, label in map(self._places, relations)
        }

    def _places(self, relation: AnnotatedRelation) -> Tuple[Tuple[_Place, _Place], str]:
        head, tail, label = relation.directed(self._symmetric)
        return (head, tail), label

    def report(self, reset: bool = False) -> Dict[str, float]:
        """`get_metric`, but per label only when the counts are reset: at an evaluation's end."""
        metrics = self.get_metric(reset)
        return metrics if reset else {k: v for k, v in metrics.items() if "-" not in k}

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        # Returns

        `rel_precision`, `rel_recall` and `rel_f1`, `rel_plus_precision` and so on, and the same per
        label as `rel_precision-LABEL` and so on; 0 where nothing was predicted or there is nothing
        to find.
        """
        metrics = {
            f"{sense}_{name}": value
            for sense, counts in (("rel", self._rel), ("rel_plus", self._rel_plus))
            for name, value in counts.scores().items()
        }
        if reset:
            self.reset()
        return metrics
