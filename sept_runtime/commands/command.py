"""The base class of commands."""

import argparse
import contextlib
import functools
import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Iterator, Tuple, Type

from sept_runtime.documents import DocumentError

if TYPE_CHECKING:
    # Generic for type checkers only.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


class Command(ABC):
    """
    Base class for the commands of `sept` and `allennlp`.

    A subclass sets these attributes:

    name : `str`
        The command's name on the command line.
    description : `str`
        The help text.
    errors : `Tuple[Type[Exception], ...]`, optional (default = `(DocumentError, OSError)`)
        Errors that the user can fix. Only their message is printed.
    """

    name: str
    description: ClassVar[str]
    errors: ClassVar[Tuple[Type[Exception], ...]] = (DocumentError, OSError)

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to the parser."""

    @abstractmethod
    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return its exit status."""

    def add_to(self, subparsers: "Subparsers", called: str) -> argparse.ArgumentParser:
        """
        Add the command to a program's subcommands; `args.func(args)` runs it.

        # Parameters

        subparsers : `argparse._SubParsersAction`
        called : `str`
            The name that messages use for the command.
        """
        parser = subparsers.add_parser(
            self.name, description=self.description, help=self.description
        )
        self.add_arguments(parser)
        parser.set_defaults(func=functools.partial(self._execute, called), parser=parser)
        return parser

    def _execute(self, called: str, args: argparse.Namespace) -> None:
        try:
            with _terminable():
                status = self.run(args)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough. Python flushes stdout again at exit.
            with open(os.devnull, "w") as devnull:
                os.dup2(devnull.fileno(), sys.stdout.fileno())
            status = 1
        except self.errors as error:
            sys.exit(f"{called}: {error}")
        except _Terminated:
            status = 128 + signal.SIGTERM
        except KeyboardInterrupt:
            # The status that a shell reports after Ctrl-C.
            status = 130
        if status:
            sys.exit(status)


class _Terminated(KeyboardInterrupt):
    """Another process has ended this one by SIGTERM, as `timeout` and job schedulers do."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Raise `_Terminated` at SIGTERM, so that a partial output is closed and named."""

    def interrupt(*arguments: object) -> None:
        raise _Terminated

    # Python handles signals in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
