import fcntl
import json
import os
import re
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest

from sept_allennlp.experiments.runner import (
    Runner,
    default_jobs,
    share_devices,
    visible_devices,
)
from sept_allennlp.experiments.training import Status, Training
from tests.sept_allennlp.experiments import fake_training


def training(root: Path, run: str, *epochs: str, seed: int = 1) -> Training:
    """Return a training whose epochs are those of `fake_training`."""
    config = {
        "pytorch_seed": seed,
        "fake": list(epochs),
        "trainer": {"num_epochs": len(epochs)},
    }
    return Training(run, seed, config, root)


def fake_command(training: Training, found: Status) -> List[str]:
    files = [str(training.config_file), str(training.folder)]
    return [sys.executable, fake_training.__file__, *files, found.value]


class Lines(List[str]):
    """The reported lines without their times."""

    def append(self, line: str) -> None:
        super().append(re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line))


def run(
    trainings: Sequence[Training],
    lines: Lines,
    devices: Sequence[Dict[str, str]] = ({},),
    **options: Any,
) -> bool:
    options = {"command": fake_command, "report": lines.append, **options}
    return Runner(trainings, devices, poll_seconds=0.02, progress_seconds=0.0, **options).run()


def metrics(training: Training) -> Dict[str, Any]:
    return json.loads((training.folder / "metrics.json").read_text())


def test_every_training_is_run(tmp_path: Path) -> None:
    trainings = [training(tmp_path, "a", ".5", ".6", seed=seed) for seed in (1, 2)]
    lines = Lines()
    assert run(trainings, lines)
    log = tmp_path / "a" / "1.log"
    assert lines[:3] == ["a/1  waiting", "a/2  waiting", f"a/1  starts with ; log: {log}"]
    assert "a/1  finished: F1 0.6000 (epoch 2 of 2), 1.0 minutes" in lines
    assert lines[-1] == "2 trainings: 2 finished"
    assert "seed 1, device None" in log.read_text()
    assert "seed 2, device None" in (tmp_path / "a" / "2.log").read_text()
    assert json.loads((trainings[1].folder / "config.json").read_text()) == trainings[1].config
    # Nothing is left of what only an interrupted training needs.
    assert not list(trainings[0].folder.glob("*_state_*"))


def test_a_training_that_reports_no_f1_is_finished_and_kept(tmp_path: Path) -> None:
    span_filter = training(tmp_path, "filter", ".9", ".8")
    span_filter.config["fake_metrics"] = ["recall", "filtration_rate"]
    span_filter.config["trainer"]["validation_metric"] = "+filtration_rate"
    lines = Lines()
    assert run([span_filter], lines)
    result = "filtration rate 0.9000 (epoch 1 of 2), 1.0 minutes"
    assert lines[-2:] == [f"filter/1  finished: {result}", "1 trainings: 1 finished"]
    lines = Lines()
    assert run([span_filter], lines)
    assert lines[0] == f"filter/1  kept: {result}"


def test_finished_runs_are_kept(tmp_path: Path) -> None:
    trainings = [training(tmp_path, "a", ".5")]
    assert run(trainings, Lines())
    before = (tmp_path / "a" / "1.log").read_bytes()
    lines = Lines()
    assert run(trainings, lines)
    assert lines == [
        "a/1  kept: F1 0.5000 (epoch 1 of 1), 0.5 minutes",
        "1 trainings: 1 kept",
    ]
    assert (tmp_path / "a" / "1.log").read_bytes() == before


def test_a_failed_training_stops_no_other_and_resumes_later(tmp_path: Path) -> None:
    trainings = [training(tmp_path, "a", ".5", ".6", ".4 crash"), training(tmp_path, "b", ".7")]
    lines = Lines()
    assert not run(trainings, lines)
    log = tmp_path / "a" / "1.log"
    failure = f"failed: exit status 1; log: {log}, ends: RuntimeError: the weights are tired"
    assert f"a/1  {failure}" in lines
    assert "b/1  finished: F1 0.7000 (epoch 1 of 1), 0.5 minutes" in lines
    assert lines[-1] == "2 trainings: 1 failed, 1 finished"

    lines = Lines()
    assert run(trainings, lines)
    assert lines[0] == "a/1  waiting after epoch 2 of 3"
    assert f"a/1  resumes after epoch 2 of 3 with ; log: {log}" in lines
    assert "a/1  finished: F1 0.6000 (epoch 2 of 3), 1.5 minutes" in lines
    assert lines[-1] == "2 trainings: 1 kept, 1 finished"
    assert metrics(trainings[0])["epoch"] == 2


