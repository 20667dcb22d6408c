"""Folders that are not what was exported: each is refused in a line that names what to do."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import sept_runtime
from sept_runtime.errors import ExportedModelError
from tests.openvino import ENGINES


@pytest.fixture
def folder(exported_model: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(exported_model, tmp_path / "exported"))


@pytest.fixture
def related(related_model: Path, tmp_path: Path) -> Path:
    """A copy to damage, of a model that finds relations."""
    return Path(shutil.copytree(related_model, tmp_path / "related"))


def change(folder: Path, edit: Callable[[Dict[str, Any]], Any]) -> None:
    """Edits the configuration."""
    path = folder / "sept.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


def put(folder: Path, name: str, content: bytes) -> None:
    """Replaces a file, as if it had been exported so."""
    (folder / name).write_bytes(content)
    facts = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change(folder, lambda fields: fields["files"].update({name: facts}))


def refusal(folder: Path, engine: str = "onnxruntime") -> str:
    with pytest.raises(ExportedModelError) as error:
        sept_runtime.load(folder, engine=engine)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_what_is_no_folder(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "none")
    (tmp_path / "model.tar.gz").touch()
    assert "an archive becomes one by 'allennlp sept-export'" in refusal(tmp_path / "model.tar.gz")
    assert "sept.json: is missing; copy the folder again" in refusal(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["encoder.onnx", "span_head.onnx", "relation_head.onnx", "tokenizer.json", "sept.json"],
)
def test_a_member_that_is_missing_cut_or_changed(related: Path, name: str) -> None:
    folder, path = related, related / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{name}: is damaged" in refusal(folder)
    if name != "sept.json":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert f"{name}: is damaged, or of another model" in refusal(folder)
    path.unlink()
    assert f"{name}: is missing" in refusal(folder)


@pytest.mark.exports
def test_an_encoder_in_int8_that_is_another(int8_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(int8_model, tmp_path / "int8"))
    (folder / "encoder_int8.onnx").write_bytes(b"of another model")
    # Also for what does without it: the folder is what was exported, or it is not.
    assert "encoder_int8.onnx: is damaged, or of another model" in refusal(folder)


def test_a_newer_version(folder: Path) -> None:
    change(folder, lambda fields: fields.update(format_version=2))
    assert "reads versions up to 1: install a newer release" in refusal(folder)


def test_what_a_reader_must_know(folder: Path) -> None:
    change(folder, lambda fields: fields.update(needs=["magic"], format_version=1))
    assert "has magic, which this release does not know: install a newer" in refusal(folder)


def test_only_a_model_of_relations_is_refused_where_these_are_not_known(
    exported_model: Path, related_model: Path
) -> None:
    # Releases before there were any know no needs, and the same version.
    for folder, needs in ((exported_model, []), (related_model, ["relations"])):
        fields = json.loads((folder / "sept.json").read_text())
        assert (fields["format_version"], fields["needs"]) == (1, needs)


def test_a_folder_of_before_relations_could_be_exported(folder: Path) -> None:
    expected = list(sept_runtime.load(folder).annotate(["We train a parser."]))
    change(folder, lambda fields: fields["decoding"].pop("min_relation_score"))
    assert list(sept_runtime.load(folder).annotate(["We train a parser."])) == expected


def test_keys_that_nobody_knows_are_left_alone(folder: Path) -> None:
    change(folder, lambda fields: fields.update(color="blue"))
    change(folder, lambda fields: fields["model"]["scorer"].update(color="blue"))
    list(sept_runtime.load(folder).annotate(["We train a parser."]))


@pytest.mark.parametrize(
    "edit, fault",
    [
        (lambda f: f.pop("labels"), "'labels' is missing"),
        (lambda f: f["labels"].pop(), "'labels' are 5, and the model has 7 scores"),
        (lambda f: f.update(max_span_width=0), "'max_span_width' must be a whole number from 1"),
        (lambda f: f.update(decoding=[]), "'decoding' is no object"),
        (lambda f: f["decoding"].update(min_score=2.0), "'decoding' is wrong: min_score must"),
        (lambda f: f["model"]["windows"].update(stride=0), "'stride' must lie between 1 and"),
        (lambda f: f["model"]["scorer"].update(type="magic"), "'magic' is not known here"),
        (lambda f: f["model"]["scorer"]["pooling"].update(type="magic"), "'magic' is not known"),
        (lambda f: f["model"]["scorer"]["pooling"].update(dim=17), "whose width should be 17"),
        (lambda f: f["model"].update(graph="span_head.onnx"), "names a graph that another"),
        (lambda f: f["model"].update(graph="other.onnx"), "'files' does not tell of other.onnx"),
        (lambda f: f["files"].pop("tokenizer.json"), "'files' does not tell of tokenizer.json"),
    ],
)
def test_a_configuration_that_is_not_right(folder: Path, edit: Any, fault: str) -> None:
    change(folder, edit)
    message = refusal(folder)
    assert fault in message
    assert "export the model again" in message


@pytest.mark.parametrize(
    "edit, fault",
    [
        (lambda f: f.pop("relations"), "'relations' is missing, which 'needs' names"),
        (lambda f: f["relations"].pop("threshold"), "'threshold' is missing"),
        (lambda f: f["relations"]["labels"].pop(), "'labels' are 6, and the scorer has 7 scores"),
        (
            lambda f: f["relations"]["symmetric_labels"].append("MAGIC"),
            "'symmetric_labels' has MAGIC, not among 'labels'",
        ),
        (lambda f: f["relations"]["scorer"].update(type="magic"), "'magic' is not known here"),
        (
            lambda f: f["relations"]["scorer"].update(graph="span_head.onnx"),
            "names a graph that another part has",
        ),
        (lambda f: f["relations"]["scorer"].update(sequence_dim=8), "are those of another model"),
        (lambda f: f["relations"]["scorer"].update(span_dim=8), "are those of another model"),
        (
            lambda f: f["relations"]["scorer"]["distances"].update(shape=[2, 0, 25], float32=""),
            "'distances' is empty",
        ),
        (lambda f: f["decoding"].update(min_relation_score=2.0), "min_relation_score must be"),
        (lambda f: f["files"].pop("relation_head.onnx"), "does not tell of relation_head.onnx"),
    ],
)
def test_relations_that_are_not_right(related: Path, edit: Any, fault: str) -> None:
    change(related, edit)
    message = refusal(related)
    assert fault in message
    assert "export the model again" in message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_of_relations_of_another_model(related: Path, engine: str) -> None:
    # A pair's vector: two of 16 with 25 for the label, 16 between them, 25 for the distance.
    for graph, fault in (
        (head({"pooled": (1, ["n", 122])}), "relation_head.onnx: takes pooled as float32"),
        (head({"vectors": (1, ["n", 123])}), "takes 'vectors', and should take 'pooled'"),
        (head({"pooled": (1, ["n", 123])}, (1, ["n", 6])), "whose width should be 7"),
    ):
        put(related, "relation_head.onnx", graph)
        message = refusal(related, engine)
        assert fault in message and "export the model again" in message


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"[]", b"NaN"])
def test_a_configuration_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "sept.json").write_bytes(content)
    assert str(folder / "sept.json") in refusal(folder)


@pytest.mark.parametrize("name", ["../encoder.onnx", "/etc/passwd", "a\\b.onnx", "..", "C:x.onnx"])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    shutil.copy(folder / "encoder.onnx", folder.parent)
    facts = json.loads((folder / "sept.json").read_text())["files"]["encoder.onnx"]
    change(folder, lambda fields: fields["model"].update(graph=name))
    change(folder, lambda fields: fields["files"].update({name: facts}))
    assert "is no name of a file in the folder" in refusal(folder)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "sept.json"])
def test_no_link_leads_out_of_the_folder(folder: Path, name: str) -> None:
    shutil.move(folder / name, folder.parent / name)
    os.symlink(Path("..") / name, folder / name)
    assert "a link that leads out of the folder; copy the folder with" in refusal(folder)


def test_a_link_inside_the_folder_will_do(folder: Path) -> None:
    shutil.move(folder / "encoder.onnx", folder / "weights")
    os.symlink("weights", folder / "encoder.onnx")
    list(sept_runtime.load(folder).annotate(["We train a parser."]))


def test_a_tokenizer_that_is_none(folder: Path) -> None:
    put(folder, "tokenizer.json", b"{}")
    assert "tokenizer.json: cannot be loaded" in refusal(folder)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"no graph", bytes(100)])
def test_a_graph_that_is_none(folder: Path, content: bytes, engine: str) -> None:
    put(folder, "span_head.onnx", content)
    message = refusal(folder, engine)
    # OpenVINO takes nothing for a graph of nothing.
    fault = "takes nothing" if engine == "openvino" and not content else "cannot be loaded"
    assert f"span_head.onnx: {fault}" in message and "export the model again" in message


def head(
    inputs: Dict[str, Any],
    output: Any = (1, ["n", 7]),
    location: "str | None" = None,
    given: str = "weights",
) -> bytes:
    """A graph that gives zeros, or what lies at a location, whatever its inputs are."""
    weights = helper.make_tensor("weights", 1, [7], [0.0] * 7)
    if location is not None:
        weights = TensorProto(name="weights", data_type=1, dims=[7])
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Identity", [given], ["scores"])]
    values = [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()]
    outputs = [helper.make_tensor_value_info("scores", *output)]
    graph = helper.make_graph(nodes, "head", values, outputs, [weights])
    opsets = [helper.make_opsetid("", 18)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "graph, fault",
    [
        (head({"vectors": (1, ["n", 16])}), "takes 'vectors', and should take 'pooled'"),
        (head({}), "takes nothing, and should take 'pooled'"),
        (head({"pooled": (7, ["n", 16])}), "takes pooled as int64"),
        (head({"pooled": (1, ["n", 15])}), "takes pooled as float32"),
        (head({"pooled": (1, [3, 16])}), "takes pooled as float32"),
        (head({"pooled": (1, ["n", 16])}, (1, ["n", 6])), "whose width should be 7"),
        (head({"pooled": (1, ["n", 16])}, (7, ["n", 7])), "span_head.onnx: "),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_of_another_model(folder: Path, graph: bytes, fault: str, engine: str) -> None:
    put(folder, "span_head.onnx", graph)
    message = refusal(folder, engine)
    assert fault in message and "export the model again" in message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_that_yields_something_else_than_it_promised(folder: Path, engine: str) -> None:
    graph = head({"pooled": (1, ["n", "dim"])}, (1, ["n", "labels"]), given="pooled")
    put(folder, "span_head.onnx", graph)
    model = sept_runtime.load(folder, engine=engine)
    with pytest.raises(ExportedModelError, match=r"yields \((15|128), 16\) where"):
        list(model.annotate(["We train a parser."]))


@pytest.mark.parametrize("location", ["../secret", "{folder}/../secret", "link"])
@pytest.mark.parametrize("engine", ENGINES)
def test_weights_from_outside_the_folder_are_not_read(
    folder: Path, location: str, engine: str
) -> None:
    secret = folder.parent / "secret"
    secret.write_bytes(np.zeros(7, np.float32).tobytes())
    os.symlink("../secret", folder / "link")
    graph = head({"pooled": (1, ["n", 16])}, location=location.format(folder=folder.resolve()))
    put(folder, "span_head.onnx", graph)
    assert "span_head.onnx: cannot be loaded" in refusal(folder, engine)
