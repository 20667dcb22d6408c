"""A document that the model fails on costs no other document its entities."""

import json
from typing import Any, List, Sequence

import pytest

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.records import read_lines
from sept_runtime.inference.prediction import predict
from sept_runtime.inference.prediction_files import Requests, predict_file
from sept_runtime.options import Decoding
from tests.sept_runtime.word_predictor import WordPredictor


class Fragile(WordPredictor):
    """Fails on every batch with a document of the word 'Break', as an encoder without room does."""

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        if any("Break" in document.words for document in documents):
            raise IndexError("index out of range\nin self")
        return super().predict_batch(documents, decoding)


TEXTS = ["A parser .", "Break the corpus .", "A corpus ."]


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_models_error_is_the_output_of_its_line(unbuffered: bool) -> None:
    lines = [json.dumps({"text": text}).encode() for text in TEXTS]
    requests = Requests(read_lines(lines, "texts"))
    written: List[Any] = []
    predicted = predict_file(
        Fragile(), requests, Decoding(), 32, written.append, lambda outputs: outputs, unbuffered
    )
    assert (predicted.total, predicted.failed, predicted.status) == (3, 1, 1)
    first, second, third = written
    assert [entity["text"] for entity in first["entities"]] == ["parser"]
    assert [entity["text"] for entity in third["entities"]] == ["corpus"]
    assert second["error"] == "the model failed: IndexError: index out of range"
    assert second["line"] == 2


def test_without_a_handler_the_exception_is_raised() -> None:
    documents = [Document("a", [text.split()]) for text in TEXTS]
    with pytest.raises(IndexError):
        list(predict(Fragile(), documents, Decoding()))
