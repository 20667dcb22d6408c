"""
Train on 20, 50 and 100 documents of NCBI-disease and BC5CDR from several encoders, and score each
model on the first 100 documents of the dev split. Print a table of strict F1.

    python -m benchmarks.few_documents --conll CONLL_FOLDER --output few_documents.jsonl \
        minilm=MINILM_FOLDER adapted=runs/adapted/encoder scierc=models/scierc.tar.gz

Each result is a line of the output, written when it is known. The same command continues, and
several processes may share the output (`--part 1/2`).
"""

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

from sept_runtime.documents import Document
from sept_runtime.formats.conll import read_conll
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.scierc import document_to_scierc

CONFIG = "training_config/sept_minilm_few.jsonnet"
DATA_SETS = ("NCBI-disease", "bc5cdr")
SIZES = (20, 50, 100)
DRAWS = (1, 2, 3)
DEV_DOCUMENTS = 100

Key = Tuple[str, int, str, int]


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoders", nargs="+", metavar="NAME=ENCODER")
    parser.add_argument("--conll", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--output", type=Path, required=True, help="the file of results")
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--overrides", default="{}", help="as of 'allennlp train'")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--draws", type=int, nargs="+", default=DRAWS)
    parser.add_argument("--part", default="1/1", help="run only every n-th training")
    args = parser.parse_args()
    encoders = dict(each.split("=", 1) for each in args.encoders)
    part, parts = map(int, args.part.split("/"))
    # All of the first draw, then all of the second, so that an unfinished comparison is a fair one.
    keys = itertools.product(args.draws, DATA_SETS, args.sizes, encoders)
    for number, (draw, data_set, size, encoder) in enumerate(keys):
        is_mine = number % parts == part - 1
        if is_mine and (data_set, size, encoder, draw) not in results(args.output):
            found = score(args, data_set, size, encoders[encoder], draw)
            line = {
                "data": data_set,
                "documents": size,
                "encoder": encoder,
                "draw": draw,
                **found,
            }
            with args.output.open("a") as output:
                output.write(json.dumps(line) + "\n")
    print_table(results(args.output), list(encoders))


def results(path: Path) -> Dict[Key, Dict[str, Any]]:
    """Read the results so far."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {
        (each["data"], each["documents"], each["encoder"], each["draw"]): each
        for each in map(json.loads, lines)
    }


def score(
    args: argparse.Namespace, data_set: str, size: int, encoder: str, draw: int
) -> Dict[str, Any]:
    """Train on documents drawn with the seed `draw`; return precision, recall, F1 and time."""
    # They take seconds to import.
    from allennlp.commands.train import train_model
    from allennlp.common import Params

    import sept_allennlp  # noqa: F401  registers the parts

    # NCBI-disease's files do not say where documents begin: sentences are joined to 200 words.
    documents = list(read_conll(str(args.conll / data_set / "train.txt")))
    with tempfile.TemporaryDirectory() as folder:
        train, dev = Path(folder, "train.json"), Path(folder, "dev.json")
        write(train, random.Random(draw).sample(documents, size))
        judged = read_conll(str(args.conll / data_set / "dev.txt"))
        write(dev, itertools.islice(judged, DEV_DOCUMENTS))
        variables = {
            **os.environ,
            "SEPT_ENCODER": encoder,
            "SEPT_DATA": folder,
            "SEPT_SEED": str(draw),
            "SEPT_DEVICE": "-1",
        }
        params = Params.from_file(args.config, args.overrides, variables)
        train_model(params, Path(folder, "run"))
        metrics = json.loads(Path(folder, "run", "metrics.json").read_text())
    names = ("precision", "recall", "f1")
    return {
        **{name: metrics[f"best_validation_{name}"] for name in names},
        "duration": metrics["training_duration"],
    }


def write(path: Path, documents: Iterable[Document]) -> None:
    """Write documents in SciERC's format."""
    lines = [dump_line(document_to_scierc(document)) for document in documents]
    path.write_text("".join(lines))


def print_table(found: Dict[Key, Dict[str, Any]], encoders: List[str]) -> None:
    """Print the mean and the standard deviation over draws."""
    scores = defaultdict(list)
    for (data_set, size, encoder, _), each in found.items():
        scores[data_set, size, encoder].append(each["f1"])
    print("| data, documents |", " | ".join(encoders), "|")
    print("| --- |", " | ".join("---" for _ in encoders), "|")
    for data_set, size in sorted({key[:2] for key in scores}):
        cells = []
        for encoder in encoders:
            values = scores[data_set, size, encoder]
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}" if values else "—")
        print(f"| {data_set}, {size} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
