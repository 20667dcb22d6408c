"""
Measure SEPT's costs as ratios, which depend less on the speed of the machine than times do. Prints
a table and writes a JSON file.
"""

import argparse
import gc
import json
import os
import platform
import tempfile
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterable

# Read before the plugin sets defaults of these variables.
ENCODER = os.environ.get("SEPT_ENCODER") or None
DATA = os.environ.get("SEPT_DATA") or None
# Otherwise, the memory profiler prints messages.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import allennlp  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from benchmarks.figures.exported_model import exported_figures  # noqa: E402
from benchmarks.figures.in_bfloat16 import bfloat16_figures  # noqa: E402
from benchmarks.figures.model_cost import minilm_figures, scibert_figures  # noqa: E402
from benchmarks.figures.pooling import pooling_figures  # noqa: E402
from benchmarks.figures.reading import reading_figures  # noqa: E402
from benchmarks.figures.relations import relation_figures  # noqa: E402
from benchmarks.figures.shared import Figure, Settings  # noqa: E402
from benchmarks.figures.span_filters import filter_figures  # noqa: E402
from benchmarks.synthetic import MINILM, WORDS, write_encoder  # noqa: E402

GROUPS: Dict[str, Callable[[Settings], Iterable[Figure]]] = {
    "pooling": pooling_figures,
    "minilm": minilm_figures,
    "exported": exported_figures,
    "bfloat16": bfloat16_figures,
    "scibert": scibert_figures,
    "filter": filter_figures,
    "reading": reading_figures,
    "relations": relation_figures,
}


def parse_arguments() -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", type=torch.device, default="cpu", help="cpu (the default) or cuda"
    )
    parser.add_argument(
        "--encoder",
        metavar="FOLDER",
        default=ENCODER,
        help="a small encoder to measure with (default: $SEPT_ENCODER, or else one of "
        "MiniLM-L6's size with random weights)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default="bench.json",
        metavar="FILE",
        help="the JSON file to write (default = %(default)s)",
    )
    parser.add_argument(
        "--only", choices=GROUPS, action="append", help="measure this group of figures; repeatable"
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure with less data and fewer repeats, as a test"
    )
    return parser.parse_args()


def surroundings_of(arguments: argparse.Namespace) -> Dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "device": (
            torch.cuda.get_device_name(arguments.device)
            if arguments.device.type == "cuda"
            else platform.processor() or platform.machine()
        ),
        "threads": torch.get_num_threads(),
        "quick": arguments.quick,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "allennlp": allennlp.__version__,
    }


def main() -> None:
    """Measure the requested groups of figures."""
    arguments = parse_arguments()
    warnings.filterwarnings("ignore")
    # Keep garbage collection from searching everything that was imported.
    gc.freeze()
    surroundings = surroundings_of(arguments)
    for name, value in surroundings.items():
        print(f"{name}: {value}")
    print("\nRatios of medians; in parentheses, the smallest and the largest ratio of single runs.")
    with tempfile.TemporaryDirectory() as folder:
        encoder = arguments.encoder or write_encoder(MINILM, WORDS, Path(folder) / "minilm")
        data = Path(DATA) if DATA else None
        settings = Settings(arguments.device, arguments.quick, encoder, data, Path(folder))
        ratios = {}
        for group in arguments.only or GROUPS:
            for figure in GROUPS[group](settings):
                print(figure.row(), flush=True)
                ratios[figure.name] = round(figure.ratio.value, 4)
    arguments.output.write_text(json.dumps({**surroundings, **ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()
