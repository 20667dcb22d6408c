"""
Make the page of `sept report` over a synthetic corpus, and print its size and the time it took.

The documents are made up, but as long as abstracts. Names of entities are drawn so that few are
frequent and many are rare.
"""

import argparse
import json
import random
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, List, Tuple

from sept_runtime.formats.json_lines import dump_line
from sept_runtime.views.report.report import render_report

LABELS = ("Generic", "Material", "Method", "Metric", "OtherScientificTerm", "Task")
MODIFIERS = """
neural statistical sparse deep lexical robust convolutional recurrent probabilistic bilingual
semantic hierarchical adaptive joint multi-task unsupervised visual spoken temporal contextual
""".split()
KINDS = """
parsing parser classifier corpus model network segmentation accuracy recall alignment translation
recognition features grammar embedding treebank retrieval summarization detection tracking
""".split()
FILLERS = "we show that the of this and for in with is on a by which results paper using".split()

SENTENCES = 5
WORDS = 26
ENTITIES_PER_SENTENCE = 2


class Corpus:
    """
    Synthetic predictions.

    # Parameters

    names : `int`, optional (default = `20_000`)
        Different names of entities.
    seed : `int`, optional (default = `0`)
    """

    def __init__(self, names: int = 20_000, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._names = [self._name(number) for number in range(names)]
        # The second most frequent name is half as frequent as the first, and so on (Zipf).
        self._weights = [*accumulate(1 / rank for rank in range(1, names + 1))]

    def _name(self, number: int) -> Tuple[List[str], str]:
        words = [*self._random.sample(MODIFIERS, 2), self._random.choice(KINDS)]
        # A number tells apart what would be the same otherwise.
        if number >= 1_000:
            words.append(str(number))
        return words, self._random.choice(LABELS)

    def document(self, number: int) -> Dict[str, Any]:
        """Return a line as `sept predict --keep year` writes it."""
        sentences: List[List[str]] = []
        entities: List[Dict[str, Any]] = []
        first = 0
        for _ in range(SENTENCES):
            words: List[str] = []
            drawn = self._random.choices(
                self._names, cum_weights=self._weights, k=ENTITIES_PER_SENTENCE
            )
            for name, label in drawn:
                words += self._random.choices(FILLERS, k=WORDS // ENTITIES_PER_SENTENCE - len(name))
                start = first + len(words)
                words += name
                end = first + len(words) - 1
                score = round(self._random.uniform(0.4, 1), 4)
                entities.append(
                    {"start_word": start, "end_word": end, "label": label, "score": score}
                )
            sentences.append([*words, "."])
            first += len(words) + 1
        relations = [
            {"head": index, "tail": index + 1, "label": "USED-FOR", "score": 0.5}
            for index in range(0, len(entities), ENTITIES_PER_SENTENCE)
        ]
        return {
            "format_version": 1,
            "id": f"document-{number}",
            "title": f"Paper {number} on {' '.join(self._random.choice(self._names)[0])}",
            "year": self._random.randint(2000, 2025),
            "sentences": sentences,
            "entities": entities,
            "relations": relations,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--output", type=Path, help="keep the page in this file")
    arguments = parser.parse_args()
    corpus = Corpus()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predicted.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(
                dump_line(corpus.document(number)) for number in range(arguments.documents)
            )
        started = time.perf_counter()
        page = render_report(str(path), by="year", title="Synthetic corpus")
        figures = {
            "documents": arguments.documents,
            "predictions_mb": round(path.stat().st_size / 1e6, 1),
            "page_mb": round(len(page.encode()) / 1e6, 2),
            "seconds": round(time.perf_counter() - started, 1),
        }
    print(json.dumps(figures))
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
