"""
Measure the processor time that importing each package and the command `sept` takes in a new
process. Prints JSON.

    python -m benchmarks.import_time [--repeats 5]
"""

import argparse
import json
import statistics
import subprocess
import sys

MODULES = ("sept_runtime", "sept_runtime.commands", "sept_allennlp")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=5, help="processes for each module (default = %(default)s)"
    )
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="module")
    args = parser.parse_args()
    seconds = {
        module: statistics.median(import_seconds(module) for _ in range(args.repeats))
        for module in args.modules
    }
    print(json.dumps({"median_processor_seconds": seconds, "repeats": args.repeats}))


def import_seconds(module: str) -> float:
    program = (
        "import time; start = time.process_time(); "
        f"import {module}; print(time.process_time() - start)"
    )
    run = [sys.executable, "-c", program]
    return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
