import argparse
import sys

from typing_extensions import override

from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import read_json_lines
from sept_runtime.formats.predictions.tables import TABLE_SUFFIXES, open_predictions, table_suffix


class Table(Command):
    """The command `sept table`."""

    name = "table"
    description = (
        "Write predictions as a table with a row for each entity, and a second table of relations. "
        "The suffix of the file selects CSV, TSV, Excel or Parquet."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("predictions", help="a file that 'sept predict' wrote; - for stdin")
        parser.add_argument(
            "table",
            help=f"the file to write ({', '.join(TABLE_SUFFIXES)}); relations go to a second "
            "sheet, or to NAME-relations.csv",
        )
        parser.add_argument(
            "--keep",
            nargs="+",
            metavar="FIELD",
            help="the kept fields that become columns (default = those of the first document)",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        if table_suffix(args.table) is None:
            known = ", ".join(TABLE_SUFFIXES)
            raise DocumentError(f"{args.table}: the name of a table must end in one of {known}")
        failed = total = 0
        with open_predictions(args.table, [args.predictions], args.keep) as output:
            for origin, fields in read_json_lines(args.predictions):
                if not isinstance(fields, dict):
                    raise DocumentError(f"{origin}: expected a JSON object")
                total += 1
                failed += fields.get("error") is not None
                try:
                    output.write(fields)
                except DocumentError as error:
                    raise DocumentError(f"{origin}: {error}") from None
        counts = f"{total - failed} documents"
        if failed:
            counts += f"; {failed} failed inputs are left out"
        print(f"{args.table}: {counts}", file=sys.stderr)
        return 0
