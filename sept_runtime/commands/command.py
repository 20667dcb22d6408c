"""What all commands have in common: how they are added to a parser, fail, and end."""

import argparse
import functools
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Tuple, Type

from sept_runtime.documents import DocumentError

if TYPE_CHECKING:
    # Generic for type checkers alone.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


class Command(ABC):
    """
    A command of the command line, which has its arguments, calls what does the work, and prints.

    A subclass gives these attributes:

    name : `str`
        The word that calls it.
    description : `str`
        What it does, for `--help`.
    errors : `Tuple[Type[Exception], ...]`, optional (default = `(DocumentError, OSError)`)
        What its user can mend. Of such an exception only the message is printed.
    """

    name: str
    description: ClassVar[str]
    errors: ClassVar[Tuple[Type[Exception], ...]] = (DocumentError, OSError)

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares what `run` finds in its `args`."""

    @abstractmethod
    def run(self, args: argparse.Namespace) -> int:
        """Does the work and gives the exit status."""

    def add_to(self, subparsers: "Subparsers", called: str) -> argparse.ArgumentParser:
        """
        Adds the command to those of a program, which runs it by `args.func(args)`.

        # Parameters

        subparsers : `argparse._SubParsersAction`
        called : `str`
            What messages call the command.
        """
        parser = subparsers.add_parser(
            self.name, description=self.description, help=self.description
        )
        self.add_arguments(parser)
        parser.set_defaults(func=functools.partial(self._execute, called))
        return parser

    def _execute(self, called: str, args: argparse.Namespace) -> None:
        try:
            status = self.run(args)
        except self.errors as error:
            sys.exit(f"{called}: {error}")
        except KeyboardInterrupt:
            # As a shell reports a program that Ctrl-C has ended.
            status = 130
        if status:
            sys.exit(status)


def positive_int(text: str) -> int:
    """The type of an argument that counts things."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
