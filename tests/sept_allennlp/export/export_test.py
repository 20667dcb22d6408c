import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import torch
from allennlp.commands import main
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from transformers import (
    BertConfig,
    BertModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
)

from sept_allennlp.archives import load_archive
from sept_allennlp.export import ExportError, NotExportable, export
from sept_allennlp.export.check import compare
from sept_allennlp.export.graphs import write_encoder
from sept_allennlp.export.modules import TracedNetwork, _LastHiddenState
from sept_allennlp.export.texts import check_batches
from sept_allennlp.models.sept import SEPT
from sept_allennlp.modules.span_extractors import MaxPoolSpanExtractor
from sept_allennlp.modules.token_embedders import PooledWordPieceEmbedder
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.documents import AnnotatedSpan, Document
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.onnx.candidates import enumerate_candidates
from sept_runtime.onnx.graph import Graph, encoder_signature
from sept_runtime.onnx.scored_batch import ScoredCandidates
from sept_runtime.onnx.sessions import find_engine
from sept_runtime.onnx.windows import Windows
from tests.experiments import FIXTURES

pytestmark = [pytest.mark.exports, pytest.mark.usefixtures("encoders_once")]

DIM = 16
SIZES: Dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": DIM,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    # Beyond what MPNet has buckets of their own for.
    "max_position_embeddings": 300,
}


def test_the_command(
    exported_model: Path,
    trained_archive: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "We use a parser for parsing."}\n{"tokens": ["It", "works", "."]}\n')
    folder = tmp_path / "new" / "exported"
    arguments = ["sept-export", trained_archive, str(folder), "--check", str(texts)]
    monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
    main()
    found = re.search(r"largest difference of a score (\S+), (\d+) spans", capsys.readouterr().out)
    assert found and float(found[1]) < 1e-4 and int(found[2]) == 28 + 6

    files = {path.name for path in folder.iterdir()}
    graphs = {"encoder.onnx", "span_head.onnx"}
    assert files == graphs | {"tokenizer.json", "sept.json", "README.md"}
    card = (folder / "README.md").read_text()
    assert "| validation | entities | 0." in card and "`abstracts/train.json`" in card
    assert "elation" not in card
    assert json.loads((folder / "sept.json").read_text())["made"]["archive_sha256"] in card
    # Nothing of the machine that made it.
    for path in folder.iterdir():
        assert str(Path.cwd()).encode() not in path.read_bytes()
    # Nothing else is left.
    assert list(folder.parent.iterdir()) == [folder]

    with pytest.raises(SystemExit, match="sept-export: .*exists already; name a new folder, or"):
        main()
    with pytest.raises(ExportError, match="is not an exported model, so --force"):
        export(trained_archive, tmp_path, replace=True)


def test_unknown_gold_labels_do_not_matter(trained_archive: str, tmp_path: Path) -> None:
    entities = [AnnotatedSpan(0, 0, "Unheard-of")]
    document = Document(key="", sentences=[["We", "train", "it"]], entities=entities)
    # The folder of a training is taken for its archive.
    folder = Path(trained_archive).parent
    assert export(folder, tmp_path / "exported", [document]).spans == 6
    assert "| validation | entities | 0." in (tmp_path / "exported" / "README.md").read_text()


def agreement(archive: str, tmp_path: Path) -> Any:
    agreed = export(archive, tmp_path / "exported")
    assert agreed.difference < 1e-5 and agreed.spans > 1000
    return agreed


def test_all_extractors_and_a_light_filter(
    filter_archive: str, train_once: Callable[..., str], tmp_path: Path
) -> None:
    overrides = {"model.span_filter": {"type": "pretrained", "archive": filter_archive}}
    archive = train_once("all_features", overrides, "sept_all_features.jsonnet")
    agreement(archive, tmp_path)
    assert (tmp_path / "exported" / "filter.onnx").is_file()
    # It filters.
    (_, _, together, _) = check_batches(62)
    model = load_archive(archive).model
    assert isinstance(model, SEPT)
    scored = ExportedPredictor(tmp_path / "exported").score_batch(together)
    all_spans = len(enumerate_candidates(together, model.max_span_width).starts)
    assert 0 < sum(len(found.spans) for found in scored) < all_spans


def test_a_pooled_filter(train_once: Callable[..., str], tmp_path: Path) -> None:
    small = {"num_layers": 1, "hidden_dims": 8, "activations": "relu"}
    overrides = {"model.threshold": {"recall": 0.9}, "model.scorer.feedforward": small}
    filter_archive = train_once("pooled_filter", overrides, "span_filter.jsonnet")
    overrides = {"model.span_filter": {"type": "pretrained", "archive": filter_archive}}
    export(train_once("pooled_filtered", overrides), tmp_path / "exported")
    assert (tmp_path / "exported" / "filter_head.onnx").is_file()


class NumpyExtractor(MaxPoolSpanExtractor):
    """A span extractor that leaves PyTorch, so that PyTorch cannot trace it."""

    def extract(self, sequence_tensor: Any, span_indices: Any, sequence_mask: Any) -> Any:
        vectors = super().extract(sequence_tensor, span_indices, sequence_mask)
        return torch.from_numpy(np.sin(vectors.numpy()))


