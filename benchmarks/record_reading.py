"""
Measure what reading files of records costs, for each format.

With a model: the time of reading as a share of the time of predicting the same documents. Both run
alternately in one process. With `--memory`: the peak memory of a process that reads a large file.
Prints one JSON object a line.

    python -m benchmarks.record_reading exported/
    python -m benchmarks.record_reading --memory 100 300
"""

import argparse
import csv
import io
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Sequence
from xml.sax.saxutils import escape

from sept_runtime.formats.records import FieldOptions, map_fields, open_records
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.onnx import ExportedPredictor

TEXTS = Path(__file__).parents[1] / "fixtures" / "raw_abstracts.jsonl"


class Format(NamedTuple):
    """
    How a format is written.

    # Parameters

    suffix : `str`
    record : `Callable[[int, str], str]`
        Returns the record with this number and text.
    start, end, between : `str`, optional
        What is around the records.
    streams : `bool`, optional (default = `True`)
        A file may be larger than the memory.
    """

    suffix: str
    record: Callable[[int, str], str]
    start: str = ""
    end: str = ""
    between: str = ""
    streams: bool = True


def _csv(number: int, text: str) -> str:
    row = io.StringIO()
    csv.writer(row).writerow([number, f"Paper {number}", 2020, text])
    return row.getvalue()


def _tsv(number: int, text: str) -> str:
    return f"{number}\tPaper {number}\t2020\t{text}\n"


def _json(number: int, text: str) -> str:
    return json.dumps({"id": number, "title": f"Paper {number}", "year": 2020, "abstract": text})


def _pubmed(number: int, text: str) -> str:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{number}</PMID><Article><Journal>'
        "<JournalIssue><PubDate><Year>2020</Year></PubDate></JournalIssue><Title>A journal</Title>"
        f"</Journal><ArticleTitle>Paper {number}</ArticleTitle><Abstract><AbstractText>"
        f"{escape(text)}</AbstractText></Abstract><AuthorList><Author><LastName>Doe</LastName>"
        "</Author></AuthorList></Article></MedlineCitation></PubmedArticle>\n"
    )


def _nbib(number: int, text: str) -> str:
    return f"PMID- {number}\nTI  - Paper {number}\nAB  - {_folded(text)}\nDP  - 2020 Mar\n\n"


def _ris(number: int, text: str) -> str:
    return f"TY  - JOUR\nID  - {number}\nTI  - Paper {number}\nAB  - {text}\nPY  - 2020\nER  -\n\n"


def _wos(number: int, text: str) -> str:
    return f"PT J\nUT WOS:{number}\nTI Paper {number}\nAB {text}\nPY 2020\nER\n\n"


def _folded(text: str) -> str:
    """Return a text in lines of ten words, as MEDLINE has them."""
    words = text.split()
    lines = (" ".join(words[start : start + 10]) for start in range(0, len(words), 10))
    return "\n      ".join(lines)


def _bibtex(number: int, text: str) -> str:
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", text)
    return (
        f"@article{{key{number},\n  title = {{{{Paper}} {number}}},\n"
        f"  abstract = {{{escaped}}},\n  year = {{2020}}\n}}\n\n"
    )


FORMATS: Dict[str, Format] = {
    "jsonl": Format(".jsonl", lambda number, text: f"{_json(number, text)}\n"),
    "json": Format(".json", _json, "[", "]", ",\n"),
    "csv": Format(".csv", _csv, "id,title,year,abstract\r\n"),
    "tsv": Format(".tsv", _tsv, "id\ttitle\tyear\tabstract\n"),
    "pubmed": Format(".xml", _pubmed, "<PubmedArticleSet>\n", "</PubmedArticleSet>\n"),
    "nbib": Format(".nbib", _nbib),
    "ris": Format(".ris", _ris),
    "wos": Format(".ciw", _wos, "FN Clarivate Analytics Web of Science\nVR 1.0\n", "EF\n"),
    "bibtex": Format(".bib", _bibtex, streams=False),
    "text": Format(".txt", lambda number, text: f"{text}\n"),
}


def texts() -> Iterator[str]:
    """Return abstracts, each in one line, without end."""
    lines = TEXTS.read_text(encoding="utf-8").splitlines()
    return cycle([" ".join(json.loads(line)["text"].split()) for line in lines])


def write(file: BinaryIO, format: Format, is_enough: Callable[[int, int], bool]) -> int:
    """Write records until the numbers of records and bytes are enough; return the former."""
    size = file.write(format.start.encode())
    for number, text in zip(count(), texts()):
        if is_enough(number, size):
            break
        between = format.between if number else ""
        size += file.write((between + format.record(number, text)).encode())
    file.write(format.end.encode())
    return number


def read(path: Path) -> List[Dict[str, Any]]:
    """Return the records of a file as inputs of prediction."""
    with open_records(str(path), one_per_line=True) as file:
        return [map_fields(record.value, FieldOptions()) for record in file.records]


def measure_times(
    model: Path, names: Sequence[str], documents: int, repeats: int, threads: int
) -> None:
    predictor = ExportedPredictor(model, threads)
    inputs = [{"text": text} for text in islice(texts(), documents)]

    def predict() -> None:
        requests = map(Request.from_json, inputs)
        for output in predict_requests(predictor, requests, predictor.decoding):
            assert "error" not in output

    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"records{FORMATS[name].suffix}" for name in names}
        for name, path in paths.items():
            with path.open("wb") as file:
                write(file, FORMATS[name], lambda number, size: number == documents)
            # Once before the measurement, to check that nothing is lost.
            assert [bool(each["text"]) for each in read(path)] == [True] * documents
        predict()
        shares: Dict[str, List[float]] = {name: [] for name in names}
        for _ in range(repeats):
            predicting = _seconds(predict)
            for name, path in paths.items():
                shares[name].append(_seconds(lambda path=path: read(path)) / predicting)
    for name, found in shares.items():
        figures = {"share": statistics.median(found), "low": min(found), "high": max(found)}
        rounded = {key: round(value, 5) for key, value in figures.items()}
        print(json.dumps({"format": name, "documents": documents, **rounded}), flush=True)


def _seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure_memory(name: str, megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"records{FORMATS[name].suffix}"
        with path.open("wb") as file:
            number = write(file, FORMATS[name], lambda _, size: size >= megabytes * 1_000_000)
        command = [sys.executable, "-m", "benchmarks.record_reading", "--read", str(path)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = json.loads(run.stdout)
    assert figures["records"] == number, (figures, number)
    print(json.dumps({"format": name, "file_mb": megabytes, **figures}), flush=True)


def read_all(path: str) -> None:
    """Read a file record by record, and print the peak memory of this process."""
    number = 0
    with open_records(path, one_per_line=True) as file:
        for record in file.records:
            map_fields(record.value, FieldOptions())
            number += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"records": number, "peak_mb": round(peak, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", type=Path, help="the folder of an exported model")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="for predicting (default = 1)")
    parser.add_argument(
        "--memory", type=int, nargs="+", metavar="MB", help="the sizes of the files to read"
    )
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=[*FORMATS])
    parser.add_argument("--read", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read_all(arguments.read)
    elif arguments.memory:
        for name in arguments.formats:
            for megabytes in arguments.memory:
                if FORMATS[name].streams:
                    measure_memory(name, megabytes)
    elif arguments.model:
        measure_times(
            arguments.model,
            arguments.formats,
            arguments.documents,
            arguments.repeats,
            arguments.threads,
        )
    else:
        parser.error("give a model, or --memory")


if __name__ == "__main__":
    main()
