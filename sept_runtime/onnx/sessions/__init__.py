"""Sessions that run graphs: a class for each engine, which imports the engine when it is used."""

from functools import partial
from typing import Dict, Type

from sept_runtime.onnx.sessions.onnx_runtime import OnnxRuntimeSession
from sept_runtime.onnx.sessions.open_vino import OpenVinoSession
from sept_runtime.onnx.sessions.session import (
    Argument,
    OpenSession,
    Session,
    SessionError,
)
from sept_runtime.options import ENGINES, PRECISIONS

__all__ = ["Argument", "OpenSession", "Session", "SessionError", "find_engine"]

_CLASSES: Dict[str, Type[Session]] = dict(zip(ENGINES, (OnnxRuntimeSession, OpenVinoSession)))


def find_engine(engine: str, precision: str, threads: int) -> OpenSession:
    """
    Return what opens graphs with an engine.

    # Parameters

    engine, precision : `str`
        One of `sept_runtime.options` each.
    threads : `int`
        The number of cores that a graph uses.

    # Raises

    `ValueError` for an unknown engine or precision, and `ExportedModelError` if the engine is not
    installed or lacks the precision on this machine.
    """
    for what, given, known in (("engine", engine, ENGINES), ("precision", precision, PRECISIONS)):
        if given not in known:
            raise ValueError(f"{what} must be {' or '.join(map(repr, known))}, got {given!r}")
    session = _CLASSES[engine]
    session.check(precision)
    return partial(session, precision=precision, threads=threads)
