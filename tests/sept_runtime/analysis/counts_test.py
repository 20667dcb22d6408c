import csv
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from sept_runtime.analysis import count_predictions
from sept_runtime.commands import main


def line(text: str, entities: Dict[str, str], pairs: Any = (), **fields: Any) -> Dict[str, Any]:
    """Return a prediction of words separated by spaces; `entities` maps their texts to labels."""
    words = text.split()
    listed = []
    for name, label in entities.items():
        length = len(name.split())
        start = next(n for n in range(len(words)) if words[n : n + length] == name.split())
        end = start + length - 1
        listed.append({"start_word": start, "end_word": end, "label": label, "score": 0.5})
    names = list(entities)
    relations = [
        {"head": names.index(head), "tail": names.index(tail), "label": label, "score": 0.5}
        for head, label, tail in pairs
    ]
    return {
        "doc_key": "d",
        "text": text,
        "sentences": [words],
        "entities": listed,
        "relations": relations,
        "predicted_relations": [[]],
        **fields,
    }


LINES = [
    line(
        "Long short-term memory (LSTM) for parsing . The LSTM wins .",
        {"Long short-term memory": "Method", "parsing": "Task"},
        [("Long short-term memory", "USED-FOR", "parsing")],
        doc_key="a",
        year=2019,
    ),
    line(
        "An LSTM (long short-term memory) . LSTMs parse .",
        {"LSTM": "Method", "LSTMs": "Method"},
        doc_key="b",
        year=2020,
    ),
    line(
        "Word embeddings and word-embedding .",
        {"Word embeddings": "Method", "word-embedding": "Method"},
        doc_key="c",
        year="2020-05-01",
    ),
    # Without its long form, this acronym may be any other.
    line("The LSTM .", {"LSTM": "Method"}, doc_key="d"),
    {"error": "no document", "line": 5},
]


@pytest.fixture
def predictions(tmp_path: Path) -> str:
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in LINES))
    return str(path)


def test_spellings_and_acronyms_of_a_document_count_as_one(predictions):
    counts = count_predictions(predictions, by="year")
    found = [(e.name, e.documents, e.mentions, dict(e.by_value)) for e in counts.entities("Method")]
    assert found == [
        ("Long short-term memory (LSTM)", 2, 3, {"2019": 1, "2020": 1}),
        ("word-embedding", 1, 2, {"2020": 1}),
        ("LSTM", 1, 1, {}),
    ]
    assert (counts.num_documents, counts.num_failed) == (4, 1)
    assert [(e.name, e.label) for e in counts.entities("Task")] == [("parsing", "Task")]


def test_pairs_are_counted_by_documents(predictions):
    (pair,) = count_predictions(predictions).pairs("USED-FOR", "Method", "Task")
    assert pair[:5] == ("Long short-term memory (LSTM)", "Method", "USED-FOR", "parsing", "Task")
    assert pair.documents == 1
    assert count_predictions(predictions).pairs("USED-FOR", "Task") == []


def test_the_command_shows_and_writes_tables(predictions, tmp_path, capsys):
    main(["count", predictions, "--label", "Method", "--top", "1"])
    shown = capsys.readouterr().out
    assert "Long short-term memory (LSTM)" in shown and "Word embeddings" not in shown
    table = tmp_path / "counts.csv"
    main(["count", predictions, "--label", "Method", "--by", "year", "-o", str(table)])
    with table.open(newline="") as file:
        rows: List[List[str]] = list(csv.reader(file))
    assert rows[0] == ["entity", "label", "documents", "mentions", "2019", "2020"]
    assert rows[1] == ["Long short-term memory (LSTM)", "Method", "2", "3", "1", "1"]
    main(["count", predictions, "--relation", "USED-FOR", "-o", str(table)])
    assert "parsing,Task,1" in table.read_text()


def test_counts_are_written_in_the_format_of_the_suffix(predictions, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    options = ["--label", "Method", "--by", "year", "--top", "1", "-o"]
    main(["count", predictions, *options, str(tmp_path / "counts.parquet")])
    assert parquet.read_table(tmp_path / "counts.parquet").to_pylist() == [
        {
            "entity": "Long short-term memory (LSTM)",
            "label": "Method",
            "documents": 2,
            "mentions": 3,
            "2019": 1,
            "2020": 1,
        }
    ]
    main(["count", predictions, *options, str(tmp_path / "counts.tsv")])
    first = (tmp_path / "counts.tsv").read_text().splitlines()[0]
    assert first == "entity\tlabel\tdocuments\tmentions\t2019\t2020"
    # Beside the counts there is no other file, such as for relations.
    assert len(list(tmp_path.glob("counts*"))) == 2


@pytest.mark.parametrize("arguments", [[], ["--by", "year"]])
def test_a_chart_is_drawn(predictions, tmp_path, arguments):
    pytest.importorskip("matplotlib")
    chart = tmp_path / "chart.svg"
    main(["count", predictions, "--chart", str(chart), *arguments])
    assert chart.read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--by", "venue"], "no document has the field 'venue'"),
        (["--chart", "chart.gif"], "--chart must end in"),
        (["--tail-label", "Task"], "needs --relation"),
        (["--min-score", "2"], None),
    ],
)
def test_options_that_cannot_work_are_refused(predictions, arguments, reason):
    with pytest.raises(SystemExit, match=reason):
        main(["count", predictions, *arguments])


def test_the_report_holds_counts_and_sentences_and_is_self_contained(predictions, tmp_path):
    page = tmp_path / "report.html"
    main(["report", predictions, str(page), "--by", "year", "--title", "<b>Corpus</b>"])
    html = page.read_text()
    assert "&lt;b&gt;Corpus&lt;/b&gt;" in html and "http://" not in html.replace(
        "http://www.w3.org/2000/svg", ""
    )
    start = html.index('id="data">') + len('id="data">')
    data = json.loads(html[start : html.index("</script>", start)])
    assert data["values"] == ["2019", "2020"]
    first = data["entities"][0]
    assert (first["name"], first["documents"]) == ("Long short-term memory (LSTM)", 2)
    (sentence, begin, end, where, value), _ = first["sentences"]
    assert (sentence[begin:end], where, value) == ("Long short-term memory", "a", "2019")
    assert data["pairs"][0]["rows"] == [["Long short-term memory (LSTM)", "parsing", 1]]


def test_text_cannot_end_the_data_of_a_report(tmp_path):
    source, page = tmp_path / "out.jsonl", tmp_path / "report.html"
    hostile = "</script><script>alert(1)</script> parser ."
    source.write_text(json.dumps(line(hostile, {"parser": "Method"})) + "\n")
    main(["report", str(source), str(page)])
    assert page.read_text().count("</script>") == 2
