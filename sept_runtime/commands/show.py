import argparse
from pathlib import Path

from rich.console import Console

from sept_runtime.commands.command import Command
from sept_runtime.formats.predictions import read_predictions
from sept_runtime.views.terminal import entity_table, relation_table


class Show(Command):
    """Prints predicted entities and relations as tables for the terminal."""

    name = "show"
    description = "Print predicted entities and relations as tables."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The predictions, and how many documents of them."""
        parser.add_argument("predictions", type=Path, help="what the predictor wrote")
        parser.add_argument(
            "--documents", type=int, default=10, help="how many to show (default = %(default)s)"
        )

    def run(self, args: argparse.Namespace) -> int:
        """
        # Raises

        `DocumentError` at the first line that is no prediction.
        """
        console = Console()
        hidden = 0
        for index, prediction in enumerate(read_predictions(str(args.predictions))):
            if index < args.documents:
                console.print(entity_table(prediction))
                relations = relation_table(prediction)
                if relations is not None:
                    console.print(relations)
            else:
                hidden += 1
        if hidden:
            console.print(f"... and {hidden} documents more")
        return 0
