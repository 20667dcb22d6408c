"""
SEPT side by side with what else a user could install: the same work on the same machine, each peer
in an environment of its own. Writes `docs/peers.md` and `docs/results/peers.json`.

Each figure is kept as it comes (`WORK/results.json`); called again, it measures what is missing.
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
    """Writes the table, and every figure beside it."""
    figures, table = output / "results" / "peers.json", output / "peers.md"
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table.write_text(render(results), encoding="utf-8")
    print(f"written: {table}, {figures}")


def absolute(path: str) -> Path:
    """Makes a path that workers understand, who run in another folder."""
    # Not resolved: the link of an environment to its Python is what makes it one.
    return Path(path).absolute()


def parse() -> argparse.Namespace:
    """Takes the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    data, encoder = os.environ.get("SEPT_DATA"), os.environ.get("SEPT_ENCODER")
    parser.add_argument(
        "--data", type=absolute, default=data, help="the folder of SciERC's train.json and dev.json"
    )
    parser.add_argument("--encoder", type=absolute, default=encoder, help="the folder of MiniLM-L6")
    parser.add_argument("--work", type=absolute, default=ROOT / "runs" / "peers")
    parser.add_argument("--environments", type=absolute, default=ROOT / ".venv-peers")
    parser.add_argument("--output", type=absolute, default=ROOT / "docs")
    parser.add_argument("--only", nargs="+", help="names of peers, 'sept' for ours")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[13370], help="of the scored trainings"
    )
    parser.add_argument("--repeats", type=int, default=3, help="of predictions and cold starts")
    parser.add_argument("--epoch-repeats", type=int, default=2)
    parser.add_argument(
        "--epoch-minutes", type=float, default=10, help="above, an epoch is of fewer abstracts ..."
    )
    parser.add_argument(
        "--fraction-minutes", type=float, default=4, help="... and takes this long at most"
    )
    parser.add_argument(
        "--budget-minutes", type=float, default=6, help="of each training at equal time"
    )
    parser.add_argument(
        "--recommended-minutes",
        type=float,
        default=40,
        help="a training with the recommended epochs that would take longer is left out",
    )
    parser.add_argument("--abstracts", type=int, help="at most, of each split: for trying it out")
    arguments = parser.parse_args()
    for name in ("data", "encoder"):
        folder = getattr(arguments, name)
        if folder is None or not folder.is_dir():
            parser.error(f"--{name} (or SEPT_{name.upper()}) must be a folder, not '{folder}'")
    return arguments


def main() -> None:
    arguments = parse()
    comparison = Comparison(arguments)
    try:
        comparison.run()
    finally:
        # Interrupted, the table has what there is.
        write(comparison.results, arguments.output)
    if comparison.failed:
        raise SystemExit(f"failed, and not in all rows: {', '.join(comparison.failed)}")


if __name__ == "__main__":
    main()
