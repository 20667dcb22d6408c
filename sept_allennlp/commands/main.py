"""The command `allennlp` with the plugin, in any folder."""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List

from allennlp.commands import print_results

from sept_allennlp.training import console

_print_results = print_results.print_results_from_args


def main() -> None:
    """
    Run AllenNLP's command.

    AllenNLP finds a plugin by the file `.allennlp_plugins` of the folder in which it is run.
    Importing this module has loaded it already.
    """
    from allennlp.__main__ import run

    # Now that AllenNLP has set up its logging.
    console.install()
    run()


def print_results_from_args(args: argparse.Namespace) -> None:
    """Print results as AllenNLP does; without `--keys`, the scores of the best epochs."""
    if args.keys is None:
        files = Path(args.path).rglob(args.metrics_filename)
        args.keys = scores([json.loads(file.read_text()) for file in files])
    _print_results(args)


def scores(results: List[Dict[str, Any]]) -> List[str]:
    """Return the keys that describe a whole model, in the order of the files."""
    keys = dict.fromkeys(key for metrics in results for key in metrics)
    # "best_validation_f1", but not "best_validation_f1-Method".
    return [key for key in keys if key.startswith(("best_", "test_")) and "-" not in key]


def install() -> None:
    """Have `allennlp print-results` work without `--keys`."""
    print_results.print_results_from_args = print_results_from_args
