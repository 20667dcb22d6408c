"""The synthetic files that benchmarks read are what they claim to be."""

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.record_reading import FORMATS, read, texts, write
from benchmarks.report_page import Corpus
from sept_runtime.formats.predictions import prediction_from_json


@pytest.mark.parametrize("name", FORMATS)
def test_all_records_of_a_format_are_read_with_their_texts(name: str, tmp_path: Path) -> None:
    if name == "bibtex":
        pytest.importorskip("bibtexparser")
    path = tmp_path / f"records{FORMATS[name].suffix}"
    with path.open("wb") as file:
        assert write(file, FORMATS[name], lambda number, size: number == 9) == 9
    found = [each["text"] for each in read(path)]
    if name == "bibtex":
        # Its braces are LaTeX's.
        assert len(found) == 9 and all(found)
    else:
        assert found == [*islice(texts(), 9)]


def test_a_file_of_a_given_size(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    with path.open("wb") as file:
        write(file, FORMATS["csv"], lambda number, size: size >= 10_000)
    assert 10_000 <= path.stat().st_size < 12_000


def test_synthetic_predictions_are_valid() -> None:
    corpus = Corpus(names=2_000)
    for number in range(20):
        document = corpus.document(number)
        predicted = prediction_from_json(document)
        assert len(predicted.document.words) == 135
        assert len(predicted.predicted_entities) == 10
