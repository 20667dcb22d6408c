"""The commands of docs/quickstart.md run as they stand there, with an installed model."""

import csv
import json
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, List

import pytest

import sept_runtime
from sept_runtime.commands import main
from sept_runtime.formats.records import FieldOptions
from sept_runtime.formats.records.fields import kept_fields
from tests.sept_runtime.models_test import install_by_hand

QUICKSTART = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text(encoding="utf-8")

ABSTRACTS = [
    "We train a parser on a corpus of abstracts. The parser is fast.",
    "A neural model for tagging is trained on the corpus.",
    "Results of the parser improve on data of two domains.",
]

ARXIV = [
    {
        "id": f"0704.000{number}",
        "title": f"Paper {number}",
        "categories": "cs.CL",
        "abstract": f"  {abstract}\n",
        "versions": [
            {"version": "v1", "created": f"Mon, 2 Apr {year} 19:18:42 GMT"},
            {"version": "v2", "created": "Tue, 24 Jul 2020 20:10:27 GMT"},
        ],
        "update_date": "2020-07-24",
    }
    for number, (abstract, year) in enumerate(zip(ABSTRACTS, [2007, 2009, 2007]))
]

# As Zotero writes them; the second has no abstract.
RIS = f"""TY  - JOUR
TI  - A parser
AU  - Doe, Jane
AB  - {ABSTRACTS[0]}
DA  - 2007/03/01/
PY  - 2007
ER  -

TY  - BOOK
TI  - A book
PY  - 2008
ER  -

TY  - CONF
TI  - A tagger
AB  - {ABSTRACTS[1]}
PY  - 2009
ER  -
"""
BIBTEX = f"""
@article{{doe_parser_2007,
	title = {{A {{Parser}}}},
	abstract = {{{ABSTRACTS[0]}}},
	author = {{Doe, Jane}},
	year = {{2007}},
}}

@inproceedings{{roe_tagger_2009,
	title = {{A tagger}},
	abstract = {{{ABSTRACTS[1]}}},
	date = {{2009-05-01}},
}}
"""
CSV = f"""\ufeff"Key","Item Type","Publication Year","Author","Title","Abstract Note","Date"
"AB12","journalArticle","2007","Doe, Jane","A parser","{ABSTRACTS[0]}","2007-03-01"
"CD34","book","2008","","A book","","2008"
"EF56","conferencePaper","2009","","A tagger","{ABSTRACTS[1]}","2009"
"""


def commands(heading: str) -> List[List[str]]:
    """Return the arguments of the commands under a heading."""
    (block,) = re.findall(rf"^## {heading}\n.*?^```bash\n(.*?)^```", QUICKSTART, re.S | re.M)
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(lines) == 5 and all(line[0] == "sept" for line in lines)
    return [line[1:] for line in lines]


@pytest.fixture
def installed(exported_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the test model under labels with which what it finds most often is a Method."""
    folder = install_by_hand(tmp_path / "site", "terms", "sept_model_terms")
    shutil.copytree(exported_model, folder, dirs_exist_ok=True)
    found = sept_runtime.load(folder).annotate(ABSTRACTS)
    counts = Counter(entity.label for entities in found for entity in entities)
    configuration = json.loads((folder / "sept.json").read_text())
    other = {counts.most_common(1)[0][0]: "Method", "Method": counts.most_common(1)[0][0]}
    labels = [other.get(label, label) for label in configuration["labels"]]
    (folder / "sept.json").write_text(json.dumps({**configuration, "labels": labels}))
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def check_results(years: List[str]) -> None:
    with open("methods.csv", newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["entity", "label", "documents", "mentions", *years]
    assert rows and all(row[1] == "Method" for row in rows)
    # Each document has one year.
    assert all(int(row[2]) == sum(map(int, row[4:])) for row in rows)
    with open("entities.csv", newline="", encoding="utf-8") as file:
        entities = list(csv.DictReader(file))
    assert {"2007", "2009"} <= {row["year"] for row in entities} <= {*years}
    assert "Method" in {row["label"] for row in entities}
    assert Path("methods.svg").read_text().startswith("<?xml")
    assert all(year in Path("report.html").read_text() for year in years)


def test_from_an_arxiv_dump(installed: None) -> None:
    pytest.importorskip("matplotlib")
    Path("arxiv.jsonl").write_text("".join(json.dumps(record) + "\n" for record in ARXIV))
    for command in commands("From an arXiv dump"):
        main(command)
    check_results(["2007", "2009"])
    (first, *_) = map(json.loads, Path("predicted.jsonl").read_text().splitlines())
    assert (first["id"], first["year"], first["categories"]) == ("0704.0000", 2007, "cs.CL")


@pytest.mark.parametrize("name", ["library.ris", "library.bib", "library.csv"])
def test_from_a_zotero_library(installed: None, name: str) -> None:
    pytest.importorskip("matplotlib")
    if name.endswith(".bib"):
        pytest.importorskip("bibtexparser")
    contents = {"library.ris": RIS, "library.bib": BIBTEX, "library.csv": CSV}
    Path(name).write_text(contents[name], encoding="utf-8")
    for command in commands("From a Zotero library"):
        main([name if argument == "library.ris" else argument for argument in command])
    outputs = [json.loads(line) for line in Path("predicted.jsonl").read_text().splitlines()]
    # With --with-title, a title alone is a document, too.
    years = ["2007", "2009"] if name == "library.bib" else ["2007", "2008", "2009"]
    assert [str(output["year"]) for output in outputs] == years
    check_results(years)
    assert outputs[0]["text"].endswith(f"\n\n{ABSTRACTS[0]}")


@pytest.mark.parametrize(
    "fields, year",
    [
        ({"year": "2001"}, "2001"),
        ({"Year": 2002, "issued": "1999"}, 2002),
        ({"publication_year": 2003}, 2003),
        ({"Publication Year": "2004", "Date": "2005"}, 2004),
        ({"issued": {"date-parts": [[2006, 12, 31]]}}, 2006),
        ({"versions": [{"created": "Mon, 2 Apr 2007 19:18:42 GMT"}], "update_date": "2008"}, 2007),
        ({"date": "12/2008"}, 2008),
        ({"date": "20081231"}, None),
        ({"date": "in press"}, None),
        ({}, None),
    ],
)
def test_the_year_is_found_in_the_dates_of_common_sources(fields: Any, year: Any) -> None:
    assert kept_fields(fields, FieldOptions(keep=("year",))).get("year") == year
    assert kept_fields(fields, FieldOptions(keep=("month",))) == {}
