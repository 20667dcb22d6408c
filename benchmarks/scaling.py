"""
Measure how `allennlp sept-annotate` scales with the number of workers, each on its own cores:
throughput, efficiency, and where the workers' time goes. Writes a JSON file and prints the tables
of docs/scaling.md; `--from-json` prints them from an earlier file.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any, Dict, List, Sequence

import ray
import torch

from benchmarks.synthetic import WORDS_PER_ABSTRACT, lines_of_text
from sept_allennlp.corpus import ArchiveShardPredictor
from sept_runtime.corpus.output_folder import OutputFolder, ShardRecord
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.cpu import usable_cores

# Enough shards for each worker that waiting for the last ones hardly matters.
SHARDS_PER_WORKER = 16
# The parts of a worker's work on a shard.
PARTS = ("annotating", "reading", "writing")


def write_corpus(folder: Path, documents: int) -> Path:
    """Write abstracts as lines of raw text into one file; the same thousand are repeated."""
    folder.mkdir()
    lines = islice(cycle(lines_of_text(min(documents, 1000))), documents)
    (folder / "abstracts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def measure(
    model: ModelSettings, corpus: Path, output: Path, documents: int, **options: Any
) -> Dict:
    """
    Annotate the corpus once and return the figures. Throughput excludes the start, when workers
    load the model.
    """
    workers = options["workers"]
    shard_size = max(1, documents // (SHARDS_PER_WORKER * workers))
    inputs = (str(corpus),)
    run = CorpusSettings(model, inputs, output, lines_per_shard=shard_size, **options)
    started = time.time()
    counts = predict_corpus(run, lambda line: None, ArchiveShardPredictor)
    finished = time.time()
    done = OutputFolder(output, ".jsonl.gz").done()
    annotating = ended(done) - begun(done)
    core_seconds = sum(record.seconds["processor"] for record in done)
    return {
        "workers": workers,
        "cpus_per_worker": run.cpus,
        "gpus_per_worker": run.gpus,
        "documents": counts.read,
        "shards": counts.shards,
        "documents_a_second": counts.read / annotating,
        "documents_a_core_second": counts.read / core_seconds,
        "seconds_to_start": begun(done) - started,
        "seconds_to_end": finished - ended(done),
        **shares(done, workers),
        "processor_share": core_seconds / (workers * run.cpus * annotating),
        "output_bytes_a_document": sum(record.shard_bytes for record in done) / counts.read,
        "input_bytes_a_document": sum(record.shard.num_bytes for record in done) / counts.read,
    }


def begun(done: Sequence[ShardRecord]) -> float:
    return min(record.started for record in done)


def ended(done: Sequence[ShardRecord]) -> float:
    return max(record.started + record.seconds["annotating"] for record in done)


def shares(done: Sequence[ShardRecord], workers: int) -> Dict[str, float]:
    """Return which part of the workers' time they spend annotating, reading and writing."""
    available = workers * (ended(done) - begun(done))
    seconds = {name: sum(record.seconds[name] for record in done) for name in PARTS}
    return {f"{name}_share": total / available for name, total in seconds.items()}


def measured(arguments: argparse.Namespace) -> Dict[str, Any]:
    runs: List[Dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        corpora = {
            number: write_corpus(
                Path(folder) / f"corpus-{number}", arguments.documents_per_worker * number
            )
            for number in arguments.workers
        }
        # Alternately, because the speed of a shared machine changes by the minute.
        for repeat, number in product(range(arguments.repeats), arguments.workers):
            output = Path(folder) / f"out-{number}-{repeat}"
            runs.append(
                measure(
                    ModelSettings.of(arguments.archive, batch_size=arguments.batch_size),
                    corpora[number],
                    output,
                    arguments.documents_per_worker * number,
                    workers=number,
                    cpus=arguments.cpus_per_worker,
                    gpus=arguments.gpus_per_worker,
                )
            )
            shutil.rmtree(output)
            print(json.dumps(runs[-1]), flush=True)
    return {
        "machine": {
            "processor": processor(),
            "cores": usable_cores(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "ray": ray.__version__,
        },
        "model": arguments.model_name,
        "words_a_document": WORDS_PER_ABSTRACT,
        "batch_size": arguments.batch_size,
        "runs": runs,
    }


def processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def tables(result: Dict[str, Any]) -> str:
    """Return the table of docs/scaling.md."""
    by_workers: Dict[int, List[Dict[str, Any]]] = {}
    for run in result["runs"]:
        by_workers.setdefault(run["workers"], []).append(run)
    lines = [
        "| workers | documents a second | efficiency | of its cores | documents a core-second "
        "| annotating | reading | writing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    fewest = min(by_workers)
    single = median(by_workers[fewest], "documents_a_second") / fewest
    for number, runs in sorted(by_workers.items()):
        speed = median(runs, "documents_a_second")
        spread = [run["documents_a_second"] for run in runs]
        cells = [
            str(number),
            f"{speed:.1f} ({min(spread):.1f} to {max(spread):.1f})",
            f"{speed / number / single:.0%}",
            f"{median(runs, 'processor_share'):.1%}",
            f"{median(runs, 'documents_a_core_second'):.1f}",
            *(f"{median(runs, f'{name}_share'):.2%}" for name in PARTS),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items() if value)
    lines += ["", f"{result['model']}, batches of {result['batch_size']}. Machine: {machine}."]
    return "\n".join(lines)


def estimate(result: Dict[str, Any]) -> str:
    """
    Return the constants of docs/scaling.md, and the time that its formula gives for many documents.
    """
    number = max(run["workers"] for run in result["runs"])
    runs = [run for run in result["runs"] if run["workers"] == number]
    # The speed of one of W workers: s × e(W).
    speed = median(runs, "documents_a_second") / number
    start = median(runs, "seconds_to_start")
    output_bytes = median(runs, "output_bytes_a_document")
    lines = [
        f"Measured with {number} workers: s × e(W) = {speed:.1f} documents a second and worker, "
        f"t = {start:.0f} s, {median(runs, 'input_bytes_a_document'):.0f} bytes a document in and "
        f"{output_bytes:.0f} out (as on disk). So a million documents take "
        f"{1e6 / speed / 3600:.1f} worker-hours, and 100 million {1e8 / speed / 3600:,.0f}, "
        f"whose output takes {1e8 * output_bytes / 1e9:,.0f} GB:",
        "",
        "| workers | days for 100 million documents | output, MB a second |",
        "| --- | --- | --- |",
    ]
    for workers in (number, 64, 1024):
        seconds = start + 1e8 / (speed * workers)
        written = 1e8 * output_bytes / seconds / 1e6
        lines.append(f"| {workers} | {seconds / 86400:,.1f} | {written:,.2f} |")
    return "\n".join(lines)


def median(runs: Sequence[Dict[str, Any]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", nargs="?", help="a trained model")
    parser.add_argument(
        "--model-name", default="(not named)", help="the model's name in the tables"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cpus-per-worker", type=float, default=1.0)
    parser.add_argument("--gpus-per-worker", type=float, default=0.0)
    parser.add_argument("--documents-per-worker", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("scaling.json"))
    parser.add_argument("--from-json", type=Path, help="only print the tables of this file")
    arguments = parser.parse_args()
    if arguments.from_json is not None:
        result = json.loads(arguments.from_json.read_text())
        print(f"{tables(result)}\n\n{estimate(result)}")
        return
    if arguments.archive is None:
        parser.error("give an archive, or --from-json")
    result = measured(arguments)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{tables(result)}\n\n{estimate(result)}")


if __name__ == "__main__":
    main()
