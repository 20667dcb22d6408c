from typing import Any, Dict, List, Optional, Sequence, Union

from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from sept_allennlp.decoding import Decoding
from sept_allennlp.documents import Document, DocumentError
from sept_allennlp.json_interface import (
    JsonObject,
    annotation,
    document_to_annotate,
    dump_line,
    failure,
    with_joined_text,
)


@Predictor.register("sept")
class SEPTPredictor(Predictor):
    """
    Annotates documents given as JSON objects with `text`, `tokens` or `sentences` (see
    `sept_allennlp.json_interface`). An input that cannot be used yields an object with `error`
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
        given = {"flat": flat, "min_score": min_score, "top_labels": top_labels}
        options = {name: value for name, value in given.items() if value is not None}
        if options:
            model.decoding = Decoding(**{**vars(model.decoding), **options})

    def predict_json(self, inputs: JsonObject) -> JsonObject:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: Sequence[JsonObject]) -> List[JsonObject]:
        documents: List[Union[Document, DocumentError]] = []
        for fields in inputs:
            try:
                documents.append(document_to_annotate(fields))
            except DocumentError as error:
                documents.append(error)
        return self.annotate(documents, inputs)

    def annotate(
        self, documents: Sequence[Union[Document, DocumentError]], inputs: Sequence[Any]
    ) -> List[JsonObject]:
        """
        The outputs for documents that are already made, in one batch.

        # Parameters

        documents : `Sequence[Union[Document, DocumentError]]`
            As `document_to_annotate` makes them, or the error that it has raised.
        inputs : `Sequence[Any]`
            What each was made from.
        """
        instances = [
            self._dataset_reader.text_to_instance(document)
            for document in documents
            if isinstance(document, Document)
        ]
        predicted = iter(self._forward(instances))
        return [
            annotation(document, next(predicted)["entities"], fields)
            if isinstance(document, Document)
            else failure(str(document), fields)
            for document, fields in zip(documents, inputs)
        ]

    def predict_instance(self, instance: Instance) -> JsonObject:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonObject]:
        """What a dataset reader has read (`--use-dataset-reader`), in the same form."""
        outputs = []
        for instance, predicted in zip(instances, self._forward(instances)):
            document = with_joined_text(instance["metadata"]["document"])
            outputs.append(annotation(document, predicted["entities"], {}))
        return outputs

    def _forward(self, instances: List[Instance]) -> List[Dict[str, Any]]:
        if not instances:
            return []
        for instance in instances:
            self._dataset_reader.apply_token_indexers(instance)
        return self._model.forward_on_instances(instances)

    def dump_line(self, outputs: JsonObject) -> str:
        return dump_line(outputs)
