from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ClassVar, FrozenSet, List, Mapping, Optional, Tuple

from numpy.typing import NDArray


class SessionError(Exception):
    """An engine cannot open or run a graph; the message is one line."""


@dataclass(frozen=True)
class Argument:
    """
    An input or output of a graph.

    # Parameters

    names : `FrozenSet[str]`
        Several names if an engine removed the operations between them.
    type : `str`
        numpy's name of the elements' type, or the engine's name if numpy has no such type.
    shape : `Tuple[Optional[int], ...]`
        The dimensions; `None` for those of any length.
    """

    names: FrozenSet[str]
    type: str
    shape: Tuple[Optional[int], ...]

    def __str__(self) -> str:
        shape = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"{self.type} [{shape}]"


class Session(ABC):
    """
    Base class for graphs that an engine has opened. Threads may share a session.

    # Parameters

    path : `Path`
        Nothing outside its folder is read.
    precision : `str`
        One of `sept_runtime.options` that `check` accepts.
    threads : `int`
        The number of cores that a run uses.

    A subclass may set these attributes:

    length_step, rows_step : `int`
        Lengths of sequences and numbers of rows should be multiples of these, because some engines
        allocate memory for each new shape.

    # Raises

    `SessionError` if the engine cannot open the graph.
    """

    length_step: ClassVar[int] = 1
    rows_step: ClassVar[int] = 1

    @abstractmethod
    def __init__(self, path: Path, precision: str, threads: int) -> None: ...

    @staticmethod
    @abstractmethod
    def check(precision: str) -> None:
        """
        Check that the engine can compute in a precision.

        # Raises

        `ExportedModelError` if the engine is not installed or lacks the precision on this machine.
        """

    @property
    @abstractmethod
    def inputs(self) -> List[Argument]:
        """Return the inputs of the graph."""

    @property
    @abstractmethod
    def outputs(self) -> List[Argument]:
        """Return the outputs of the graph."""

    @abstractmethod
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """
        Run the graph and return its first output, as a new array.

        # Raises

        `SessionError` if the engine fails.
        """


OpenSession = Callable[[Path], Session]
