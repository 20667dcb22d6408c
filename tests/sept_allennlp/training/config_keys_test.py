from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from tests.experiments import QUICK, experiment


@pytest.mark.parametrize(
    "overrides, message",
    [
        (
            {"trainer.pateince": 3},
            "trainer.pateince: RecoverableTrainer has no key 'pateince'. Did you mean 'patience'?",
        ),
        (
            {"model.max_span_widht": 8},
            "model.max_span_widht: SEPT has no key 'max_span_widht'. Did you mean "
            "'max_span_width'?",
        ),
        (
            {"dataset_reader.relation": True},
            "dataset_reader.relation: SciERCReader has no key 'relation'. Did you mean "
            "'relations'?",
        ),
        (
            {"trainer.optimizer.weight_deccay": 0.1},
            "trainer.optimizer.weight_deccay: FusedAdamW has no key 'weight_deccay'. Did you mean "
            "'weight_decay'?",
        ),
        (
            {"trainer.checkpointer": {"keep_most_recent_count": 1}},
            "trainer.checkpointer.keep_most_recent_count: RecoverableCheckpointer has no key "
            "'keep_most_recent_count'. Did you mean 'keep_most_recent_by_count'?",
        ),
        (
            {"data_loder": {}},
            "data_loder: TrainModel has no key 'data_loder'. Did you mean 'data_loader'?",
        ),
        (
            {"model.span_extractor": {"type": "span_width", "speed": 1}},
            "model.span_extractor.speed: SpanWidthExtractor has no key 'speed'. Known keys: ",
        ),
    ],
)
def test_a_misspelled_key_is_reported_in_one_line(
    overrides: Dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        train_model(experiment({**QUICK, **overrides}), str(tmp_path / "run"))
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_class_of_another_package_may_take_any_keyword() -> None:
    class OtherReader(DatasetReader):
        def __init__(self, **kwargs: Any) -> None:
            self.option = kwargs.pop("option")
            super().__init__(**kwargs)

    DatasetReader.register("other_reader_in_a_test", exist_ok=True)(OtherReader)
    params = Params({"type": "other_reader_in_a_test", "option": 3})
    assert DatasetReader.from_params(params).option == 3  # type: ignore[attr-defined]
