"""A model's predictions for annotated documents, as lines of `allennlp predict`."""

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from allennlp.data import DataLoader, TensorDict
from allennlp.evaluation import evaluator
from allennlp.evaluation.serializers.serializers import SimpleSerializer
from typing_extensions import override

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.predictions import prediction_to_json
from sept_runtime.formats.scierc import to_ner
from sept_runtime.tokenization.words import with_joined_text

Predicted = List[Tuple[Document, Prediction]]


def predicted(batch: TensorDict, outputs: Dict[str, Any], model: Any) -> Predicted:
    """Return the documents of a batch with what the model predicts, if it predicts entities."""
    metadata: Any = batch["metadata"]
    documents: List[Document] = [fields["document"] for fields in metadata]
    entities = outputs.get("entities", [])
    relations = outputs.get("relations", [None] * len(entities))
    # Other models know nothing of relations.
    symmetric = getattr(model, "symmetric_labels", None)
    return [
        (document, Prediction(found, related, symmetric_labels=symmetric))
        for document, found, related in zip(documents, entities, relations)
    ]


def prediction_lines(pairs: Iterable[Tuple[Document, Prediction]]) -> List[str]:
    """
    Return a line of JSON for each document, without the empty ones that even distributed shares.

    A line holds what `allennlp predict` writes and the gold annotation, as `ner` and
    `gold_relations`.
    """
    lines = []
    for document, prediction in pairs:
        if document.sentences:
            given: Dict[str, Any] = {"sentences": document.sentences}
            if document.entities is not None:
                given["ner"] = to_ner(document, document.entities)
            json = prediction_to_json(with_joined_text(document), prediction, given)
            lines.append(dump_line(json))
    return lines


class DocumentSerializer(SimpleSerializer):
    """
    Serializer of `allennlp evaluate --predictions-output-file`: a line for each document.

    For other data than documents, and for models that predict no entities, it writes what AllenNLP
    writes: a line of tensors for each batch.

    The evaluator's default.
    """

    @override
    def __call__(
        self,
        batch: Dict[str, Any],
        output_dict: Dict[str, Any],
        data_loader: DataLoader,
        output_postprocess_function: Optional[Callable[..., Any]] = None,
    ) -> str:
        fields: List[Dict[str, Any]] = batch.get("metadata") or []
        if not all(isinstance(field.get("document"), Document) for field in fields):
            return super().__call__(batch, output_dict, data_loader, output_postprocess_function)
        # A method of the model.
        model = getattr(output_postprocess_function, "__self__", None)
        pairs = predicted(batch, output_dict, model) if fields else []
        if pairs:
            # The evaluator ends the last line.
            return "".join(prediction_lines(pairs)).removesuffix("\n")
        keys = [{"doc_key": field["document"].key} for field in fields]
        tensors: Dict[str, Any] = {**batch, "metadata": keys}
        return super().__call__(tensors, output_dict, data_loader, output_postprocess_function)


def install() -> None:
    """Have `allennlp evaluate` write predictions by this module."""
    evaluator.SimpleSerializer = DocumentSerializer  # type: ignore[misc]
