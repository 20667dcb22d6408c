import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.models import archival
from transformers.utils import hub

import sept_allennlp
from sept_allennlp import Annotator, Entity
from sept_allennlp.archives import ArchiveError
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.options import Decoding

TEXTS = ["We use a parser for parsing.", "", "It works on many documents, e.g. abstracts."]


@pytest.fixture(scope="module")
def annotator(trained_archive: str) -> Annotator:
    return sept_allennlp.load(trained_archive)


def test_entities_are_typed_and_in_place(annotator: Annotator) -> None:
    found = list(annotator.annotate(TEXTS))
    assert len(found) == 3
    assert found[0] and found[1] == [] and found[2]
    for text, entities in zip(TEXTS, found):
        for entity in entities:
            assert isinstance(entity, Entity)
            assert text[entity.start : entity.end] == entity.text
            assert 0.0 <= entity.score <= 1.0


def test_batches_do_not_matter(annotator: Annotator) -> None:
    together = list(annotator.annotate(TEXTS * 5, batch_size=15))
    alone = list(annotator.annotate(TEXTS * 5, batch_size=1))
    assert_same(together, alone)


def assert_same(some: List[List[Entity]], others: List[List[Entity]]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others):
        assert [(e.start, e.end, e.label) for e in one] == [
            (e.start, e.end, e.label) for e in other
        ]
        assert [e.score for e in one] == pytest.approx([e.score for e in other], abs=1e-5)


def test_options_reach_the_model(trained_archive: str) -> None:
    annotator = sept_allennlp.load(trained_archive, min_score=1.0, top_labels=2)
    assert list(annotator.annotate(TEXTS[:1])) == [[]]
    with pytest.raises(ConfigurationError, match="precision must be 'float32' or 'bfloat16'"):
        sept_allennlp.load(trained_archive, precision="int3")


@pytest.mark.parametrize("others", [{}, {"flat": False, "min_score": 0.3, "top_labels": 2}])
def test_two_threads_may_share_a_model(trained_archive: str, others: Dict[str, Any]) -> None:
    predictor = SEPTPredictor.from_path(trained_archive)
    first, second = predictor.decoding, replace(predictor.decoding, **others)
    work = [
        (first, [" ".join([TEXTS[0]] * (number % 5 + 1)) for number in range(12)]),
        (second, [" ".join([TEXTS[2]] * (number % 7)) for number in range(12)]),
    ]

    def annotate(part: Tuple[Decoding, List[str]]) -> List[List[Entity]]:
        decoding, texts = part
        return list(Annotator(predictor, decoding).annotate(texts, batch_size=4))

    alone = list(map(annotate, work))
    with ThreadPoolExecutor(len(work)) as threads:
        at_once = list(threads.map(annotate, work * 2))
    for expected, found in zip(alone * 2, at_once):
        assert any(expected)
        assert_same(found, expected)


def surroundings() -> Dict[str, Any]:
    """Return global state that a library could change unnoticed."""
    return {
        "environment": dict(os.environ),
        "warning filters": list(warnings.filters),
        "AllenNLP's loading": dict(vars(archival)),
        "AllenNLP's registry": vars(Registrable)["resolve_class_name"],
        "the hub's offline mode": hub._is_offline_mode,
        "PyTorch's threads": torch.get_num_threads(),
        "PyTorch's gradients": torch.is_grad_enabled(),
        "working directory": os.getcwd(),
    }


def test_loading_and_annotating_change_no_global_state(trained_archive: str) -> None:
    before = surroundings()
    assert list(sept_allennlp.load(trained_archive).annotate(TEXTS))
    assert surroundings() == before
    # Nor while it is asked for more.
    found = sept_allennlp.load(trained_archive).annotate(TEXTS, batch_size=1)
    next(found)
    assert surroundings() == before


def test_a_refused_archive_changes_nothing(tmp_path: Any) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"no archive")
    before = surroundings()
    with pytest.raises(ArchiveError, match="not a model archive"):
        sept_allennlp.load(archive)
    assert surroundings() == before


def test_a_missing_archive_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_model.tar.gz"):
        sept_allennlp.load("no_such_model.tar.gz")