def test_a_failed_export_leaves_nothing_behind(
    filter_archive: str, trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotExportable, match="a SpanFilterModel cannot be exported; only models of"):
        export(filter_archive, tmp_path / "exported")
    loaded = load_archive(trained_archive)
    assert isinstance(loaded.model, SEPT)
    loaded.model._span_extractor = NumpyExtractor(DIM)
    monkeypatch.setattr("sept_allennlp.export.folder.load_archive", lambda archive: loaded)
    with pytest.raises(
        NotExportable, match=r"^PyTorch could not export span_head\.onnx: .*numpy"
    ) as error:
        export(trained_archive, tmp_path / "exported")
    assert "\n" not in str(error.value)
    loaded.model._embedder = BasicTextFieldEmbedder(
        {"tokens": PooledWordPieceEmbedder(str(FIXTURES / "tiny_encoder"))}
    )
    with pytest.raises(NotExportable, match="class PooledWordPieceEmbedder cannot be exported"):
        export(trained_archive, tmp_path / "exported")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "shift, fault", [(0.02, "differs from the archive's by"), (8.0, "finds other entities than")]
)
def test_an_export_that_does_not_agree_leaves_nothing_behind(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float, fault: str
) -> None:
    score = ExportedPredictor.score_batch

    def shifted(self: ExportedPredictor, documents: List[Document]) -> Any:
        for spans, probabilities in score(self, documents):
            # One that keeps each order, and one that does not.
            changed = probabilities * (1 + shift) if shift < 1 else probabilities + np.eye(7)[1]
            yield ScoredCandidates(spans, changed)

    monkeypatch.setattr(ExportedPredictor, "score_batch", shifted)
    with pytest.raises(ExportError, match=fault):
        export(trained_archive, tmp_path / "exported")
    assert not list(tmp_path.iterdir())


def test_a_tie_may_be_decided_either_way(
    trained_archive: str, exported_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All labels are as probable as the other, and the export prefers the last.
    loaded = load_archive(trained_archive)
    assert isinstance(loaded.model, SEPT)
    loaded.model._output.weight.data.zero_()
    loaded.model._output.bias.data.zero_()
    score = ExportedPredictor.score_batch

    def tied(self: ExportedPredictor, documents: List[Document]) -> Any:
        for spans, _ in score(self, documents):
            probabilities = np.full((len(spans), 7), 1 / 7, np.float32)
            probabilities[:, -1] += 1e-6
            yield ScoredCandidates(spans, probabilities)

    monkeypatch.setattr(ExportedPredictor, "score_batch", tied)
    predictor = SEPTPredictor(loaded.model.eval(), loaded.validation_dataset_reader, flat=False)
    agreed = compare(predictor, ExportedPredictor(exported_model), check_batches(62)[:1])
    assert agreed.ties


@pytest.mark.parametrize("name", ["bert", "modernbert", "mpnet"])
def test_architectures(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    transformer: Any
    if name == "mpnet":
        transformer = MPNetModel(MPNetConfig(**SIZES), add_pooling_layer=False)
    elif name == "modernbert":
        special = dict.fromkeys(("pad", "bos", "cls", "eos", "sep"), 0)
        ids = {f"{token}_token_id": index for token, index in special.items()}
        config = ModernBertConfig(**SIZES, **ids, local_attention=16, reference_compile=False)
        transformer = ModernBertModel(config)
    else:
        transformer = BertModel(BertConfig(**SIZES), add_pooling_layer=False)
    # So that what relative positions say matters.
    for parameter in transformer.parameters():
        parameter.data.normal_(std=0.3)
    transformer.eval()
    windows = Windows((2,), (3,), padding=0, content=296, stride=200)
    encoder = _LastHiddenState(transformer)
    network = TracedNetwork(encoder, DIM, windows, "tiny", head=torch.nn.Identity())
    write_encoder(network, tmp_path / "encoder.onnx")
    engine = find_engine("onnxruntime", "float32", threads=1)
    graph = Graph(tmp_path / "encoder.onnx", encoder_signature(DIM), engine)

    def check(lengths: List[int]) -> None:
        mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        pieces = torch.randint(5, 50, mask.size()) * mask
        with torch.no_grad():
            expected = transformer(input_ids=pieces, attention_mask=mask.long()).last_hidden_state
        found = graph(input_ids=pieces.numpy(), attention_mask=mask.long().numpy())
        there = mask.numpy()
        np.testing.assert_allclose(found[there], expected.numpy()[there], atol=2e-4)

    for lengths in ([1], [3], [2, 1], [17, 5, 9], [298], [150, 297], [31] * 9):
        check(lengths)


def test_a_model_whose_archive_is_elsewhere_has_no_scores(
    trained_archive: str, tmp_path: Path
) -> None:
    shutil.copy(trained_archive, tmp_path)
    export(tmp_path / "model.tar.gz", tmp_path / "exported", documents=[])
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "Unknown: the folder of the archive had no `metrics.json`." in card
