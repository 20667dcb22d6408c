from pathlib import Path
from typing import Any, Dict, Optional

import pytest
import torch
from allennlp.common import Params
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.training.callbacks import ReproducibleRandomness


@pytest.fixture(autouse=True)
def restore_generator():
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def draw() -> list:
    return torch.rand(4).tolist()


def started(
    tmp_path: Path, seed: int = 13370, state: Optional[Dict[str, Any]] = None
) -> ReproducibleRandomness:
    """Return the callback in its state at the first batch."""
    torch.manual_seed(seed)
    callback = ReproducibleRandomness(str(tmp_path))
    if state is not None:
        callback.load_state_dict(state)
    # What the construction of a model, or anything else, has drawn before is of no account.
    torch.rand(3 if state is None else 5)
    callback.on_start(trainer=None)
    return callback


def through_a_checkpoint(callback: ReproducibleRandomness, tmp_path: Path) -> Dict[str, Any]:
    path = tmp_path / "training_state.th"
    torch.save(callback.state_dict(), path)
    return torch.load(path, weights_only=True)


def test_a_run_recovered_inside_an_epoch_draws_what_the_first_would_have_drawn(tmp_path):
    callback = started(tmp_path)
    callback.on_epoch(None, metrics={}, epoch=0)
    draw()
    state = through_a_checkpoint(callback, tmp_path)
    rest_of_epoch = [draw(), draw()]
    callback.on_epoch(None, metrics={}, epoch=1)
    next_epoch = [draw(), draw()]

    recovered = started(tmp_path, state=state)
    assert [draw(), draw()] == rest_of_epoch
    recovered.on_epoch(None, metrics={}, epoch=1)
    assert [draw(), draw()] == next_epoch


def test_a_run_recovered_between_epochs_draws_what_the_first_would_have_drawn(tmp_path):
    callback = started(tmp_path)
    draw()
    callback.on_epoch(None, metrics={}, epoch=0)
    state = through_a_checkpoint(callback, tmp_path)
    expected = [draw(), draw()]

    started(tmp_path, state=state)
    assert [draw(), draw()] == expected


def test_every_process_is_recovered_between_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    states, expected = [], []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        callback = started(tmp_path)
        callback.on_epoch(None, metrics={}, epoch=0)
        callback.on_epoch(None, metrics={}, epoch=1)
        states.append(through_a_checkpoint(callback, tmp_path))
        expected.append(draw())
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        # The first process writes the checkpoint for all of them.
        started(tmp_path, state=states[0])
        assert draw() == expected[rank]


def test_an_epoch_does_not_depend_on_how_much_was_drawn_before_it(tmp_path):
    callback = started(tmp_path)
    callback.on_epoch(None, metrics={}, epoch=0)
    expected = draw()
    callback = started(tmp_path)
    torch.rand(1000)
    callback.on_epoch(None, metrics={}, epoch=0)
    assert draw() == expected


def test_every_epoch_seed_and_process_has_different_numbers(tmp_path, monkeypatch):
    seen = []
    for seed in (0, 1, 13370):
        callback = started(tmp_path, seed)
        seen.append(draw())
        for epoch in range(3):
            callback.on_epoch(None, metrics={}, epoch=epoch)
            seen.append(draw())
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        callback = started(tmp_path, seed=5)
        seen.append(draw())
        callback.on_epoch(None, metrics={}, epoch=0)
        seen.append(draw())
    assert len(set(map(tuple, seen))) == len(seen) == 16


def test_the_same_seed_draws_the_same_numbers(tmp_path):
    started(tmp_path, seed=3)
    expected = draw()
    started(tmp_path, seed=3)
    assert draw() == expected


def test_is_registered(tmp_path):
    callback = TrainerCallback.from_params(
        Params({"type": "reproducible_randomness"}), serialization_dir=str(tmp_path)
    )
    assert isinstance(callback, ReproducibleRandomness)
