from dataclasses import replace
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Union

from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.predictors.onednn import use_onednn
from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import failure_to_json, prediction_to_json
from sept_runtime.formats.requests import document_from_request
from sept_runtime.words import with_joined_text

# How many batches' worth of inputs are read ahead and sorted by length, as long as they do not
# have more words than this.
_BATCHES_AHEAD = 16
_WORDS_AHEAD = 500_000

# The most words of a batch, padding included; a longer document makes a batch of its own. So one
# very long document does not have its whole batch padded to its length.
_WORDS_IN_BATCH = 16_384
# A CPU's cores are busy with fewer, and it is a quarter slower where activations outgrow its cache.
_WORDS_IN_BATCH_ON_CPU = 2_048


class Request(NamedTuple):
    """An input (`None` where it could not even be read), and the document or error made of it."""

    fields: Any
    document: Union[Document, DocumentError]

    @classmethod
    def from_json(cls, fields: Any) -> "Request":
        try:
            return cls(fields, document_from_request(fields))
        except DocumentError as error:
            return cls(fields, error)

    @property
    def num_words(self) -> int:
        return len(self.document.offsets or []) if isinstance(self.document, Document) else 0


@Predictor.register("sept")
class SEPTPredictor(Predictor):
    """
    Annotates documents given as JSON objects with `text`, `tokens` or `sentences` (see
    `sept_runtime.formats.requests`). An input that cannot be used yields an object with `error`
    instead of entities; nothing is raised and nothing is left out.

    The options below are given on the command line as `--predictor-args '{"min_score": 0.5}'`.

    Registered as a `Predictor` with name "sept".

    # Parameters

    model : `Model`
    dataset_reader : `DatasetReader`
    frozen : `bool`, optional (default = `True`)
    flat, min_score, top_labels : optional
        As for `Decoding`; what is left out stays as the model has it.
    """

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        flat: Optional[bool] = None,
        min_score: Optional[float] = None,
        top_labels: Optional[int] = None,
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        use_onednn(model)
        given = {"flat": flat, "min_score": min_score, "top_labels": top_labels}
        options = {name: value for name, value in given.items() if value is not None}
        self._decoding = Decoding(**{**vars(model.decoding), **options})

    def predict_json(self, inputs: JsonObject) -> JsonObject:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: Sequence[JsonObject]) -> List[JsonObject]:
        return self._annotate_batch([Request.from_json(fields) for fields in inputs])

    def annotate(self, requests: Iterable[Request], batch_size: int) -> Iterator[JsonObject]:
        """
        The outputs for any number of requests, in order. They are read ahead a bounded number at a
        time, and documents of like length share a batch.
        """
        on_cpu = next(self._model.parameters()).device.type == "cpu"
        most_words = _WORDS_IN_BATCH_ON_CPU if on_cpu else _WORDS_IN_BATCH
        for block in _blocks(requests, batch_size * _BATCHES_AHEAD):
            outputs: Dict[int, JsonObject] = {}
            lengths = [request.num_words for request in block]
            for places in _batches(lengths, batch_size, most_words):
                outputs.update(zip(places, self._annotate_batch([block[i] for i in places])))
            yield from (outputs[place] for place in range(len(block)))

    def _annotate_batch(self, requests: Sequence[Request]) -> List[JsonObject]:
        instances = [
            # Gold does not matter here, and may have labels that the model does not know.
            self._dataset_reader.text_to_instance(replace(request.document, entities=None))
            for request in requests
            if isinstance(request.document, Document)
        ]
        predicted = iter(self._forward(instances))
        return [
            prediction_to_json(document, next(predicted)["entities"], fields)
            if isinstance(document, Document)
            else failure_to_json(str(document), fields)
            for fields, document in requests
        ]

    def predict_instance(self, instance: Instance) -> JsonObject:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonObject]:
        """What a dataset reader has read (`--use-dataset-reader`), in the same form."""
        outputs = []
        for instance, predicted in zip(instances, self._forward(instances)):
            document = with_joined_text(instance["metadata"]["document"])
            outputs.append(prediction_to_json(document, predicted["entities"], {}))
        return outputs

    def _forward(self, instances: List[Instance]) -> List[Dict[str, Any]]:
        if not instances:
            return []
        for instance in instances:
            self._dataset_reader.apply_token_indexers(instance)
        # Here and not at the start, because another predictor may have the same model.
        self._model.decoding = self._decoding
        return self._model.forward_on_instances(instances)

    def dump_line(self, outputs: JsonObject) -> str:
        return dump_line(outputs)


def _blocks(requests: Iterable[Request], most: int) -> Iterator[List[Request]]:
    """The requests in order, as many at a time as are to be held."""
    block: List[Request] = []
    words = 0
    for request in requests:
        block.append(request)
        words += request.num_words
        if len(block) >= most or words >= _WORDS_AHEAD:
            yield block
            block, words = [], 0
    if block:
        yield block


def _batches(lengths: Sequence[int], batch_size: int, most_words: int) -> Iterator[List[int]]:
    """The places of a block, in batches of like length."""
    batch: List[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        # The longest so far, to which the others are padded.
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[place] > most_words):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