@pytest.mark.parametrize("how", ["kill", "partial"])
def test_a_training_killed_before_its_first_checkpoint_starts_again(
    tmp_path: Path, how: str
) -> None:
    trainings = [training(tmp_path, "a", f".5 {how}")]
    lines = Lines()
    assert not run(trainings, lines)
    assert "failed: killed by SIGKILL (out of memory?); log: " in lines[-2]
    lines = Lines()
    assert run(trainings, lines)
    assert lines[1].startswith("a/1  starts with")


def test_a_partial_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    trainings = [training(tmp_path, "a", ".5", ".6 partial")]
    assert not run(trainings, Lines())
    lines = Lines()
    assert run(trainings, lines)
    assert lines[0] == "a/1  waiting after epoch 1 of 2"
    assert metrics(trainings[0])["best_epoch"] == 1


def test_a_training_that_ended_without_its_archive_is_archived(tmp_path: Path) -> None:
    ended = training(tmp_path, "a", ".5", ".4")
    ended.config["full_disk"] = True
    assert not run([ended], Lines())
    lines = Lines()
    assert run([ended], lines)
    assert lines == [
        "a/1  waiting",
        "a/1  finished: F1 0.5000 (epoch 1 of 2), 1.0 minutes",
        "1 trainings: 1 finished",
    ]
    with tarfile.open(ended.folder / "model.tar.gz") as archive:
        assert {"config.json", "weights.th", "vocabulary"} <= {*archive.getnames()}
        best = (ended.folder / "best.th").read_bytes()
        assert archive.extractfile("weights.th").read() == best
    assert not list(ended.folder.glob("*_state_*"))


def test_a_training_that_ended_without_its_best_weights_fails(tmp_path: Path) -> None:
    ended = training(tmp_path, "a", ".5")
    ended.config["full_disk"] = True
    assert not run([ended], Lines())
    (ended.folder / "best.th").unlink()
    lines = Lines()
    assert not run([ended], lines)
    assert re.match("a/1  failed: weights file .*best.th' does not exist", lines[1])
    assert list(ended.folder.glob("model_state_*"))


def test_success_without_metrics_is_a_failure(tmp_path: Path) -> None:
    lines = Lines()
    assert not run([training(tmp_path, "a", ".5 quit")], lines)
    assert re.match("a/1  failed: .*is not a finished run.*metrics.json", lines[-2])


def test_another_configuration_is_refused_and_stops_no_other(tmp_path: Path) -> None:
    assert run([training(tmp_path, "a", ".5")], Lines())
    changed = training(tmp_path, "a", ".5", ".6")
    lines = Lines()
    assert not run([changed, training(tmp_path, "b", ".7")], lines)
    assert lines[0].startswith(f"a/1  refused: {changed.folder} holds a run with another config")
    assert 'fake is [".5"] there, [".5", ".6"] in the suite' in lines[0]
    assert lines[-1] == "2 trainings: 1 refused, 1 finished"
    assert metrics(changed)["epoch"] == 0


def test_each_device_runs_one_training_at_a_time(tmp_path: Path) -> None:
    # Each of the first two waits for the other.
    trainings = [training(tmp_path, run, ".5 meet") for run in "ab"]
    trainings.append(training(tmp_path, "c", ".5"))
    devices = [{"CUDA_VISIBLE_DEVICES": device} for device in "45"]
    assert run(trainings, Lines(), devices)
    logs = [(tmp_path / run / "1.log").read_text() for run in "abc"]
    devices = [re.findall(r"device (\d)", log) for log in logs]
    assert sorted(devices[:2]) == [["4"], ["5"]]
    assert devices[2] in (["4"], ["5"])


