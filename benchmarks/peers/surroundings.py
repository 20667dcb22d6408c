"""The conditions of a peer's figures: the machine and the peer's code."""

import hashlib
import os
import platform
from pathlib import Path
from typing import Any, Dict

from benchmarks.peers.workers import HERE, OURS, ROOT, PeerInfo


def code_digest(peer: PeerInfo) -> str:
    """Return a digest of all files that a peer's figures depend on."""
    files = [HERE / name for name in (f"{peer.name}.py", "peer.py", "corpus.py", "scoring.py")]
    if OURS.name in (peer.name, peer.trained_by):
        files += [HERE / "annotating.py"]
        files += sorted([*ROOT.glob("sept_*/**/*.py"), *ROOT.glob("training_config/*sonnet")])
    else:
        files += [HERE / "deadline.py", HERE / f"requirements-{peer.name}.txt"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def machine() -> Dict[str, Any]:
    """Describe the machine (Linux)."""
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
