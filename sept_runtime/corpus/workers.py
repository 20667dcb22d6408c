"""How many workers a machine, or a cluster, holds."""

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

from sept_runtime.corpus.inputs import CorpusError


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
        """How many threads a worker computes with: one for each whole core."""
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
    machines: Sequence[Mapping[str, float]],
    worker_bytes: float,
    number: Optional[int] = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Workers:
    """
    Plans as many workers as there are cores (and GPUs and memory) for.

    # Parameters

    machines : `Sequence[Mapping[str, float]]`
        What each has, as Ray names it: `CPU`, `GPU`, and `memory` in bytes.
    worker_bytes : `float`
        What each of them takes.
    number : `int`, optional
        To have so many.
    cpus, gpus : `float`, optional
        What each of them is to have.

    # Raises

    `CorpusError` if there is not enough for the number asked for, or for a single one.
    """
    rooms = [_room(machine, cpus, gpus) for machine in machines]
    if sum(rooms) < (number or 1):
        there = " and ".join(_there(machine) for machine in machines)
        raise CorpusError(
            f"there is no room for {_amount(number or 1, 'worker')} with {cpus:g} cores and "
            f"{gpus:g} GPUs each, but only {there or 'no machine'}"
        )
    if number is None:
        number = max(
            1,
            sum(
                min(room, int(machine["memory"] / worker_bytes)) if "memory" in machine else room
                for room, machine in zip(rooms, machines)
            ),
        )
    return Workers(number, cpus, gpus)


def _room(machine: Mapping[str, float], cpus: float, gpus: float) -> int:
    room = _shares(machine.get("CPU", 0.0), cpus)
    return min(room, _shares(machine.get("GPU", 0.0), gpus)) if gpus else room


def _amount(number: float, name: str) -> str:
    if number < 1:
        return f"{number:g} of a {name}"
    return f"{number:g} {name}{'' if number == 1 else 's'}"


def _there(machine: Mapping[str, float]) -> str:
    return f"{machine.get('CPU', 0.0):g} cores and {machine.get('GPU', 0.0):g} GPUs"


def _shares(whole: float, part: float) -> int:
    """Counts the parts that a whole has: 1 has 10 of 0.1, rounding errors notwithstanding."""
    if part > 1 or whole <= 1:
        return int(whole / part + 1e-6)
    # A part of one GPU or core cannot be taken from two.
    return int(whole) * int(1 / part + 1e-6)
