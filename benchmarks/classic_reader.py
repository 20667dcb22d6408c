import json
from typing import Any, Dict, Iterable, List

from allennlp.data import DatasetReader, Instance, Token, TokenIndexer
from allennlp.data.dataset_readers.dataset_utils import enumerate_spans
from allennlp.data.fields import (
    Field,
    ListField,
    MetadataField,
    SequenceLabelField,
    SpanField,
    TextField,
)

# The label of a candidate that is no entity.
NOT_ANNOTATED = "none"


class ClassicReader(DatasetReader):
    """
    Reader of SciERC's format in the way of AllenNLP's span models: one `SpanField` and one label
    for each candidate. It checks nothing.
    """

    def __init__(self, token_indexers: Dict[str, TokenIndexer], max_span_width: int) -> None:
        super().__init__()
        self._token_indexers = token_indexers
        self._max_span_width = max_span_width

    def _read(self, file_path: str) -> Iterable[Instance]:
        with open(file_path) as lines:
            for line in lines:
                yield self.text_to_instance(json.loads(line))

    def text_to_instance(self, document: Dict[str, Any]) -> Instance:  # type: ignore[override]
        sentences: List[List[str]] = document["sentences"]
        text = TextField([Token(word) for sentence in sentences for word in sentence])
        label_of = {(s, e): label for spans in document["ner"] for s, e, label in spans}
        spans: List[Field] = []
        labels: List[str] = []
        offset = 0
        for sentence in sentences:
            for start, end in enumerate_spans(
                sentence, offset=offset, max_span_width=self._max_span_width
            ):
                spans.append(SpanField(start, end, text))
                labels.append(label_of.get((start, end), NOT_ANNOTATED))
            offset += len(sentence)
        span_field = ListField(spans)
        return Instance(
            {
                "text": text,
                "spans": span_field,
                "span_labels": SequenceLabelField(labels, span_field),
                "metadata": MetadataField({"document": document}),
            }
        )

    def apply_token_indexers(self, instance: Instance) -> None:
        instance["text"].token_indexers = self._token_indexers  # type: ignore[attr-defined]
