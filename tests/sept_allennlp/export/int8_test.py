import json
import re
import sys
from pathlib import Path
from typing import Any, List

import numpy as np
import onnx
import pytest
from allennlp.commands import main

from sept_allennlp.export import ExportError, export
from sept_allennlp.export import int8 as module
from sept_allennlp.export.quantized_graph import linear_layers
from sept_runtime.documents import Document
from sept_runtime.formats.scierc import read_scierc
from sept_runtime.onnx import ExportedPredictor

pytestmark = [pytest.mark.exports, pytest.mark.usefixtures("encoders_once")]

TEXTS = [
    Document("", [["We", "train", "a", "parser", "."][: 1 + index % 5]]) for index in range(20)
]


def test_the_command(
    trained_archive: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    texts = tmp_path / "texts.jsonl"
    line = json.dumps({"text": "We train a parser on a corpus."})
    texts.write_text(f"{line}\n" * 9)
    folder = tmp_path / "new" / "exported"
    arguments = ["sept-export", trained_archive, str(folder), "--int8", str(texts)]
    monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
    with pytest.raises(SystemExit, match="needs at least 10 texts .* hundred; got 9 with words"):
        main()
    assert not list(folder.parent.iterdir())

    texts.write_text(f"{line}\n" * 20)
    main()
    said = re.search(
        r"in int8 (\d+) of 12 linear layers, error of the encoder's vectors (\S+)%, \S+% of the "
        r"entities differ \(\d+ of \d+, both counted\)",
        capsys.readouterr().out,
    )
    assert said and 0 < int(said[1]) <= 12 and 0 < float(said[2]) < 5
    assert said[0] in (folder / "README.md").read_text()
    # One graph more, and nothing of the machine that made it.
    assert json.loads((folder / "sept.json").read_text())["model"]["int8"] == "encoder_int8.onnx"
    assert str(Path.cwd()).encode() not in (folder / "encoder_int8.onnx").read_bytes()


def test_weights_in_int8_are_smaller(int8_model: Path) -> None:
    graphs = [onnx.load(int8_model / name) for name in ("encoder.onnx", "encoder_int8.onnx")]
    whole = [
        each for each in graphs[1].graph.initializer if each.data_type == onnx.TensorProto.INT8
    ]
    assert whole and len(linear_layers(graphs[1])) < len(linear_layers(graphs[0])) == 12
    sizes = [len(graph.SerializeToString()) for graph in graphs]
    assert sizes[1] < sizes[0]


def test_the_worst_layers_are_left_out(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: List[int] = []
    for limit in (0.01, 10.0):
        monkeypatch.setattr(module, "_LARGEST_ERROR", limit)
        agreed = export(trained_archive, tmp_path / f"{limit}", TEXTS[:5], int8_texts=TEXTS).int8
        assert agreed is not None and agreed.error < 1.5 * limit
        chosen.append(agreed.chosen)
    assert 0 < chosen[0] < chosen[1] == 12
    monkeypatch.setattr(module, "_LARGEST_ERROR", 1e-9)
    with pytest.raises(
        ExportError, match="no linear layer of encoder.onnx can be computed in int8"
    ):
        export(trained_archive, tmp_path / "none", int8_texts=TEXTS)
    assert not (tmp_path / "none").exists()


def test_texts_without_a_word_do_not_count(trained_archive: str, tmp_path: Path) -> None:
    empty: List[Any] = [Document("", [[]]), Document("", [])] * 10
    with pytest.raises(ExportError, match="got 9 with words"):
        export(trained_archive, tmp_path / "exported", int8_texts=TEXTS[:9] + empty)


def test_differing_entities_are_counted(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If int8 finds no entity, all of float32's entities differ."""
    score = ExportedPredictor._score

    def blind(self: ExportedPredictor, *args: Any) -> Any:
        vectors, scores = score(self, *args)
        in_int8 = self._configuration.model.encoder == "encoder_int8.onnx"
        return vectors, scores + 1000 * in_int8 * np.eye(scores.shape[1])[0]

    monkeypatch.setattr(ExportedPredictor, "_score", blind)
    texts = list(read_scierc("fixtures/abstracts/train.json"))
    agreed = export(trained_archive, tmp_path / "exported", TEXTS[:5], int8_texts=texts).int8
    assert agreed is not None and agreed.differing == agreed.entities > 0
