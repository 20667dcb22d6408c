import argparse
import sys
from pathlib import Path
from typing import Union

from allennlp.commands.subcommand import Subcommand
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, PredictedDocument, read_predictions
from sept_runtime.words import with_joined_text


@Subcommand.register("sept-show")
class SeptShow(Subcommand):
    """
    `allennlp sept-show predictions.jsonl` prints the entities that `allennlp predict` has found, as
    tables for the terminal.

    Registered as a `Subcommand` with name "sept-show".
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Print predicted entities as tables."
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument("predictions", type=Path, help="what the predictor wrote")
        subparser.add_argument(
            "--documents", type=int, default=10, help="how many to show (default = %(default)s)"
        )
        subparser.set_defaults(func=show_from_args)
        return subparser


def show_from_args(args: argparse.Namespace) -> None:
    console = Console()
    hidden = 0
    try:
        for index, output in enumerate(read_predictions(str(args.predictions))):
            if index < args.documents:
                console.print(_table(output))
            else:
                hidden += 1
    except DocumentError as error:
        sys.exit(f"sept-show: {error}")
    if hidden:
        console.print(f"... and {hidden} documents more")


def _table(output: Union[PredictedDocument, FailedInput]) -> Union[Table, Text]:
    if isinstance(output, FailedInput):
        return Text(f"{output}\n", style="red")
    document = with_joined_text(output.document)
    if document.text is None or document.offsets is None:
        raise DocumentError(f"{document.describe()}: there is a 'text' but no 'word_offsets'")
    # Texts and not strings, in which rich would look for markup.
    table = Table(title=Text(output.title or document.key), title_justify="left", box=box.SIMPLE)
    table.add_column("entity", min_width=32)
    table.add_column("type", min_width=20, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("characters", justify="right", no_wrap=True)
    for entity in output.predicted or []:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        table.add_row(
            Text(" ".join(document.text[start:end].split())),
            Text(entity.label),
            "" if entity.score is None else f"{entity.score:.2f}",
            f"{start}–{end}",
        )
    return table
