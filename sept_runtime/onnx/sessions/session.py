from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ClassVar, FrozenSet, List, Mapping, Optional, Tuple

from numpy.typing import NDArray


class SessionError(Exception):
    """What an engine says of a graph, in one line."""


@dataclass(frozen=True)
class Argument:
    """
    What a graph takes or gives.

    # Parameters

    names : `FrozenSet[str]`
        More than one where an engine has dropped what stood between them.
    type : `str`
        numpy's name for the type of its elements, or the engine's where numpy has none.
    shape : `Tuple[Optional[int], ...]`
        The dimensions; those that may have any length are `None`.
    """

    names: FrozenSet[str]
    type: str
    shape: Tuple[Optional[int], ...]

    def __str__(self) -> str:
        shape = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"{self.type} [{shape}]"


class Session(ABC):
    """
    A graph, opened by an engine. Threads may share it.

    # Parameters

    path : `Path`
        Nothing outside of its folder is read.
    precision : `str`
        Of `sept_runtime.options`; one that `check` does not refuse.
    threads : `int`
        How many of the processor's cores a run uses.

    A subclass gives these attributes:

    length_step, rows_step : `int`
        The lengths of sequences, and the number of rows that have nothing to do with each other,
        are to be multiples of these: what the engine keeps for each shape that it sees is memory.

    # Raises

    `SessionError` if the engine does not take it.
    """

    length_step: ClassVar[int] = 1
    rows_step: ClassVar[int] = 1

    @abstractmethod
    def __init__(self, path: Path, precision: str, threads: int) -> None: ...

    @staticmethod
    @abstractmethod
    def check(precision: str) -> None:
        """
        # Raises

        `ExportedModelError` if the engine is not installed, or cannot compute in these numbers on
        this machine.
        """

    @property
    @abstractmethod
    def inputs(self) -> List[Argument]:
        """What the graph takes."""

    @property
    @abstractmethod
    def outputs(self) -> List[Argument]:
        """What it gives."""

    @abstractmethod
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """
        Its first output, an array of the caller's own.

        # Raises

        `SessionError` if the engine fails.
        """


OpenSession = Callable[[Path], Session]
