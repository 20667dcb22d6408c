"""From predictions to tables, by 'sept table' and 'sept predict'."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from sept_runtime.commands import main

FIRST = {
    "id": "a",
    "doc_key": "a",
    "title": "=A title",
    "year": 2020,
    "tags": ["x", "y"],
    "text": "We use long\n short-term memory. It β works.",
    "sentences": [
        ["We", "use", "long", "short-term", "memory", "."],
        ["It", "β", "works", "."],
    ],
    "entities": [
        {"start_word": 2, "end_word": 4, "label": "Method", "score": 0.75},
        {"start_word": 7, "end_word": 7, "label": "Metric", "score": 0.5},
        {"start_word": 0, "end_word": 0, "label": "Generic", "score": 0.25},
    ],
    "relations": [{"head": 0, "tail": 2, "label": "USED-FOR", "score": 0.125}],
}
SECOND = {"doc_key": "b", "sentences": [["A", "CRF"]], "predicted_ner": [[[1, 1, "Method"]]]}
COLUMNS = ["id", "title", "text", "text_normalized", "label", "score", "start", "end", "sentence"]
ENTITIES = [
    [
        "a",
        "=A title",
        "long\n short-term memory",
        "long short-term memory",
        "Method",
        0.75,
        7,
        30,
        1,
    ]
    + ["We use long short-term memory.", 2020, "x; y"],
    ["a", "=A title", "β", "β", "Metric", 0.5, 35, 36, 2, "It β works.", 2020, "x; y"],
    ["a", "=A title", "We", "We", "Generic", 0.25, 0, 2, 1]
    + ["We use long short-term memory.", 2020, "x; y"],
    ["b", None, "CRF", "CRF", "Method", None, 2, 5, 1, "A CRF", None, None],
]
HEADER = [*COLUMNS, "sentence_text", "year", "tags"]
RELATION = [
    "a",
    "=A title",
    "long short-term memory",
    "Method",
    "USED-FOR",
    "We",
    "Generic",
    0.125,
    1,
]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    lines: List[Dict[str, Any]] = [FIRST, {"error": "no text", "line": 2}, SECOND]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def as_text(row: List[Any]) -> List[str]:
    return ["" if value is None else str(value) for value in row]


@pytest.mark.parametrize("name, delimiter", [("t.csv", ","), ("t.tsv", "\t"), ("t.csv.gz", ",")])
def test_csv(
    name: str, delimiter: str, predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(["table", str(predictions), str(tmp_path / name)])

    def rows(path: Path) -> List[List[str]]:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8")
        return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))

    assert rows(tmp_path / name) == [HEADER, *map(as_text, ENTITIES)]
    relations = rows(tmp_path / name.replace("t.", "t-relations."))
    assert relations[1][:9] == as_text(RELATION) and len(relations) == 2
    said = capsys.readouterr().err
    assert "line 2: no text" in said and "2 documents; 1 failed inputs are left out" in said


def test_excel(predictions: Path, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    import zipfile

    main(["table", str(predictions), str(tmp_path / "t.xlsx")])
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        assert {"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"} <= {*book.namelist()}
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert 'name="entities"' in book.read("xl/workbook.xml").decode()
    # A header and four rows, and no formula.
    assert sheet.count("<row ") == 5 and "<f>" not in sheet and "=A title" in sheet
    assert "<v>0.75</v>" in sheet


def test_parquet(predictions: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    main(["table", str(predictions), str(tmp_path / "t.parquet"), "--keep", "year"])
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert [list(row.values())[:9] for row in rows] == [row[:9] for row in ENTITIES]
    assert [row["year"] for row in rows] == ["2020", "2020", "2020", None]
    assert parquet.read_table(tmp_path / "t-relations.parquet").num_rows == 1


def test_an_unknown_table_format_is_refused(predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="must end in one of .csv, .tsv, .xlsx, .parquet"):
        main(["table", str(predictions), str(tmp_path / "t.ods")])
    copy = tmp_path / "copy.csv"
    copy.write_bytes(predictions.read_bytes())
    with pytest.raises(SystemExit, match="the output is the input"):
        main(["table", str(copy), str(copy)])
    assert copy.read_bytes() == predictions.read_bytes()
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps({**FIRST, "text": "Other words"}))
    (tmp_path / "t.csv").write_text("earlier")
    with pytest.raises(
        SystemExit, match="broken.jsonl, line 1: document 'a': word 0, 'We', is not"
    ):
        main(["table", str(broken), str(tmp_path / "t.csv")])
    assert (tmp_path / "t.csv").read_text() == "earlier"


def test_from_a_bibliography_to_a_table(exported_model: Path, tmp_path: Path, capsys: Any) -> None:
    source, target = tmp_path / "refs.ris", tmp_path / "t.csv"
    source.write_text(
        "TY  - JOUR\nTI  - A parser\nPY  - 2019\nAB  - We train a long parser of words.\nER  - \n"
        "TY  - JOUR\nTI  - No abstract\nER  - \n"
    )
    options = ["--keep", "year", "--with-title", "--min-score", "0"]
    main(["predict", "--model", str(exported_model), str(source), "-o", str(target), *options])
    said = capsys.readouterr().err
    assert f"{source}: read as ris" in said
    with open(target, newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and {row["year"] for row in rows} <= {"2019", ""}
    assert {row["id"] for row in rows} <= {"refs.ris, line 1", "refs.ris, line 6"}
    for row in rows:
        assert row["text"] in "A parser\n\nWe train a long parser of words.No abstract"


def test_if_nothing_could_be_read_the_status_is_1(
    exported_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source = tmp_path / "a.csv"
    source.write_text("id,body\n1,Some words here.\n2,More words.\n")
    arguments = ["predict", "--model", str(exported_model), str(source)]
    with pytest.raises(SystemExit) as error:
        main(arguments)
    said = capsys.readouterr().err
    assert error.value.code == 1 and "0 lines, 0 annotated, 0 failed, 2 skipped" in said
    assert f"{source}, line 2: " in said and "did you mean --text-field body?" in said
    main([*arguments, "--text-field", "body", "--id-field", "id"])
    outputs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [output["id"] for output in outputs] == ["1", "2"]


def test_offsets_in_title_and_text_apart(
    exported_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    record = {"id": 1, "title": "A parser of words", "abstract": "We train a long parser.", "n": 3}
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps(record))
    options = ["--with-title", "--keep", "n", "--min-score", "0"]
    main(["predict", str(exported_model), str(source), *options])
    (output,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert output["n"] == 3 and output["text"] == "A parser of words\n\nWe train a long parser."
    assert output["sentences"][0] == ["A", "parser", "of", "words"]
    assert output["entities"]
    for entity in output["entities"]:
        field = record["title" if entity["field"] == "title" else "abstract"]
        assert field[entity["field_start"] : entity["field_end"]] == entity["text"]
