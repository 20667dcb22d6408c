"""
Measure the memory that prediction takes: for a stream of abstracts, where it should not grow with
their number, and for one very long document. Prints one JSON object a line.
"""

import argparse
import json
import resource
from itertools import cycle, islice
from typing import Iterator

from benchmarks.synthetic import lines_of_text
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.inference.json_lines import predict_lines


def texts(number: int) -> Iterator[bytes]:
    """Return abstracts as lines of raw text; the same thousand are repeated."""
    return islice(cycle(lines_of_text(1000)), number)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure_stream(predictor: SEPTPredictor, number: int, batch_size: int) -> None:
    shown = 1000
    outputs = predict_lines(predictor, texts(number), predictor.decoding, batch_size)
    for done, _ in enumerate(outputs, start=1):
        if done == shown:
            print(json.dumps({"abstracts": done, "peak_mb": peak_megabytes()}), flush=True)
            shown *= 10


def measure_long(predictor: SEPTPredictor, words: int) -> None:
    # Sentences of eight words in one line of text.
    text = "We train a small parser on abstracts . " * (words // 8)
    output = predictor.predict_json({"text": text})
    figures = {"words": len(output["word_offsets"]), "peak_mb": peak_megabytes()}
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", help="a trained model")
    parser.add_argument("--abstracts", type=int, default=100_000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--words", type=int, default=50_000, help="the length of the long document")
    arguments = parser.parse_args()
    predictor = SEPTPredictor.from_path(arguments.archive)
    print(json.dumps({"loaded_mb": peak_megabytes()}), flush=True)
    measure_stream(predictor, arguments.abstracts, arguments.batch_size)
    measure_long(predictor, arguments.words)


if __name__ == "__main__":
    main()
