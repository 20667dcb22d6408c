"""Corpora annotated by an exported model, whose workers import neither PyTorch nor AllenNLP."""

import gzip
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from sept_runtime.commands import main
from sept_runtime.corpus.formats import encode
from sept_runtime.corpus.prediction import ExportedShardPredictor
from sept_runtime.corpus.settings import ModelSettings
from sept_runtime.corpus.shards import Shard, ShardLines
from sept_runtime.errors import CorpusError, ExportedModelError
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.records import FieldOptions
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.onnx import ExportedPredictor

LINES = [b'{"id": "a", "text": "We use a parser for parsing."}', b"", b"{", b'{"text": "We use."}']


def test_a_shard_is_annotated_as_by_predict(exported_model: Path) -> None:
    settings = ModelSettings.of(str(exported_model), predictor_args={"min_score": 0.2})
    shard = ShardLines(Shard(0, 3, 101, 4, 60, True), LINES)
    predicted = ExportedShardPredictor(settings).predict(shard, "in.jsonl")
    predictor = ExportedPredictor(exported_model)
    expected = list(predict_lines(predictor, LINES, predictor.decoding.changed(min_score=0.2)))
    assert predicted.lines == [dump_line(expected[0]), dump_line(expected[3])]
    assert [json.loads(error)["line"] for error in predicted.errors] == [102, 103]


def test_relations_are_a_parquet_column(related_model: Path) -> None:
    lines = Path("fixtures/raw_abstracts.jsonl").read_bytes().splitlines()
    shard = ShardLines(Shard(0, 3, 101, len(lines), 60, True), lines)
    predicted = ExportedShardPredictor(ModelSettings.of(str(related_model))).predict(shard, "in")
    table = parquet.read_table(io.BytesIO(encode(predicted.lines, "parquet", "zst")))
    relations = table["relations"].to_pylist()
    assert relations == [json.loads(line)["relations"] for line in predicted.lines]
    assert any(relations)


def test_a_model_that_has_changed_is_refused(exported_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported_model, tmp_path / "exported"))
    settings = ModelSettings.of(str(folder))
    assert settings == replace(ModelSettings.of(str(exported_model)), archive=str(folder))
    with (folder / "sept.json").open("a") as configuration:
        configuration.write("\n")
    with pytest.raises(CorpusError, match="has changed since the run began"):
        ExportedShardPredictor(settings)
    (folder / "span_head.onnx").unlink()
    with pytest.raises(ExportedModelError, match="span_head.onnx: missing"):
        ModelSettings.of(str(folder))


@pytest.mark.parametrize(
    "options, fault",
    [
        ({"overrides": "{}"}, "--overrides applies to archives"),
        ({"packages": ("mine",)}, "--include-package applies to"),
        ({"cuda_device": 0}, "--gpus-per-actor applies to archives"),
        (
            {"predictor_args": {"min_score": 2}},
            "--predictor-args: min_score must be",
        ),
        ({"predictor_args": {"color": 2}}, "--predictor-args: .*color"),
    ],
)
def test_options_of_archives_are_refused(exported_model: Path, options: Any, fault: str) -> None:
    with pytest.raises(CorpusError, match=fault):
        ExportedShardPredictor.load(ModelSettings.of(str(exported_model), **options))


def test_memory_of_a_worker(exported_model: Path) -> None:
    settings = ModelSettings.of(str(exported_model))
    size = sum(path.stat().st_size for path in exported_model.iterdir())
    assert ExportedShardPredictor.worker_bytes(settings) == 2**29 + 3 * size


class Light(ExportedShardPredictor):
    """Fails if its process has imported what it should not need."""

    def predict(self, shard_lines: ShardLines, file_name: str, fields: FieldOptions) -> Any:
        heavy = {"torch", "allennlp", "sept_allennlp", "transformers"} & sys.modules.keys()
        assert not heavy, heavy
        return super().predict(shard_lines, file_name, fields)


def test_engine_and_precision_are_passed_to_the_model(exported_model: Path) -> None:
    with pytest.raises(ExportedModelError, match="ONNX Runtime does not compute in bfloat16"):
        ExportedShardPredictor.load(ModelSettings.of(str(exported_model), precision="bfloat16"))
    with pytest.raises(ValueError, match="engine must be .*, got 'other'"):
        ExportedShardPredictor.load(ModelSettings.of(str(exported_model), engine="other"))


@pytest.mark.processes
def test_the_command_needs_neither_pytorch_nor_allennlp(
    exported_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    import cloudpickle

    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(f'{{"id": {n}, "text": "We use parser {n}."}}\n' for n in range(9)))
    output = tmp_path / "annotated"
    # By value: a worker cannot import `tests`.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr("sept_runtime.corpus.prediction.ExportedShardPredictor", Light)
    options = f"--model {exported_model} --output {output} --shard-size 4 --actors 1"
    main(f"annotate {corpus} {options}".split())
    lines = [
        json.loads(line)
        for path in sorted((output / "annotations").iterdir())
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert [line["id"] for line in lines] == list(range(9))
