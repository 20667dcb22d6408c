from pathlib import Path
from typing import List

from sept_allennlp.experiments.cost import StepTime, estimate_cost
from sept_allennlp.experiments.training import read_trainings
from tests.experiments import ENVIRONMENT

SUITE = """
local run = {
  pytorch_seed: std.parseInt(std.extVar('SEPT_SEED')),
  model: { embedder: { model_name: 'ENCODER' } },
  trainer: { num_epochs: 10 },
};
{ runs: { short: run { trainer: { num_epochs: 2 } }, long: run } }
""".replace("ENCODER", ENVIRONMENT["SEPT_ENCODER"])


def estimate(tmp_path: Path, jobs: int) -> List[str]:
    suite = tmp_path / "suite.jsonnet"
    suite.write_text(SUITE)
    lines: List[str] = []
    trainings = read_trainings(suite, tmp_path / "runs", [1, 2, 3])
    # 100 updates of 3 s and 20 batches of 3 s: 360 s an epoch.
    step = StepTime(3.0, 100, 3.0, 20)
    assert estimate_cost(suite, trainings, jobs, lines.append, lambda config: step) == 0
    return lines


def test_hours_are_epochs_times_updates_shared_by_the_jobs(tmp_path: Path) -> None:
    lines = estimate(tmp_path, 1)
    assert lines[0] == f"Encoder {ENVIRONMENT['SEPT_ENCODER']}: found"
    # Three seeds of 10 and of 2 epochs, a tenth of an hour each. jsonnet sorts the runs.
    timed = "100 updates; 3.00 s an update, 360 s an epoch,"
    assert lines[1] == f"long: 3 trainings, 30 epochs of {timed} 3.0 h in all"
    assert lines[2] == f"short: 3 trainings, 6 epochs of {timed} 0.6 h in all"
    assert lines[3].startswith("Total: 6 trainings, about 3.6 hours with 1 at a time.")
    assert estimate(tmp_path, 2)[3].startswith("Total: 6 trainings, about 1.8 hours with 2 at a")


def test_nothing_to_train_costs_nothing(tmp_path: Path) -> None:
    lines: List[str] = []
    assert estimate_cost(tmp_path / "none.jsonnet", [], 1, lines.append) == 0
    assert lines == ["Nothing to train."]
