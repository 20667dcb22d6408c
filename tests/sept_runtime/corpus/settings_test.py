import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.version import VERSION

MODEL = ModelSettings("model.tar.gz", "12ab", predictor_args={"min_score": 0.5})
SETTINGS = CorpusSettings(MODEL, ("corpus",), Path("out"), text_column="abstract")


def test_what_the_output_depends_on_has_the_names_of_the_first_version() -> None:
    assert SETTINGS.identity() == {
        "version of sept_allennlp": VERSION,
        "archive's SHA-256": "12ab",
        "overrides": "",
        "predictor-args": {"min_score": 0.5},
        "format": "jsonl",
        "compression": "gz",
        "shard-size": 2048,
        "text-column": "abstract",
    }


def test_the_output_depends_on_engine_and_precision() -> None:
    model = replace(MODEL, engine="openvino", precision="bfloat16")
    assert replace(SETTINGS, model=model).identity() == {
        **SETTINGS.identity(),
        "engine": "openvino",
        "precision": "bfloat16",
    }


def test_another_number_of_workers_or_batch_size_goes_on_with_a_run() -> None:
    other = replace(SETTINGS, workers=7, cpus=2.0, gpus=0.5, model=replace(MODEL, batch_size=8))
    assert other.identity() == SETTINGS.identity()


def test_an_archive_is_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"trained")
    monkeypatch.chdir(tmp_path)
    model = ModelSettings.of("model.tar.gz", batch_size=8)
    assert model.archive == str(tmp_path.resolve() / "model.tar.gz")
    assert model.digest == hashlib.sha256(b"trained").hexdigest()
    assert model.batch_size == 8
