"""The command `sept`: predictions by an exported model, and what becomes of predictions."""

import argparse
from typing import Optional, Sequence, Tuple

from sept_runtime.commands.annotate import Annotate
from sept_runtime.commands.brat import Brat
from sept_runtime.commands.command import Command
from sept_runtime.commands.html import Html
from sept_runtime.commands.predict import Predict
from sept_runtime.commands.show import Show
from sept_runtime.version import VERSION

COMMANDS: Tuple[Command, ...] = (Predict(), Annotate(), Show(), Html(), Brat())

__all__ = ["COMMANDS", "Annotate", "Brat", "Command", "Html", "Predict", "Show", "main"]


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """
    Runs `sept`, by default with the arguments of this process.

    # Raises

    `SystemExit` where a command fails, and where the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="sept",
        description="Find entities in texts, look at them, and exchange them with other tools.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(subparsers, called=f"{parser.prog} {command.name}")
    args = parser.parse_args(arguments)
    args.func(args)
