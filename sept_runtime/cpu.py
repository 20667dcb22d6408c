"""How many of the processor's cores there are to use."""

import os
from pathlib import Path

# Where Linux says how much of how much time a container may compute.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Counts the cores of this machine that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        # There is none, which the file may say by "max".
        return cores
