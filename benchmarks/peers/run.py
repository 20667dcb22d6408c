"""
Compare SEPT with other tools: the same work on the same machine, each tool in its own environment.
Writes `docs/peers.md` and `docs/results/peers.json`.

Each figure is saved when it is measured (`WORK/results.json`); the same command continues and
measures only what is missing.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any, Dict

from benchmarks.peers.comparison import Comparison
from benchmarks.peers.report import render
from benchmarks.peers.workers import ROOT


def write(results: Dict[str, Any], output: Path) -> None:
    """Write the page and all figures."""
    figures, table = output / "results" / "peers.json", output / "peers.md"
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table.write_text(render(results), encoding="utf-8")
    print(f"written: {table}, {figures}")


def absolute(path: str) -> Path:
    """Return an absolute path, because workers run in another folder."""
    # Not resolved, because resolving an environment's Python leads out of the environment.
    return Path(path).absolute()


def parse() -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    data, encoder = os.environ.get("SEPT_DATA"), os.environ.get("SEPT_ENCODER")
    parser.add_argument(
        "--data", type=absolute, default=data, help="the folder of SciERC's train.json and dev.json"
    )
    parser.add_argument("--encoder", type=absolute, default=encoder, help="the folder of MiniLM-L6")
    parser.add_argument(
        "--work",
        type=absolute,
        default=ROOT / "runs" / "peers",
        help="the folder of models and figures",
    )
    parser.add_argument(
        "--environments",
        type=absolute,
        default=ROOT / ".venv-peers",
        help="the folder of the other tools' environments",
    )
    parser.add_argument(
        "--output", type=absolute, default=ROOT / "docs", help="the folder of the page"
    )
    parser.add_argument("--only", nargs="+", help="measure only these peers; 'sept' is ours")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[13370], help="the seeds of the scored trainings"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="repeats of predictions and cold starts"
    )
    parser.add_argument("--epoch-repeats", type=int, default=2, help="repeats of epochs")
    parser.add_argument(
        "--epoch-minutes",
        type=float,
        default=10,
        help="an epoch that takes longer is measured on fewer abstracts",
    )
    parser.add_argument(
        "--fraction-minutes",
        type=float,
        default=4,
        help="the longest such epoch on fewer abstracts",
    )
    parser.add_argument(
        "--budget-minutes", type=float, default=6, help="the time of each training at equal time"
    )
    parser.add_argument(
        "--recommended-minutes",
        type=float,
        default=40,
        help="leave out trainings with the recommended epochs that would take longer",
    )
    parser.add_argument(
        "--abstracts", type=int, help="use only this many abstracts of each split, as a test"
    )
    arguments = parser.parse_args()
    for name in ("data", "encoder"):
        folder = getattr(arguments, name)
        if folder is None or not folder.is_dir():
            parser.error(f"--{name} (or SEPT_{name.upper()}) must be a folder, got '{folder}'")
    return arguments


def main() -> None:
    arguments = parse()
    comparison = Comparison(arguments)
    try:
        comparison.run()
    finally:
        # After an interruption, the table holds the figures so far.
        write(comparison.results, arguments.output)
    if comparison.failed:
        raise SystemExit(
            f"failed and therefore missing from some rows: {', '.join(comparison.failed)}"
        )


if __name__ == "__main__":
    main()
