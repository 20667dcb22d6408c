import runpy
import sys
from typing import Any, List, Optional

import pytest

from sept_runtime.commands import main
from sept_runtime.corpus import ray_cluster
from sept_runtime.errors import CorpusError


def test_can_be_imported_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    # As '--include-package sept_allennlp' does in every training.
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "RayCluster" in runpy.run_path(str(ray_cluster.__file__))


def test_the_command_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        SystemExit, match="^sept annotate: the command needs the extra 'ray': pip install"
    ):
        main(["annotate", "in", "--output", "out"])


@pytest.mark.parametrize(
    "address, num_starts, message",
    [
        (None, 3, "Ray cannot start on this machine: The current node timed out"),
        # Ray waits for minutes by itself.
        ("192.0.2.1:6379", 1, "Ray cannot connect to 192.0.2.1:6379: The current node timed out"),
    ],
)
def test_a_slow_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, address: Optional[str], num_starts: int, message: str
) -> None:
    ray = pytest.importorskip("ray")
    starts: List[str] = []

    def init(**options: Any) -> None:
        starts.append(options["address"])
        if len(starts) != succeeds_at:
            raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    succeeds_at = num_starts
    ray_cluster.RayCluster(address).stop()
    assert starts == [address or "local"] * num_starts
    starts.clear()
    succeeds_at = 0
    with pytest.raises(CorpusError, match=message):
        ray_cluster.RayCluster(address)
