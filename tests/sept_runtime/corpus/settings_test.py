import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.formats.records import FieldOptions
from sept_runtime.version import VERSION

MODEL = ModelSettings("model.tar.gz", "12ab", predictor_args={"min_score": 0.5})
FIELDS = FieldOptions("abstract", "pmid", "name", ("year",), with_title=True)
SETTINGS = CorpusSettings(
    MODEL, ("corpus",), Path("out"), format="csv", fields=FIELDS, one_per_line=True
)


def test_everything_that_changes_an_answer_is_recorded() -> None:
    model = replace(MODEL, overrides="{}", packages=("mine",), engine="openvino")
    settings = replace(SETTINGS, model=replace(model, precision="bfloat16", batch_size=8))
    assert settings.identity() == {
        "version of sept_allennlp": VERSION,
        "model's SHA-256": "12ab",
        "--overrides": "{}",
        "--predictor-args": {"min_score": 0.5},
        "--include-package": ["mine"],
        "--engine": "openvino",
        "--precision": "bfloat16",
        "--batch-size": 8,
        "--output-format": "jsonl",
        "--compression": "gz",
        "--shard-size": 2048,
        "--format": "csv",
        "--text-field": "abstract",
        "--id-field": "pmid",
        "--title-field": "name",
        "--with-title": True,
        "--keep": ["year"],
        "--one-per-line": True,
    }


def test_defaults_are_recorded_too() -> None:
    identity = CorpusSettings(ModelSettings("model", "12ab"), (), Path("out")).identity()
    assert identity["--engine"] == "onnxruntime"
    assert identity["--precision"] == "float32"
    assert identity["--with-title"] is False
    assert identity["--text-field"] is identity["--format"] is None


def test_workers_and_batch_size_may_change_in_float32() -> None:
    other = replace(SETTINGS, workers=7, cpus=2.0, gpus=0.5, model=replace(MODEL, batch_size=8))
    assert other.identity() == SETTINGS.identity()
    for model in (
        replace(MODEL, precision="int8"),
        replace(MODEL, predictor_args={"precision": "bfloat16"}),
    ):
        one, other = (
            replace(SETTINGS, model=replace(model, batch_size=batch_size)) for batch_size in (8, 32)
        )
        assert one.identity() != other.identity()


def test_an_archive_is_identified_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"trained")
    monkeypatch.chdir(tmp_path)
    model = ModelSettings.of("model.tar.gz", batch_size=8)
    assert model.archive == str(tmp_path.resolve() / "model.tar.gz")
    assert model.digest == hashlib.sha256(b"trained").hexdigest()
    assert model.batch_size == 8
