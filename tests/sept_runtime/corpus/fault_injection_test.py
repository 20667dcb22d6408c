"""Every operation of a small run fails once in each way."""

import json
import subprocess
import sys

from tests.experiments import ROOT


def test_no_fault_changes_the_output() -> None:
    # In a separate process with few imports, because it forks hundreds of times.
    command = [sys.executable, "-m", "tests.sept_runtime.corpus.fault_injection", "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    faults = json.loads(run.stdout)
    # Six shards of at least 12 operations each, and as many that are not of a shard.
    for kind in ("ENOSPC", "EIO", "SIGKILL", "power failure"):
        assert faults[kind] >= 80, faults
    assert faults["node death"] >= 15
    assert faults["worker that wakes up later"] >= 72