@pytest.mark.parametrize("how", ["hang", "ignore"])
def test_ctrl_c_stops_the_trainings(tmp_path: Path, how: str) -> None:
    trainings = [training(tmp_path, "a", ".6", ".5", f".7 {how}"), training(tmp_path, "b", ".7")]
    lines = Lines()
    pid = tmp_path / "a" / "1.pid"

    def interrupt(line: str) -> None:
        lines.append(line)
        if "epoch 2 of 3: F1 0.5000, best 0.6000 (epoch 1)" in line:
            fake_training.wait_for(pid.exists)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(trainings, lines, report=interrupt, stop_seconds=0.5)
    assert lines[-1] == "a/1  stopped; the same command resumes it"
    # It was asked to end, and has ended, even if it did not obey.
    assert (tmp_path / "a" / "1.told").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not trainings[1].folder.exists()
    assert run(trainings, Lines())
    assert metrics(trainings[0])["epoch"] == 2


def test_a_file_in_a_runs_place_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").touch()
    lines = Lines()
    assert not run([training(tmp_path, "a", ".5"), training(tmp_path, "b", ".7")], lines)
    assert re.match("a/1  refused: .*Not a directory", lines[0])
    assert lines[-1] == "2 trainings: 1 refused, 1 finished"


def test_a_closed_output_stops_all_trainings(tmp_path: Path) -> None:
    trainings = [training(tmp_path, run, ".5 ignore") for run in "ab"]
    pids = [tmp_path / run / "1.pid" for run in "ab"]
    reported = Lines()

    def closed(line: str) -> None:
        reported.append(line)
        if "starts" in line and len(reported) == 4:
            for pid in pids:
                fake_training.wait_for(pid.exists)
            raise KeyboardInterrupt
        if len(reported) > 4:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(trainings, Lines(), [{}, {}], report=closed, stop_seconds=0.1)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


def test_a_training_that_ended_meanwhile_is_finished(tmp_path: Path) -> None:
    ended = training(tmp_path, "a", ".5")
    lines = Lines()

    def interrupt(line: str) -> None:
        lines.append(line)
        if "starts" in line:
            fake_training.wait_for((ended.folder / "metrics.json").exists)
            # So that what is asked to end has nothing left to do.
            fake_training.wait_for(lambda: not alive(ended))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([ended], lines, report=interrupt)
    assert lines[-1] == "a/1  finished: F1 0.5000 (epoch 1 of 1), 0.5 minutes"
    assert not list(ended.folder.glob("*_state_*"))


def alive(training: Training) -> bool:
    """Return whether a process trains it and holds the lock."""
    with training.log.open("ab") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_training_of_another_process_is_left_alone(tmp_path: Path) -> None:
    trainings = [training(tmp_path, "a", ".5")]
    trainings[0].log.parent.mkdir()
    lines = Lines()
    with trainings[0].log.open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert not run(trainings, lines)
    assert lines[-2:] == [
        "a/1  left alone: another process is training it",
        "1 trainings: 1 left alone",
    ]
    assert run(trainings, Lines())


def test_trainings_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert share_devices(1, []) == [{"OMP_NUM_THREADS": "8"}]
    assert share_devices(3, []) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert share_devices(20, [])[0] == {"OMP_NUM_THREADS": "1"}


def test_trainings_take_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)

    def gpus(jobs: int, visible: Sequence[str]) -> List[str]:
        return [device["CUDA_VISIBLE_DEVICES"] for device in share_devices(jobs, visible)]

    assert gpus(2, ["0", "1"]) == ["0", "1"]
    assert gpus(3, ["4", "6"]) == ["4", "6", "4"]
    # One training sees all GPUs: it may want several.
    assert share_devices(1, ["0", "1"]) == [{"OMP_NUM_THREADS": "8"}]


@pytest.mark.parametrize(
    "threads, gpus, device, jobs",
    [
        (2, 0, "auto", 1),
        (16, 0, "auto", 4),
        (16, 2, "auto", 2),
        (16, 2, "-1", 4),
        # All would be on this one.
        (16, 2, "1", 1),
    ],
)
def test_default_jobs(
    threads: int, gpus: int, device: str, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert default_jobs({"SEPT_DEVICE": device}) == jobs


def test_visible_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert visible_devices({}) == ["0", "1"]
    assert visible_devices({"SEPT_DEVICE": "auto", "CUDA_VISIBLE_DEVICES": "3,5"}) == ["3", "5"]
    assert visible_devices({"SEPT_DEVICE": "1"}) == []
    assert visible_devices({"SEPT_DEVICE": "-1"}) == []
