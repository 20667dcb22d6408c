"""Exporting a model that finds relations; `tests/sept_runtime/onnx` has what it then finds."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sept_allennlp.archives import load_archive
from sept_allennlp.export import ExportError, export, folder
from sept_allennlp.models.sept import SEPT
from sept_allennlp.modules.relation_scorers import RelatedSpans, RelationScorer
from sept_runtime.documents import Document

pytestmark = [pytest.mark.exports, pytest.mark.usefixtures("encoders_once")]


class Shifted(torch.nn.Module):
    """A scorer whose logits are shifted by a number."""

    def __init__(self, scorer: torch.nn.Module, by: float) -> None:
        super().__init__()
        self._scorer = scorer
        self._by = by

    def forward(self, *inputs: Any) -> torch.Tensor:
        return self._scorer(*inputs) + self._by


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shift all logits in the exported graph that scores pairs."""
    make = folder.pair_head

    def by(number: float) -> None:
        def shifted(model: SEPT) -> torch.nn.Module:
            head = make(model)
            head._scorer = Shifted(head._scorer, number)
            return head

        monkeypatch.setattr(folder, "pair_head", shifted)

    return by


def test_the_folder_holds_the_relation_head_and_its_description(
    related_archive: str, tmp_path: Path
) -> None:
    exported = tmp_path / "exported"
    agreed = export(related_archive, exported)
    assert agreed.difference < 1e-5
    assert agreed.pairs is not None and agreed.pairs.pairs > 300 and agreed.pairs.relations > 50
    assert agreed.pairs.difference > 0.0 and agreed.pairs.ties == 0
    assert (exported / "relation_head.onnx").is_file()
    card = (exported / "README.md").read_text()
    assert "relations of 7 kinds, `COMPARE`, `CONJUNCTION`, " in card
    assert "`COMPARE`, `CONJUNCTION` have no direction." in card
    for what in ("entities", "relations (Rel)", "relations (Rel+)"):
        assert f"| validation | {what} | 0." in card
    assert f"{agreed.pairs.pairs} pairs of spans and {agreed.pairs.relations} relations" in card


def test_with_features_of_spans_and_a_filter(
    filter_archive: str, train_once: Any, tmp_path: Path
) -> None:
    extractors = [
        {"type": "max_pool"},
        {"type": "span_width", "embedding_dim": 4},
        {"type": "endpoint"},
        {"type": "self_attentive_sum"},
    ]
    overrides = {
        "model.span_filter": {"type": "pretrained", "archive": filter_archive},
        "model.span_extractor": {"type": "concat", "extractors": extractors},
        "model.relations.scorer": {"type": "pooled_context", "label_dim": 3, "distance_dim": 2},
        "model.relations.symmetric_labels": [],
        "model.relations.threshold": 0.45,
    }
    archive = train_once("related_features", overrides, "sept_minilm_relations.jsonnet")
    agreed = export(archive, tmp_path / "exported")
    assert agreed.difference < 1e-5
    assert agreed.pairs is not None and 0 < agreed.pairs.relations < 14 * agreed.pairs.pairs


def test_texts_without_a_pair(related_archive: str, tmp_path: Path) -> None:
    agreed = export(related_archive, tmp_path / "exported", [Document("", [["system"]])])
    assert str(agreed).startswith("largest difference of a score ")
    assert "1 spans and 1 entities, 0 pairs of spans and 0 relations of 1 documents" in str(agreed)


@pytest.mark.parametrize(
    "by, fault", [(0.05, "differs from the archive's by"), (3.0, "finds other relations than")]
)
def test_nothing_is_left_if_relations_do_not_agree(
    related_archive: str, tmp_path: Path, shift: Any, by: float, fault: str
) -> None:
    # Of those that differ a little, none may lie where the threshold decides.
    documents = None if by > 1 else [Document("", [["We", "train", "it"]])]
    shift(by)
    with pytest.raises(ExportError, match=fault):
        export(related_archive, tmp_path / "exported", documents)
    assert not list(tmp_path.iterdir())


def test_a_threshold_may_be_decided_either_way(
    related_archive: str, tmp_path: Path, shift: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_archive(related_archive)
    assert isinstance(loaded.model, SEPT) and loaded.model._relations is not None
    output = loaded.model._relations._scorer._output
    # All labels are related by a hair, and then not.
    output.weight.data.zero_()
    output.bias.data.fill_(torch.logit(torch.tensor(0.3)).item() + 1e-5)
    shift(-2e-5)
    monkeypatch.setattr("sept_allennlp.export.folder.load_archive", lambda archive: loaded)
    agreed = export(related_archive, tmp_path / "exported")
    assert agreed.pairs is not None
    # Five labels in both directions, and two without one.
    assert agreed.ties >= agreed.pairs.ties == agreed.pairs.relations == 12 * agreed.pairs.pairs > 0


class DotProduct(RelationScorer):
    """A relation scorer of a user's own: the product of the vectors of head and tail."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self._weights = torch.nn.Parameter(torch.linspace(-1.0, 1.0, num_labels))

    def forward(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        heads, tails = pairs.clamp(min=0).unsqueeze(-1).unbind(dim=2)
        dim = spans.vectors.size(-1)
        head = spans.vectors.gather(1, heads.expand(-1, -1, dim))
        tail = spans.vectors.gather(1, tails.expand(-1, -1, dim))
        return (head * tail).sum(dim=-1)[mask].unsqueeze(-1) * self._weights


def test_a_users_own_scorer(
    related_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_archive(related_archive)
    assert isinstance(loaded.model, SEPT) and loaded.model._relations is not None
    loaded.model._relations._scorer = DotProduct(7)
    monkeypatch.setattr("sept_allennlp.export.folder.load_archive", lambda archive: loaded)
    agreed = export(related_archive, tmp_path / "exported")
    assert agreed.pairs is not None and agreed.pairs.pairs > 300 and agreed.difference < 1e-5
