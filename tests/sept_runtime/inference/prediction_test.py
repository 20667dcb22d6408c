from typing import Iterator

from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.inference.prediction import predict
from sept_runtime.options import Decoding
from tests.sept_runtime.word_predictor import WordPredictor


def document(*words: str) -> Document:
    return Document(key="", sentences=[list(words)])


def test_the_results_are_in_the_order_of_the_documents() -> None:
    predictor = WordPredictor()
    documents = [
        document("a", "parser", "and", "a", "parser"),
        document("none"),
        document("a", "corpus", "here"),
    ]
    found = list(predict(predictor, documents, Decoding(), batch_size=2))
    assert [[(span.start, span.score) for span in prediction.entities] for prediction in found] == [
        [(1, 0.5), (4, 0.5)],
        [],
        [(1, 0.75)],
    ]
    # The shortest first, two at a time.
    assert predictor.batches == [[1, 3], [5]]


def test_the_decoding_is_passed_on() -> None:
    documents = [document("parser", "corpus")]
    (prediction,) = predict(WordPredictor(), documents, Decoding(min_score=0.6))
    assert [span.start for span in prediction.entities] == [1]


def test_a_predictor_says_how_many_words_a_batch_has() -> None:
    predictor = WordPredictor(max_batch_words=4)
    documents = [document(*["parser"] * length) for length in (2, 1, 2, 9)]
    found = list(predict(predictor, documents, Decoding(), batch_size=3))
    assert [len(prediction.entities) for prediction in found] == [2, 1, 2, 9]
    assert predictor.batches == [[1, 2], [2], [9]]


def test_documents_without_words_have_no_entities_and_need_no_model() -> None:
    predictor = WordPredictor()
    nothing = Document(key="", sentences=[[], []])
    documents = [nothing, document("parser"), Document(key="", sentences=[])]
    found = list(predict(predictor, documents, Decoding()))
    parser = ScoredSpan(0, 0, "Thing", 0.5, (("Thing", 0.5),))
    assert found == [Prediction([]), Prediction([parser]), Prediction([])]
    assert predictor.batches == [[1]]
    assert list(predict(predictor, [nothing], Decoding())) == [Prediction([])]
    assert predictor.batches == [[1]]
    predictor.finds_relations = True
    assert list(predict(predictor, [nothing], Decoding())) == [Prediction([], relations=[])]


def test_there_may_be_any_number_of_documents() -> None:
    taken = 0

    def documents() -> Iterator[Document]:
        nonlocal taken
        while True:
            taken += 1
            yield document("parser")

    found = predict(WordPredictor(), documents(), Decoding(), batch_size=2)
    for _ in range(3):
        assert next(found).entities
    # 16 batches are read ahead.
    assert taken == 2 * 16


def test_interleaved_predictions_are_independent() -> None:
    predictor = WordPredictor()
    documents = [document("parser"), document("corpus", "parser")]
    strict = predict(predictor, documents, Decoding(min_score=0.6), batch_size=1)
    plain = predict(predictor, documents, Decoding(), batch_size=1)
    pairs = [(len(few.entities), len(all_.entities)) for few, all_ in zip(strict, plain)]
    assert pairs == [(0, 1), (1, 2)]
