import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from allennlp.commands.train import train_model

from sept_allennlp.archives import load_archive
from tests.experiments import SIX_BATCHES, experiment
from tests.sept_allennlp.training import recover_test  # noqa: F401  registers what interrupts

pytestmark = pytest.mark.trains

CALLBACKS = ["archive_encoder", "reproducible_randomness"]

OVERRIDES: Dict[str, Any] = {
    "trainer.num_epochs": 3,
    **SIX_BATCHES,
    # The loss falls, so by this metric the first epoch is the best.
    "trainer.validation_metric": "+loss",
    "trainer.moving_average.decay": 0.5,
    "trainer.patience": 1,
}


def train(run: Path, *callbacks: Any, recover: bool = False, **overrides: Any) -> Dict[str, Any]:
    params = experiment(
        {**OVERRIDES, **overrides, "trainer.callbacks": [*CALLBACKS, *callbacks]},
    )
    train_model(params, str(run), recover=recover)
    return json.loads((run / "metrics.json").read_text())


def averages(run: Path, epoch: int) -> Dict[str, torch.Tensor]:
    """Return the averaged weights of a checkpoint; epochs count from 1."""
    state = torch.load(run / f"training_state_e{epoch}_b0.th", weights_only=False)
    return state["moving_average"]["shadows"]


def archived(run: Path) -> Dict[str, torch.Tensor]:
    return dict(load_archive(run / "model.tar.gz").model.named_parameters())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("last") / "run"
    train(run, "keep_last_epoch", **{"trainer.checkpointer": {"keep_most_recent_by_count": 3}})
    return run


def test_the_archive_holds_the_average_after_the_last_epoch(trained: Path) -> None:
    weights = archived(trained)
    last, first = averages(trained, 3), averages(trained, 1)
    assert weights.keys() == last.keys()
    assert all(torch.equal(weights[name], last[name]) for name in last)
    assert not all(torch.equal(weights[name], first[name]) for name in first)


def test_without_the_callback_the_archive_holds_the_best_epoch(
    trained: Path, tmp_path: Path
) -> None:
    metrics = train(tmp_path / "run")
    # And patience has an end.
    assert (metrics["best_epoch"], metrics["epoch"]) == (0, 1)
    weights, first = archived(tmp_path / "run"), averages(trained, 1)
    assert all(torch.equal(weights[name], first[name]) for name in first)


def test_every_epoch_is_scored_and_the_last_counts(trained: Path) -> None:
    losses = []
    for epoch in range(3):
        metrics = json.loads((trained / f"metrics_epoch_{epoch}.json").read_text())
        losses.append(metrics["validation_loss"])
        assert metrics["best_epoch"] == epoch
    assert losses[0] > losses[1] > losses[2]
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["best_validation_loss"] == losses[2]
    assert metrics["best_validation_f1"] == metrics["validation_f1"]


# In an epoch, and when the last has ended.
@pytest.mark.parametrize("place", [{"epoch": 2, "batch": 1}, None])
def test_recovering_ends_with_the_last_weights_too(
    place: Dict[str, int], trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    if place is None:
        train(run, "keep_last_epoch")
        (run / "metrics.json").unlink()
    else:
        interrupt = {"type": "interrupt_in_a_test", "by": "ctrl-c", **place}
        with pytest.raises(KeyboardInterrupt):
            train(run, "keep_last_epoch", interrupt)
        config = json.loads((run / "config.json").read_text())
        config["trainer"]["callbacks"].pop()
        (run / "config.json").write_text(json.dumps(config))
    metrics = train(run, "keep_last_epoch", recover=True)
    assert metrics["best_epoch"] == 2
    expected = json.loads((trained / "metrics.json").read_text())["best_validation_loss"]
    assert metrics["best_validation_loss"] == expected
    weights, last = archived(run), archived(trained)
    assert all(torch.equal(weights[name], last[name]) for name in last)
