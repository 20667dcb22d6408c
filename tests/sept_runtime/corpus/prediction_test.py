import json
from pathlib import Path
from typing import Any, Sequence

import pytest
import torch

from sept_allennlp.corpus import ArchiveShardPredictor
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.corpus.settings import ModelSettings, model_digest
from sept_runtime.corpus.shards import Shard, ShardLines
from sept_runtime.documents import Document
from sept_runtime.errors import CorpusError
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.options import Decoding

LINES = [b'{"id": "a", "text": "We use a parser for parsing."}', b"", b"{", b'{"text": "We use."}']


@pytest.fixture(autouse=True)
def restore_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_shard_is_annotated_as_by_predict(trained_archive: str) -> None:
    settings = ModelSettings.of(trained_archive, batch_size=1)
    shard = ShardLines(Shard(0, 3, 101, 4, 60, True), LINES, {1: "the line is too long"})
    predicted = ArchiveShardPredictor(settings).predict(shard, "in.jsonl")
    predictor = SEPTPredictor.from_path(trained_archive)
    expected = list(predict_lines(predictor, LINES, predictor.decoding, batch_size=1))
    assert predicted.lines == [predictor.dump_line(expected[0]), predictor.dump_line(expected[3])]
    unread, malformed = map(json.loads, predicted.errors)
    assert unread == {"file": "in.jsonl", "line": 102, "error": "the line is too long"}
    assert (malformed["line"], malformed["error"]) == (103, expected[2]["error"])


def test_a_document_that_the_model_fails_on_is_one_error(
    trained_archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A document to a batch: its scores depend on no other.
    settings = ModelSettings.of(trained_archive, batch_size=1)
    shard_predictor = ArchiveShardPredictor(settings)
    lines = [LINES[0], b'{"id": 7, "text": "We use a terribly large parser."}', LINES[3]]
    shard = ShardLines(Shard(0, 0, 11, 3, 60, True), lines)
    expected = shard_predictor.predict(shard, "in.jsonl").lines
    predict_batch = SEPTPredictor.predict_batch

    def fail(self: SEPTPredictor, documents: Sequence[Document], decoding: Decoding) -> Any:
        if any("terribly" in document.words for document in documents):
            raise MemoryError("of the GPU")
        return predict_batch(self, documents, decoding)

    monkeypatch.setattr(SEPTPredictor, "predict_batch", fail)
    predicted = shard_predictor.predict(shard, "in.jsonl")
    assert predicted.lines == [expected[0], expected[2]]
    assert list(map(json.loads, predicted.errors)) == [
        {
            "file": "in.jsonl",
            "line": 12,
            "error": "the model failed: MemoryError: of the GPU",
            "id": 7,
        }
    ]


def test_options_are_passed_to_the_model(trained_archive: str) -> None:
    settings = ModelSettings.of(trained_archive, predictor_args={"min_score": 1.0}, threads=2)
    shard_predictor = ArchiveShardPredictor(settings)
    assert torch.get_num_threads() == 2
    predicted = shard_predictor.predict(
        ShardLines(Shard(0, 0, 1, 1, 9, True), LINES[:1]), "in.jsonl"
    )
    assert json.loads(predicted.lines[0])["entities"] == []


def test_an_archive_takes_a_precision_but_no_engine(trained_archive: str) -> None:
    with pytest.raises(CorpusError, match="--engine applies to exported models"):
        ArchiveShardPredictor.load(ModelSettings.of(trained_archive, engine="openvino"))
    # By the option or by --predictor-args.
    for option in ({"precision": "int8"}, {"predictor_args": {"precision": "int8"}}):
        with pytest.raises(CorpusError, match=r"\(precision\): an archive"):
            ArchiveShardPredictor.load(ModelSettings.of(trained_archive, **option))


@pytest.mark.parametrize("options", [{"min_scor": 0.5}, {"min_score": 2.0}])
def test_wrong_options_are_named(trained_archive: str, options: Any) -> None:
    (name,) = options
    with pytest.raises(CorpusError, match=rf"does not take these options \({name}\): "):
        ArchiveShardPredictor.load(ModelSettings.of(trained_archive, predictor_args=options))


def test_another_archive_is_refused(trained_archive: str, tmp_path: Path) -> None:
    other = tmp_path / "model.tar.gz"
    other.write_bytes(b"retrained")
    settings = ModelSettings(str(other), model_digest(trained_archive))
    with pytest.raises(CorpusError, match="has changed since the run began"):
        ArchiveShardPredictor(settings)
