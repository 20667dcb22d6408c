import argparse
import sys
from typing import Iterator

from allennlp.commands.subcommand import Subcommand
from rich import box
from rich.console import Console
from rich.table import Table

from sept_allennlp.documents import DocumentError
from sept_allennlp.prediction import JsonObject, parse_line


@Subcommand.register("sept-show")
class Show(Subcommand):
    """
    `allennlp sept-show predictions.jsonl`: the entities that `allennlp predict` has found, as a
    table for the terminal.
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Print the entities of predicted documents as a table."
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument("predictions", help="what 'allennlp predict' has written")
        subparser.add_argument(
            "--documents", type=int, default=10, help="how many to show (default: %(default)s)"
        )
        subparser.set_defaults(func=_show)
        return subparser


def _show(args: argparse.Namespace) -> None:
    try:
        with open(args.predictions, "rb") as lines:
            outputs = [parse_line(line) for line in lines]
    except FileNotFoundError:
        sys.exit(f"{args.predictions}: there is no such file")
    except DocumentError as error:
        sys.exit(f"{args.predictions}: {error}")
    console = Console()
    for output in outputs[: args.documents]:
        console.print(_table(output))
    if len(outputs) > args.documents:
        console.print(f"... and {len(outputs) - args.documents} documents more")


def _table(output: JsonObject) -> Table:
    title = str(output.get("title") or output.get("id") or output.get("doc_key") or "")
    if "error" in output:
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        table.add_column(f"line {output.get('line', '?')}: {output['error']}")
        return table
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("entity")
    table.add_column("type")
    table.add_column("score", justify="right")
    table.add_column("characters", justify="right")
    for row in _rows(output):
        table.add_row(*row)
    return table


def _rows(output: JsonObject) -> Iterator[list]:
    for entity in output["entities"]:
        yield [
            entity["text"],
            entity["label"],
            f"{entity['score']:.2f}",
            f"{entity['start']}–{entity['end']}",
        ]
