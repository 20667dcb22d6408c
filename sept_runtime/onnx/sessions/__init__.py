"""
What runs a graph: a class of `Session` for each engine, a module each, which imports the engine
when it is asked for.
"""

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
    # Parameters

    engine, precision : `str`
        Of `sept_runtime.options`.
    threads : `int`
        How many of the processor's cores a graph uses.

    # Raises

    `ValueError` for one that there is not, and `ExportedModelError` if the engine is not installed,
    or cannot compute in these numbers on this machine.
    """
    for what, given, known in (("engine", engine, ENGINES), ("precision", precision, PRECISIONS)):
        if given not in known:
            raise ValueError(f"{what} must be {' or '.join(map(repr, known))}: {given!r}")
    session = _CLASSES[engine]
    session.check(precision)
    return partial(session, precision=precision, threads=threads)
