"""That OpenVINO tells nobody that it is used. In processes of their own: it would when imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.openvino import needs_openvino

# Whatever reaches for the network, or starts something that may, ends the process at once, wherever
# exceptions are caught.
_WATCH = """
import os, sys
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.system")):
        os.write(2, f"{event} {arguments}".encode())
        os._exit(9)
sys.addaudithook(watch)
"""

_PREDICT = """
import sept_runtime
model = sept_runtime.load(sys.argv[1], threads=1, engine="openvino")
assert list(model.annotate(["We use a parser for parsing."]))
# The function by which it would send is as before.
assert "openvino_telemetry" not in sys.modules
import openvino
assert openvino.convert_model
"""

# It sends from a thread, and the process ends as soon as it does.
_IMPORT = """
import openvino, time
time.sleep(3600)
"""


def run(program: str, model: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    # As on a user's machine: where tests run by themselves, it keeps still.
    hushed = ("CI", "TF_BUILD", "JENKINS_URL", "GITHUB_ACTIONS")
    environment = {name: value for name, value in os.environ.items() if name not in hushed}
    environment.update(HOME=str(home), LOCALAPPDATA=str(home))
    command = [sys.executable, "-c", _WATCH + program, str(model)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@needs_openvino
@pytest.mark.processes
def test_nothing_is_sent_and_no_id_is_made(exported_model: Path, tmp_path: Path) -> None:
    ran = run(_PREDICT, exported_model, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.iterdir()) == []


@needs_openvino
@pytest.mark.processes
def test_without_our_import_openvino_sends_something(exported_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino_telemetry")
    ran = run(_IMPORT, exported_model, tmp_path)
    assert ran.returncode == 9, ran.stderr
    assert list(tmp_path.iterdir())
