"""The engines: which there are, and that they compute the same."""

import sys
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from sept_runtime.documents import Document
from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx import ExportedPredictor, load
from sept_runtime.onnx.sessions import find_engine, open_vino
from tests.openvino import ENGINES, needs_bfloat16, needs_openvino

# Batches of other lengths than each other, one of them read in several windows.
WORDS = ["We", "train", "unsupervised", "models", "on", "a", "corpus", "."]
BATCHES = [
    [Document("", [WORDS[:length]]) for length in lengths]
    for lengths in ([3, 8], [8], [1, 2, 5, 7], [8, 8, 3])
] + [[Document("", [WORDS] * 20), Document("", [WORDS[:4]])]]


def probabilities(folder: Path, engine: str, precision: str = "float32") -> Any:
    predictor = ExportedPredictor(folder, 1, engine, precision)
    scored = [scored for batch in BATCHES for scored in predictor.score_batch(batch)]
    return np.concatenate([each.probabilities for each in scored])


@needs_openvino
def test_the_engines_agree(exported_model: Path) -> None:
    expected = probabilities(exported_model, "onnxruntime")
    found = probabilities(exported_model, "openvino")
    assert len(expected) == sum(
        min(12, length - start)
        for batch in BATCHES
        for document in batch
        for length in map(len, document.sentences)
        for start in range(length)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_bfloat16
def test_bfloat16_is_near(exported_model: Path) -> None:
    expected = probabilities(exported_model, "onnxruntime")
    found = probabilities(exported_model, "openvino", "bfloat16")
    assert 1e-4 < np.abs(found - expected).max() < 0.02
    # Where one label is more probable than all others by more than that, it is the same.
    second, first = np.sort(expected, axis=1)[:, -2:].T
    clear = first - second > 0.04
    assert clear.mean() > 0.1
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[clear].all()


@pytest.mark.exports
@pytest.mark.parametrize("engine", ENGINES)
def test_int8_is_near(int8_model: Path, engine: str) -> None:
    expected = probabilities(int8_model, engine)
    found = probabilities(int8_model, engine, "int8")
    assert 1e-4 < np.abs(found - expected).max() < 0.05
    # All graphs of the same model but one.
    again = probabilities(int8_model, "onnxruntime", "int8")
    np.testing.assert_allclose(found, again, atol=5e-3)


def test_a_model_that_was_exported_without_int8(exported_model: Path) -> None:
    with pytest.raises(
        ExportedModelError, match="no encoder in int8; use the precision 'float32', or export"
    ):
        load(exported_model, precision="int8")


@needs_openvino
def test_a_processor_without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = open_vino.import_openvino()

    class Old:
        def get_property(self, device: str, name: str) -> List[str]:
            assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", Old)
    find_engine("openvino", "float32", threads=1)
    with pytest.raises(ExportedModelError, match="no instructions for bfloat16; use .*'float32'"):
        find_engine("openvino", "bfloat16", threads=1)


def test_without_openvino_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    find_engine("onnxruntime", "float32", threads=1)
    with pytest.raises(
        ExportedModelError, match="extra 'openvino': pip install 'sept_allennlp"
    ) as error:
        find_engine("openvino", "float32", threads=1)
    assert "\n" not in str(error.value)


def test_onnx_runtime_has_no_bfloat16(exported_model: Path) -> None:
    with pytest.raises(ExportedModelError, match="does not compute in bfloat16 .* 'openvino'"):
        load(exported_model, precision="bfloat16")


def test_invalid_options_are_refused(exported_model: Path) -> None:
    with pytest.raises(ValueError, match="engine must be 'onnxruntime' or 'openvino', got 'torch'"):
        load(exported_model, engine="torch")
    with pytest.raises(
        ValueError, match="precision must be 'float32' or 'bfloat16' or 'int8', got 'int4'"
    ):
        load(exported_model, precision="int4")
