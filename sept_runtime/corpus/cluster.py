"""The machines of a run and its workers, independent of Ray."""

from dataclasses import dataclass
from types import TracebackType
from typing import Callable, Mapping, Optional, Protocol, Sequence, Type

from typing_extensions import Self

from sept_runtime.corpus.output_folder import ShardRecord
from sept_runtime.corpus.prediction import Worker
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.errors import CorpusError


class WorkerDied(CorpusError):
    """A worker or its machine is lost or cannot continue. Another worker may finish its shard."""


class Pool(Protocol):
    """Workers that were started together. Leaving the context kills them."""

    def __enter__(self) -> Self:
        """Start the workers."""

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Kill the workers."""

    def has_free(self) -> bool:
        """Return whether a worker is idle."""

    def has_busy(self) -> bool:
        """Return whether `next_done` has something to wait for."""

    def submit(self, lines: ShardLines) -> None:
        """Give a shard to an idle worker."""

    def next_done(self) -> ShardRecord:
        """
        Wait for a worker to finish its shard.

        # Raises

        `WorkerDied`, or `CorpusError` if other workers would fail in the same way.
        """


class Cluster(Protocol):
    """The machines that workers run on."""

    def machines(self) -> Sequence[Mapping[str, float]]:
        """Return each machine's resources under Ray's names: `CPU`, `GPU`, `memory` in bytes."""

    def pool(self, workers: "Workers", start: Callable[[], Worker]) -> Pool:
        """Return a pool of workers, each made by `start` in its own process."""

    def stop(self) -> None:
        """Disconnect."""


@dataclass(frozen=True)
class Workers:
    """
    The number of workers and their resources.

    # Parameters

    number : `int`
    cpus, gpus : `float`
        The resources of each worker.
    """

    number: int
    cpus: float
    gpus: float

    @property
    def threads(self) -> int:
        """Return the number of threads that a worker computes with: one per whole core."""
        return max(1, int(self.cpus))

    def __str__(self) -> str:
        share = _amount(self.cpus, "core")
        if self.gpus:
            share += f" and {_amount(self.gpus, 'GPU')}"
        if self.number == 1:
            return f"1 worker, with {share}"
        return f"{self.number} workers, each with {share}"


def plan_workers(
    machines: Sequence[Mapping[str, float]],
    worker_bytes: float,
    number: Optional[int] = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Workers:
    """
    Plan as many workers as there are cores, GPUs and memory for.

    # Parameters

    machines : `Sequence[Mapping[str, float]]`
        See `Cluster.machines`.
    worker_bytes : `float`
        The memory that a worker takes.
    number : `int`, optional
        Plan exactly this number of workers, whatever their memory.
    cpus, gpus : `float`, optional
        The resources of each worker.

    # Raises

    `CorpusError` if the machines do not have the resources for `number` workers, or for one.
    """
    capacities = [_capacity(machine, cpus, gpus) for machine in machines]
    if sum(capacities) < (number or 1):
        available = " and ".join(_resources(machine) for machine in machines)
        raise CorpusError(
            f"{_amount(number or 1, 'worker')} with {cpus:g} cores and {gpus:g} GPUs each "
            f"cannot be started: there are only {available or 'no machines'}. Change --actors, "
            "--cpus-per-actor or --gpus-per-actor."
        )
    if number is None:
        by_memory = (
            min(capacity, int(machine["memory"] / worker_bytes))
            if "memory" in machine
            else capacity
            for capacity, machine in zip(capacities, machines)
        )
        number = max(1, sum(by_memory))
    return Workers(number, cpus, gpus)


def _capacity(machine: Mapping[str, float], cpus: float, gpus: float) -> int:
    capacity = _num_parts(machine.get("CPU", 0.0), cpus)
    return min(capacity, _num_parts(machine.get("GPU", 0.0), gpus)) if gpus else capacity


def _amount(number: float, name: str) -> str:
    if number < 1:
        return f"{number:g} of a {name}"
    return f"{number:g} {name}{'' if number == 1 else 's'}"


def _resources(machine: Mapping[str, float]) -> str:
    return f"{machine.get('CPU', 0.0):g} cores and {machine.get('GPU', 0.0):g} GPUs"


def _num_parts(total: float, part: float) -> int:
    """Return how many parts fit, tolerating rounding errors: 1 has 10 parts of 0.1."""
    if part > 1 or total <= 1:
        return int(total / part + 1e-6)
    # A part of one GPU or core cannot be taken from two.
    return int(total) * int(1 / part + 1e-6)
