"""Smaller exports and archives: weights in int8 and float16, computed in float32."""

import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from allennlp.commands import main
from onnx import TensorProto, helper, numpy_helper

import sept_runtime
from sept_allennlp.archives import load_archive
from sept_allennlp.export import ExportError
from sept_allennlp.export.compact import compact_graph
from sept_allennlp.export.float16_archive import to_float16, write_float16_archive

pytestmark = [pytest.mark.exports, pytest.mark.usefixtures("encoders_once")]

# Row i holds (127, i % 128, -3, 0) times its scale, a power of two: what int8 holds exactly.
_SCALES = 2.0 ** (np.arange(3000) % 5 - 2)
TABLE = np.stack(
    [np.full(3000, 127), np.arange(3000) % 128, np.full(3000, -3), np.zeros(3000)], axis=1
)
TABLE = (TABLE * _SCALES[:, None]).astype(np.float32)
# The first is rounded to 1 in float16, the second is too large for it.
ROUNDED = np.full((4, 256), 1 + 2.0**-12, np.float32)
LARGE = np.full((4, 256), 70_000.0, np.float32)


def graph() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "look_up"),
        helper.make_node("MatMul", ["rows", "rounded"], ["first"], "one"),
        helper.make_node("MatMul", ["rows", "large"], ["second"], "two"),
    ]
    arguments = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None])
        for name in ("rows", "first", "second")
    ]
    weights = {"table": TABLE, "rounded": ROUNDED, "large": LARGE}
    made = helper.make_graph(
        nodes,
        "graph",
        arguments,
        outputs,
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 23)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def test_a_compact_graph_by_hand() -> None:
    original = graph()
    compact = compact_graph(original)
    onnx.checker.check_model(compact)
    types = {each.name: each.data_type for each in compact.graph.initializer}
    assert types == {
        "table_int8": TensorProto.INT8,
        "table_scales": TensorProto.FLOAT,
        "rounded_float16": TensorProto.FLOAT16,
        "large": TensorProto.FLOAT,
    }
    assert {each.name for each in original.graph.initializer} == {"table", "rounded", "large"}
    ids = np.array([0, 1, 2999, 128, 7])
    session = onnxruntime.InferenceSession(compact.SerializeToString())
    rows, first, second = session.run(None, {"ids": ids})
    np.testing.assert_array_equal(rows, TABLE[ids])
    np.testing.assert_allclose(first, TABLE[ids].sum(axis=1, keepdims=True).repeat(256, axis=1))
    np.testing.assert_allclose(second, TABLE[ids] @ LARGE, rtol=1e-6)


def test_the_command(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder, archive = tmp_path / "exported", tmp_path / "new" / "half.tar.gz"
    arguments = ["sept-export", trained_archive, str(folder), "--compact"]
    arguments += ["--archive-float16", str(archive)]
    monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
    main()
    said = re.search(
        r"graphs of (\S+) MiB instead of (\S+), largest difference of a score from float32 (\S+), "
        r"\d+ of \d+ entities differ",
        capsys.readouterr().out,
    )
    assert said and float(said[1]) <= float(said[2]) and 0 < float(said[3]) < 0.01
    assert said[0] in (folder / "README.md").read_text()
    encoder = onnx.load(folder / "encoder.onnx")
    assert TensorProto.FLOAT16 in {each.data_type for each in encoder.graph.initializer}
    assert list(sept_runtime.load(folder).annotate(["We use a parser for parsing."]))[0]

    assert archive.stat().st_size < Path(trained_archive).stat().st_size
    expected = load_archive(trained_archive).model.state_dict()
    found = load_archive(archive).model.state_dict()
    assert found.keys() == expected.keys()
    rounded = 0
    for name, tensor in found.items():
        assert tensor.dtype == expected[name].dtype
        torch.testing.assert_close(tensor, expected[name], rtol=2**-10, atol=1e-7)
        rounded += not tensor.equal(expected[name])
    assert rounded


def test_large_float_weights_are_stored_in_float16() -> None:
    shared = torch.full((64, 64), 1 + 2.0**-12)
    state = {
        "shared": shared,
        "the_same": shared,
        "large": torch.full((64, 64), 70_000.0),
        "small": torch.tensor([1 + 2.0**-12]),
        "whole": torch.ones(64, 64, dtype=torch.long),
    }
    found = to_float16(state)
    assert found["shared"].dtype == torch.float16 and found["shared"].eq(1).all()
    assert found["the_same"].data_ptr() == found["shared"].data_ptr()
    for name in ("large", "small", "whole"):
        assert found[name] is state[name]


def test_an_archive_is_neither_overwritten_nor_a_folder(
    trained_archive: str, tmp_path: Path
) -> None:
    archive = Path(shutil.copy(trained_archive, tmp_path))
    content = archive.read_bytes()
    with pytest.raises(ExportError, match="must name another file than the archive"):
        write_float16_archive(archive, archive)
    with pytest.raises(ExportError, match="needs a model.tar.gz, not a folder"):
        write_float16_archive(tmp_path, tmp_path / "half.tar.gz")
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises((EOFError, tarfile.TarError)):
        write_float16_archive(archive, tmp_path / "half.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
