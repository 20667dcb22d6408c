"""How many workers a machine, or a cluster, holds."""

import os
from dataclasses import dataclass
from typing import Mapping, Optional

from sept_allennlp.corpus.inputs import CorpusError

# What a worker takes besides its model: Python, PyTorch, AllenNLP and a batch.
WORKER_BYTES = 1.5 * 2**30
# A loaded model, per byte of its compressed archive, with room for its loading.
BYTES_PER_ARCHIVE_BYTE = 3


@dataclass(frozen=True)
class Workers:
    """
    # Parameters

    number : `int`
    cpus, gpus : `float`
        What each of them has.
    """

    number: int
    cpus: float
    gpus: float

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    def __str__(self) -> str:
        share = _amount(self.cpus, "core")
        if self.gpus:
            share += f" and {_amount(self.gpus, 'GPU')}"
        return (
            f"1 worker, with {share}"
            if self.number == 1
            else (f"{self.number} workers, each with {share}")
        )


def plan_workers(
    resources: Mapping[str, float],
    archive_bytes: int,
    number: Optional[int] = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Workers:
    """
    As many workers as there are cores (and GPUs and memory) for.

    # Parameters

    resources : `Mapping[str, float]`
        What there is, as Ray names it: `CPU`, `GPU`, and `memory` in bytes.
    archive_bytes : `int`
        The size of the model's archive.
    number : `int`, optional
        To have so many.
    cpus, gpus : `float`, optional
        What each of them is to have.

    # Raises

    `CorpusError` if there is not enough for the number asked for, or for a single one.
    """
    limits = {"cores": _shares(resources.get("CPU", 0.0), cpus)}
    if gpus:
        limits["GPUs"] = _shares(resources.get("GPU", 0.0), gpus)
    scarce = min(limits, key=limits.__getitem__)
    most = limits[scarce]
    if most < (number or 1):
        raise CorpusError(
            f"there are too few {scarce} for {number or 1} workers with {cpus:g} cores and "
            f"{gpus:g} GPUs each, {_there(resources)}"
        )
    if number is None:
        memory = resources.get("memory")
        worker_bytes = WORKER_BYTES + BYTES_PER_ARCHIVE_BYTE * archive_bytes
        number = most if memory is None else min(most, max(1, int(memory / worker_bytes)))
    return Workers(number, cpus, gpus)


def _amount(number: float, name: str) -> str:
    if number < 1:
        return f"{number:g} of a {name}"
    return f"{number:g} {name}{'' if number == 1 else 's'}"


def _there(resources: Mapping[str, float]) -> str:
    return f"only {resources.get('CPU', 0.0):g} cores and {resources.get('GPU', 0.0):g} GPUs"


def _shares(whole: float, part: float) -> int:
    """How many parts a whole has: 1 has 10 of 0.1, rounding errors notwithstanding."""
    if part > 1 or whole <= 1:
        return int(whole / part + 1e-6)
    # A part of one GPU or core cannot be taken from two.
    return int(whole) * int(1 / part + 1e-6)


def usable_cores() -> int:
    """How many of this machine's cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
