"""
Measure what prediction with an exported model costs beside the time for each document: the seconds
from the start of a process to the entities of one abstract, and the peak memory with batches of 1
and of 32. Prints one JSON object. Times need an idle machine.

    python -m benchmarks.exported_start exported/ [--repeats 5] [--abstracts 10000]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

from sept_runtime.commands.arguments import add_engine_arguments

# A separate program, because its processes must not import PyTorch.
_PREDICT = """
import itertools, json, re, sys
from pathlib import Path
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.inference.json_lines import predict_lines

folder, lines, batch_size, number, engine, precision = sys.argv[1:]
predictor = ExportedPredictor(Path(folder), engine=engine, precision=precision)
def peak():
    # Of this program alone; getrusage includes the memory of the parent process.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 2**10

with open(lines, "rb") as file:
    texts = itertools.islice(itertools.cycle(file.readlines()), int(number))
peaks = {}
done = 0
for _ in predict_lines(predictor, texts, predictor.decoding, int(batch_size)):
    done += 1
    if done in (1, 1000, 10000) or done == int(number):
        peaks[done] = peak()
print(json.dumps(peaks))
"""

# Goals.
MAX_SECONDS = 1.5
MAX_MEGABYTES = {1: 350, 32: 500}
MAX_ENVIRONMENT = {"onnxruntime": 300, "openvino": 480}


def write_lines(path: Path, number: int = 1000) -> None:
    """Write abstracts of different lengths as lines of raw text."""
    from benchmarks.synthetic import lines_of_text

    path.write_bytes(b"\n".join(lines_of_text(number)) + b"\n")


def start_seconds(folder: Path, lines: Path, engine: Tuple[str, str]) -> float:
    """
    Return the seconds from the start of a process to its end, with the entities of one abstract.
    """
    first = lines.read_bytes().splitlines()[0]
    run = [sys.executable, "-c", "from sept_runtime.commands import main; main()"]
    options = ["--engine", engine[0], "--precision", engine[1]]
    started = time.perf_counter()
    subprocess.run(
        [*run, "predict", "--model", str(folder), "-", *options],
        input=first,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def peak_megabytes(
    folder: Path, lines: Path, batch_size: int, number: int, engine: Tuple[str, str]
) -> Dict[str, float]:
    """Return the peak memory of the process after certain numbers of abstracts."""
    arguments = [str(folder), str(lines), str(batch_size), str(number), *engine]
    run = [sys.executable, "-c", _PREDICT, *arguments]
    peaks: Dict[str, float] = json.loads(
        subprocess.run(run, check=True, capture_output=True, text=True).stdout
    )
    return peaks


def environment_megabytes(engine: str) -> float:
    """
    Return the size of a new environment with the light half and the engine. It is removed
    afterwards.
    """
    import tempfile

    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        wanted = f"{root}[openvino]" if engine == "openvino" else str(root)
        subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
        return sum(_sizes(Path(folder))) / 2**20


def _sizes(folder: Path) -> Iterator[int]:
    return (path.stat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink())


def measure(arguments: argparse.Namespace, lines: Path) -> Dict[str, Any]:
    folder = arguments.folder
    engine = arguments.engine, arguments.precision
    seconds = [start_seconds(folder, lines, engine) for _ in range(arguments.repeats)]
    figures: Dict[str, Any] = {
        "start_seconds": {"median": statistics.median(seconds), "at_most": MAX_SECONDS},
        "peak_mb": {
            f"batches of {batch_size}": {
                **peak_megabytes(folder, lines, batch_size, arguments.abstracts, engine),
                "at_most": most,
            }
            for batch_size, most in MAX_MEGABYTES.items()
        },
    }
    if arguments.environment:
        figures["environment_mb"] = {
            "size": environment_megabytes(arguments.engine),
            "at_most": MAX_ENVIRONMENT[arguments.engine],
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an exported model")
    parser.add_argument(
        "--repeats", type=int, default=5, help="starts to time (default = %(default)s)"
    )
    parser.add_argument("--abstracts", type=int, default=1000, help="(default = %(default)s)")
    parser.add_argument(
        "--environment", action="store_true", help="also measure the size of a new environment"
    )
    add_engine_arguments(parser)
    arguments = parser.parse_args()
    lines = arguments.folder.resolve().with_name("abstracts.bench.jsonl")
    write_lines(lines)
    try:
        print(json.dumps(measure(arguments, lines), indent=2))
    finally:
        lines.unlink()


if __name__ == "__main__":
    main()
