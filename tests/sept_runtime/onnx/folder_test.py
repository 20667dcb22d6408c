"""Folders that are not what was exported: each is refused in a line that names what to do."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import sept_runtime
from sept_runtime.errors import ExportedModelError
from tests.openvino import ENGINES


@pytest.fixture
def folder(exported_model: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return Path(shutil.copytree(exported_model, tmp_path / "exported"))


@pytest.fixture
def related(related_model: Path, tmp_path: Path) -> Path:
    """Return a copy to damage, of a model that finds relations."""
    return Path(shutil.copytree(related_model, tmp_path / "related"))


def change(folder: Path, edit: Callable[[Dict[str, Any]], Any]) -> None:
    """Edits the configuration."""
    path = folder / "sept.json"
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


def put(folder: Path, name: str, content: bytes) -> None:
    """Replace a file, as if it had been exported so."""
    (folder / name).write_bytes(content)
    facts = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change(folder, lambda fields: fields["files"].update({name: facts}))


def refusal(folder: Path, engine: str = "onnxruntime") -> str:
    with pytest.raises(ExportedModelError) as error:
        sept_runtime.load(folder, engine=engine)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_other_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "none")
    (tmp_path / "model.tar.gz").touch()
    assert "export an archive with 'allennlp sept-export'" in refusal(tmp_path / "model.tar.gz")
    assert "holds no exported model (sept.json is missing)" in refusal(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["encoder.onnx", "span_head.onnx", "relation_head.onnx", "tokenizer.json", "sept.json"],
)
def test_a_member_that_is_missing_cut_or_changed(related: Path, name: str) -> None:
    folder, path = related, related / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    fault = "Input data was truncated" if name == "sept.json" else "damaged"
    assert f"{name}: {fault}" in refusal(folder)
    if name != "sept.json":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert f"{name}: damaged, or part of another model" in refusal(folder)
    path.unlink()
    fault = "(sept.json is missing)" if name == "sept.json" else f"{name}: missing"
    assert fault in refusal(folder)


@pytest.mark.exports
def test_another_encoder_in_int8_is_refused(int8_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(int8_model, tmp_path / "int8"))
    (folder / "encoder_int8.onnx").write_bytes(b"of another model")
    # Also for engines that do not need it: a folder must be complete.
    assert "encoder_int8.onnx: damaged, or part of another model" in refusal(folder)


def test_a_newer_version(folder: Path) -> None:
    change(folder, lambda fields: fields.update(format_version=2))
    assert "reads version 1; install a newer release" in refusal(folder)


def test_unknown_keys_are_ignored(folder: Path) -> None:
    change(folder, lambda fields: fields.update(color="blue"))
    change(folder, lambda fields: fields["model"]["windows"].update(color="blue"))
    list(sept_runtime.load(folder).annotate(["We train a parser."]))


@pytest.mark.parametrize(
    "edit, fault",
    [
        (lambda f: f.pop("labels"), "missing required field `labels`"),
        (lambda f: f["labels"].pop(), "whose width should be 6"),
        (lambda f: f["labels"].append(5), "Expected `str`, got `int` - at `$.labels[6]`"),
        (lambda f: f.update(max_span_width=0), "Expected `int` >= 1 - at `$.max_span_width`"),
        (lambda f: f.update(max_span_width=True), "Expected `int`, got `bool`"),
        (lambda f: f.update(decoding=[]), "Expected `object`, got `array` - at `$.decoding`"),
        (lambda f: f["decoding"].update(min_score=2.0), "min_score must be a number between"),
        (lambda f: f["model"]["windows"].update(stride=0), "stride must be between 1 and content"),
        (lambda f: f["model"].update(dim=17), "encoder.onnx: gives float32"),
        (lambda f: f["model"].update(encoder="span_head.onnx"), "two graphs are called span_head"),
        (lambda f: f["model"].update(encoder="other.onnx"), "'files' has no entry for other.onnx"),
        (lambda f: f["files"].pop("tokenizer.json"), "'files' has no entry for tokenizer.json"),
    ],
)
def test_a_wrong_configuration_is_refused(folder: Path, edit: Any, fault: str) -> None:
    change(folder, edit)
    message = refusal(folder)
    assert fault in message
    assert "export again" in message or "export the model again" in message


@pytest.mark.parametrize(
    "edit, fault",
    [
        (lambda f: f["relations"].pop("threshold"), "missing required field `threshold`"),
        (lambda f: f["relations"].update(threshold=2), "Expected `float` <= 1.0"),
        (lambda f: f["relations"]["labels"].pop(), "whose width should be 6"),
        (
            lambda f: f["relations"]["symmetric_labels"].append("MAGIC"),
            "symmetric_labels has MAGIC, but labels does not",
        ),
        (lambda f: f["relations"].update(head="span_head.onnx"), "two graphs are called span_head"),
        (lambda f: f["decoding"].update(min_relation_score=2.0), "min_relation_score must be"),
        (lambda f: f["files"].pop("relation_head.onnx"), "has no entry for relation_head.onnx"),
    ],
)
def test_wrong_relations_of_a_configuration_are_refused(
    related: Path, edit: Any, fault: str
) -> None:
    change(related, edit)
    message = refusal(related)
    assert fault in message
    assert "export again" in message or "export the model again" in message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_of_relations_of_another_model(related: Path, engine: str) -> None:
    for graph, fault in (
        (head({"vectors": (1, ["b", "n", 17])}), "relation_head.onnx: takes vectors as float32"),
        (
            head({"widths": (7, ["b", "n"])}),
            "takes the input 'widths', and may take only 'vectors' and",
        ),
        (head({"vectors": (1, ["b", "n", 16])}, (1, ["n", 6])), "whose width should be 7"),
    ):
        put(related, "relation_head.onnx", graph)
        message = refusal(related, engine)
        assert fault in message and "export the model again" in message


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"[]", b"NaN"])
def test_an_invalid_configuration_is_refused(folder: Path, content: bytes) -> None:
    (folder / "sept.json").write_bytes(content)
    assert str(folder / "sept.json") in refusal(folder)


@pytest.mark.parametrize("name", ["../encoder.onnx", "/etc/passwd", "a\\b.onnx", "..", "C:x.onnx"])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    shutil.copy(folder / "encoder.onnx", folder.parent)
    facts = json.loads((folder / "sept.json").read_text())["files"]["encoder.onnx"]
    change(folder, lambda fields: fields["model"].update(encoder=name))
    change(folder, lambda fields: fields["files"].update({name: facts}))
    assert "is not the name of a file in it" in refusal(folder)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "sept.json"])
def test_no_link_leads_out_of_the_folder(folder: Path, name: str) -> None:
    shutil.move(folder / name, folder.parent / name)
    os.symlink(Path("..") / name, folder / name)
    assert "this link leads outside the folder; copy the folder with" in refusal(folder)


def test_a_snapshot_of_the_hub_is_links_into_its_cache(folder: Path) -> None:
    """The layout is that of `huggingface_hub.snapshot_download`."""
    expected = list(sept_runtime.load(folder).annotate(["We train a parser."]))
    cache = folder.parent / "models--somebody--scierc"
    snapshot, blobs = cache / "snapshots" / "0123abcd", cache / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in sorted(folder.iterdir()):
        blob = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.move(path, blobs / blob)
        os.symlink(Path("..") / ".." / "blobs" / blob, snapshot / path.name)
    assert list(sept_runtime.load(snapshot).annotate(["We train a parser."])) == expected
    # A link to anywhere else is refused, and so is a link by way of the cache.
    (cache / "secret").write_bytes((blobs / blob).read_bytes())
    for link, target in (
        (snapshot / "sept.json", Path("../../secret")),
        (blobs / "x", "../secret"),
    ):
        link.unlink(missing_ok=True)
        os.symlink(target, link)
        assert "this link leads outside the folder" in refusal(snapshot)
        (snapshot / "sept.json").unlink()
        os.symlink("../../blobs/x", snapshot / "sept.json")


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    shutil.move(folder / "encoder.onnx", folder / "weights")
    os.symlink("weights", folder / "encoder.onnx")
    list(sept_runtime.load(folder).annotate(["We train a parser."]))


def test_an_invalid_tokenizer_is_refused(folder: Path) -> None:
    put(folder, "tokenizer.json", b"{}")
    assert "tokenizer.json: cannot be loaded" in refusal(folder)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"no graph", bytes(100)])
def test_an_invalid_graph_is_refused(folder: Path, content: bytes, engine: str) -> None:
    put(folder, "span_head.onnx", content)
    message = refusal(folder, engine)
    # OpenVINO takes nothing for a graph of nothing.
    fault = "takes no input" if engine == "openvino" and not content else "cannot be loaded"
    assert f"span_head.onnx: {fault}" in message and "export the model again" in message


def head(
    inputs: Dict[str, Any],
    output: Any = (1, ["n", 7]),
    location: "str | None" = None,
    shape: Sequence[int] = (7,),
) -> bytes:
    """Return a graph that gives zeros, or the file at a location, whatever its inputs are."""
    weights = helper.make_tensor("weights", 1, shape, np.zeros(shape).flatten())
    if location is not None:
        weights = TensorProto(name="weights", data_type=1, dims=[7])
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Identity", ["weights"], ["scores"])]
    values = [helper.make_tensor_value_info(name, *value) for name, value in inputs.items()]
    outputs = [helper.make_tensor_value_info("scores", *output)]
    graph = helper.make_graph(nodes, "head", values, outputs, [weights])
    opsets = [helper.make_opsetid("", 18)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "graph, fault",
    [
        (
            head({"pooled": (1, ["n", 16])}),
            "takes the input 'pooled', and may take only 'vectors' and",
        ),
        (head({}), "takes no input, and should take 'vectors' and"),
        (head({"vectors": (7, ["b", "n", 16])}), "takes vectors as int64"),
        (head({"vectors": (1, ["b", "n", 15])}), "takes vectors as float32"),
        (head({"vectors": (1, [3, "n", 16])}), "takes vectors as float32"),
        (head({"vectors": (1, ["b", "n", 16])}, (1, ["n", 6])), "whose width should be 7"),
        (head({"vectors": (1, ["b", "n", 16])}, (7, ["n", 7])), "span_head.onnx: "),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_of_another_model(folder: Path, graph: bytes, fault: str, engine: str) -> None:
    put(folder, "span_head.onnx", graph)
    message = refusal(folder, engine)
    assert fault in message and "export the model again" in message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_with_an_output_of_a_wrong_shape_is_refused(folder: Path, engine: str) -> None:
    graph = head({"rows": (7, ["n"])}, (1, ["n", "labels"]), shape=(5, 7))
    put(folder, "span_head.onnx", graph)
    model = sept_runtime.load(folder, engine=engine)
    with pytest.raises(ExportedModelError, match=r"gives the shape \(5, 7\), and should give"):
        list(model.annotate(["We train a parser."]))


@pytest.mark.parametrize("location", ["../secret", "{folder}/../secret", "link"])
@pytest.mark.parametrize("engine", ENGINES)
def test_weights_from_outside_the_folder_are_not_read(
    folder: Path, location: str, engine: str
) -> None:
    secret = folder.parent / "secret"
    secret.write_bytes(np.zeros(7, np.float32).tobytes())
    os.symlink("../secret", folder / "link")
    graph = head({"rows": (7, ["n"])}, location=location.format(folder=folder.resolve()))
    put(folder, "span_head.onnx", graph)
    assert "span_head.onnx: cannot be loaded" in refusal(folder, engine)
