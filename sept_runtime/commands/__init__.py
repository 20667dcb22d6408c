"""The command `sept`: predict with an exported model, and view and convert predictions."""

import argparse
import difflib
import io
import sys
from typing import Optional, Sequence, Tuple

from sept_runtime.commands.annotate import Annotate
from sept_runtime.commands.command import Command
from sept_runtime.commands.convert import Convert
from sept_runtime.commands.count import Count
from sept_runtime.commands.errors import Errors
from sept_runtime.commands.html import Html
from sept_runtime.commands.models import Models, Package
from sept_runtime.commands.predict import Predict
from sept_runtime.commands.report import Report
from sept_runtime.commands.serve import Serve
from sept_runtime.commands.show import Show
from sept_runtime.commands.split import Split
from sept_runtime.commands.table import Table
from sept_runtime.version import VERSION

COMMANDS: Tuple[Command, ...] = (
    Predict(),
    Annotate(),
    Show(),
    Html(),
    Table(),
    Errors(),
    Count(),
    Report(),
    Serve(),
    Convert(),
    Split(),
    Models(),
    Package(),
)

__all__ = [
    "COMMANDS",
    "Annotate",
    "Command",
    "Convert",
    "Count",
    "Errors",
    "Html",
    "Models",
    "Package",
    "Predict",
    "Report",
    "Serve",
    "Show",
    "Split",
    "Table",
    "main",
]


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """
    Run `sept`, by default with the arguments of this process.

    # Raises

    `SystemExit` if a command fails or its arguments are invalid.
    """
    # Text that the terminal's encoding lacks is escaped, not an error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="sept",
        description="Find entities in texts, look at them, and exchange them with other tools.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(subparsers, called=f"{parser.prog} {command.name}")
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        # The command's own parser answers with its own arguments.
        args.parser.error(_unknown_arguments(args.parser, unknown))
    args.func(args)


def _unknown_arguments(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> str:
    known = [option for action in parser._actions for option in action.option_strings]
    hints = []
    for argument in unknown:
        close = difflib.get_close_matches(argument.split("=")[0], known, n=1)
        hints += [f" (did you mean {close[0]}?)"] if close else []
    return f"unknown arguments: {' '.join(unknown)}{''.join(hints[:1])}"
