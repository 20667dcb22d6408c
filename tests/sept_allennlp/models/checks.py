"""Checks and helpers for tests of all models that find entities."""

import json
from typing import Any, Dict, List

import numpy
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch
from allennlp.models import Model

from sept_allennlp.data.dataset_readers import SciERCReader
from sept_runtime.documents import Document
from tests.experiments import FIXTURES, QUICK, experiment


class ModelChecks(ModelTestCase):
    """Checks of the model of a configuration; a subclass names it, and what it changes in it."""

    config: str
    overrides: Dict[str, Any] = {}

    def setup_method(self) -> None:
        super().setup_method()
        params = experiment({**QUICK, **self.overrides}, self.config)
        self.param_file = self.TEST_DIR / "experiment.json"
        self.param_file.write_text(json.dumps(params.as_dict(quiet=True)))
        self.set_up_model(self.param_file, FIXTURES / "abstracts" / "dev.json")

    def test_trains_saves_and_loads(self) -> None:
        self.ensure_model_can_train_save_and_load(self.param_file)


class EntityModelChecks(ModelChecks):
    """The same for a model that finds entities."""

    def test_batch_and_single_predictions_agree(self) -> None:
        self.model.eval()
        self.make_sure()
        together = self.model(**Batch(self.instances).as_tensor_dict())
        alone = [self.model(**Batch([instance]).as_tensor_dict()) for instance in self.instances]
        assert any(together["entities"])
        assert_same_entities(together["entities"], [output["entities"][0] for output in alone])
        if "tags" in together:
            assert together["tags"] == [output["tags"][0] for output in alone]

    def make_sure(self) -> None:
        """Make a model find something that does not before it is trained."""


def assert_same_entities(
    found: List[List[Any]], expected: List[List[Any]], atol: float = 1e-5
) -> None:
    """Check that spans and labels are equal, and scores up to rounding."""
    assert [[e[:3] for e in entities] for entities in found] == [
        [e[:3] for e in entities] for entities in expected
    ]
    numpy.testing.assert_allclose(
        [e.score for entities in found for e in entities],
        [e.score for entities in expected for e in entities],
        atol=atol,
    )


def assert_chunks_change_nothing(model: Model, batch: Dict[str, Any]) -> None:
    whole = model(**batch)["entities"]
    assert any(whole)
    model._max_spans_per_chunk = 4
    assert_same_entities(model(**batch)["entities"], whole, atol=1e-6)


def tensors(model: Model, *documents: Document, **reading: bool) -> Dict[str, Any]:
    """Return a batch of the documents as words; `reading` holds options of their reader."""
    reader = SciERCReader(**reading)
    instances = [reader.text_to_instance(document) for document in documents]
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    return batch.as_tensor_dict()
