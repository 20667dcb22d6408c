"""Small samples of the formats that people have, made by hand after their descriptions."""

import bz2
import gzip
import io
import json
import lzma
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

import sept_runtime
from sept_runtime.documents import DocumentError
from sept_runtime.formats.inputs import TextRecord
from sept_runtime.formats.records import (
    FieldOptions,
    find_files,
    map_fields,
    open_records,
    read_file,
    tables,
    whole,
)

TITLE, TEXT = "A parser", "We train a parser. It is fast."

ARXIV = {"id": "0704.0001", "title": TITLE, "abstract": TEXT, "categories": "cs.CL"}
OPENALEX = {
    "id": "https://openalex.org/W1",
    "display_name": TITLE,
    "abstract_inverted_index": {"We": [0], "train": [1], "a": [2], "parser.": [3], "It": [4]},
    "publication_year": 2020,
}
S2ORC = {
    "corpusid": 7,
    "content": {
        "text": f"Title\n{TEXT}\nBody",
        "annotations": {"abstract": json.dumps([{"start": 6, "end": 6 + len(TEXT)}])},
    },
}
PUBMED = """<?xml version="1.0"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://dtd.example/p.dtd">
<PubmedArticleSet>
<PubmedArticle><MedlineCitation><PMID Version="1">11</PMID><Article>
<Journal><JournalIssue><PubDate><Year>2019</Year></PubDate></JournalIssue><Title>J</Title></Journal>
<ArticleTitle>A <i>parser</i></ArticleTitle>
<Abstract><AbstractText Label="AIM">We train a parser.</AbstractText>
<AbstractText Label="RESULT">It is &lt; 2 <b>fast</b>.</AbstractText></Abstract>
</Article></MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>12</PMID><Article><ArticleTitle>No abstract</ArticleTitle>
</Article></MedlineCitation></PubmedArticle>
</PubmedArticleSet>"""
TEI = f"""<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc>
<titleStmt><title level="a">{TITLE}</title></titleStmt>
<sourceDesc><biblStruct><idno type="DOI">10.1/x</idno></biblStruct></sourceDesc></fileDesc>
<profileDesc><abstract><div><p>We train a parser.</p><p>It is fast.</p></div></abstract>
</profileDesc></teiHeader><text><body><p>Not this.</p></body></text></TEI>"""
NBIB = """PMID- 11
OWN - NLM
DP  - 2019 Mar 4
TI  - A
      parser
AB  - We train a parser.
      It is fast.
FAU - Doe, J
FAU - Roe, K

PMID- 12
TI  - No abstract
"""
RIS = f"""TY  - JOUR
AU  - Doe, J
AU  - Roe, K
TI  - {TITLE}
PY  - 2019/03//
DO  - 10.1/x
AB  - We train a parser.
 It is fast.
ER  -

TY  - BOOK
T1  - No abstract
ER  -
"""
WOS = f"""FN Clarivate Analytics Web of Science
VR 1.0
PT J
AU Doe, J
   Roe, K
TI A
   parser
AB {TEXT}
PY 2019
UT WOS:0001
ER

EF
"""
BIBTEX = r"""% exported
@article{doe2019,
  title = {A {P}arser for {\"U}ber-{T}exts},
  abstract = "We train a na{\"\i}ve parser.
It is fast.",
  year = 2019,
}
@string{j = "Journal"}
@misc{roe, title = {No abstract}}
"""


def read(path: Path, **options: Any) -> Tuple[str, List[Dict[str, Any]]]:
    with open_records(str(path), **options) as file:
        return file.format, [record.value for record in file.records]


def mapped(path: Path, **options: Any) -> List[Dict[str, Any]]:
    return [map_fields(fields, FieldOptions(**options)) for fields in read(path)[1]]


SAMPLES: Dict[str, Tuple[str, str, str, Dict[str, Any]]] = {
    # Name of the file, its content, its format, and its first record.
    "arXiv": ("a.jsonl", json.dumps(ARXIV), "jsonl", {"id": "0704.0001", "text": TEXT}),
    "S2ORC": ("a.jsonl", json.dumps(S2ORC), "jsonl", {"id": 7, "text": TEXT}),
    "OpenAlex": (
        "a.json",
        json.dumps({"meta": {"count": 1}, "results": [OPENALEX]}, indent=1),
        "json",
        {"id": "https://openalex.org/W1", "title": TITLE, "text": "We train a parser. It"},
    ),
    "CSL-JSON": (
        "a.json",
        json.dumps([{"id": "doe", "title": TITLE, "abstract": TEXT, "issued": {}}]),
        "json",
        {"id": "doe", "title": TITLE, "text": TEXT},
    ),
    "Crossref": (
        "a.jsonl",
        json.dumps({"DOI": "10.1/x", "title": [TITLE], "abstract": f"<jats:p>{TEXT}</jats:p>"}),
        "jsonl",
        {"id": "10.1/x", "title": TITLE, "text": TEXT},
    ),
    "Scopus": (
        "scopus.csv",
        f'\ufeff"Authors","Title","Year","EID","Abstract"\r\n"Doe","{TITLE}",2019,"2-s2","{TEXT}"\r\n',
        "csv",
        {"id": "2-s2", "title": TITLE, "text": TEXT},
    ),
    "Zotero": (
        "zotero.csv",
        '"Key","Publication Year","Title","Abstract Note"\n'
        f'"K1","2019","{TITLE}","We\n\ntrain ""it"""\n',
        "csv",
        {"id": "K1", "title": TITLE, "text": 'We\n\ntrain "it"'},
    ),
    "semicolons": ("a.csv", f"id;abstract\n1;{TEXT}\n", "csv", {"id": "1", "text": TEXT}),
    "Web of Science, tabs": (
        "savedrecs.tsv",
        f"PT\tTI\tAB\tUT\nJ\t{TITLE}\t{TEXT}\tWOS:1\n",
        "tsv",
        {"id": "WOS:1", "title": TITLE, "text": TEXT},
    ),
    "Web of Science": ("a.txt", WOS, "wos", {"id": "WOS:0001", "title": TITLE, "text": TEXT}),
    "PubMed": (
        "a.xml",
        PUBMED,
        "pubmed",
        {"id": "11", "title": TITLE, "text": "AIM: We train a parser.\nRESULT: It is < 2 fast."},
    ),
    "nbib": ("a.nbib", NBIB, "nbib", {"id": "11", "title": TITLE, "text": TEXT}),
    "RIS": ("a.ris", RIS, "ris", {"id": "10.1/x", "title": TITLE, "text": TEXT}),
    "TEI": (
        "a.tei.xml",
        TEI,
        "tei",
        {"id": "10.1/x", "title": TITLE, "text": "We train a parser.\nIt is fast."},
    ),
    "BibTeX": (
        "a.bib",
        BIBTEX,
        "bibtex",
        {
            "id": "doe2019",
            "title": "A Parser for Über-Texts",
            "text": "We train a naïve parser.\nIt is fast.",
        },
    ),
    "text": ("note.txt", f"\ufeff{TEXT}\n", "text", {"id": "note", "text": f"{TEXT}\n"}),
}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress]
)
def test_records_of_all_formats(
    sample: str, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    name, content, format, expected = SAMPLES[sample]
    path = tmp_path / name
    path.write_bytes(compress(content.encode()))
    found, records = read(path)
    assert found == format
    record = map_fields(records[0], FieldOptions())
    assert {name: record.get(name) for name in expected} == expected


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "text"])
def test_the_content_tells_the_format_of_a_file_without_a_suffix(
    sample: str, tmp_path: Path
) -> None:
    name, content, format, _ = SAMPLES[sample]
    if format in ("csv", "tsv"):
        pytest.skip("a table looks like any text")
    (tmp_path / "x").write_text(content)
    assert read(tmp_path / "x")[0] in (format, "jsonl")


@pytest.mark.parametrize("sample, year", [("nbib", 2019), ("RIS", 2019), ("Web of Science", 2019)])
def test_years_are_numbers(sample: str, year: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(SAMPLES[sample][1])
    assert read(tmp_path / "x")[1][0]["year"] == year


@pytest.mark.parametrize("sample", ["nbib", "RIS", "PubMed", "BibTeX"])
def test_a_record_without_a_text_says_so(sample: str, tmp_path: Path) -> None:
    name, content, *_ = SAMPLES[sample]
    (tmp_path / name).write_text(content)
    _, records = read(tmp_path / name)
    assert len(records) == 2 and "No abstract" in records[1].values()
    with pytest.raises(
        DocumentError, match="none of the record's fields has a name known for texts: "
    ):
        map_fields(records[1], FieldOptions())


def test_named_and_nested_fields(tmp_path: Path) -> None:
    fields = {"key": 3, "abstract": {"value": TEXT}, "Body Text": "Other text.", "n": {"id": "x"}}
    assert map_fields(fields, FieldOptions()) == {"id": 3, "text": TEXT}
    options = FieldOptions(text="body_text", id="n.id")
    assert map_fields(fields, options) == {"id": "x", "text": "Other text."}
    with pytest.raises(
        DocumentError, match="no text in its field 'x' .--text-field.; it has key, a"
    ):
        map_fields(fields, FieldOptions(text="x"))
    with pytest.raises(DocumentError, match="did you mean --text-field body?"):
        map_fields({"id": "1", "body": "Some words here."}, FieldOptions())


def test_a_table_that_is_not_utf_8(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,abstract\n1,naïve Bayes\n2,déjà vu\n".encode("latin-1"))
    assert [record["text"] for record in mapped(path)] == ["naïve Bayes", "déjà vu"]
    assert capsys.readouterr().err == f"{path}: not UTF-8, read as Windows-1252\n"
    path.write_bytes("id,abstract\n1,naïve Bayes\n".encode("utf-16"))
    assert [record["text"] for record in mapped(path)] == ["naïve Bayes"]


def test_long_fields_and_duplicate_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "word " * 2_000_000
    path.write_text(f"id,abstract\n1,{long}\n1,b\n\n2\n")
    records = read(path)[1]
    assert [record["id"] for record in records] == ["1", "1", "2"]
    assert records[0]["abstract"] == long


BOMB = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
)


@pytest.mark.parametrize(
    "content",
    [
        f"<?xml version='1.0'?>{BOMB}]><PubmedArticleSet><a>&a11;</a></PubmedArticleSet>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><PubmedArticleSet>&e;</PubmedArticleSet>",
        "<PubmedArticleSet><PubmedArticle>",
    ],
)
def test_xml_that_is_hostile_or_cut_short_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(DocumentError, match=r"a.xml: the file is damaged \(not valid XML"):
        read(tmp_path / "a.xml")


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"id": [1, 2], "abstract": [TEXT, None], "tags": [["a"], []]})
    parquet.write_table(table, tmp_path / "a")
    format, records = read(tmp_path / "a")
    assert format == "parquet" and records[0] == {"id": 1, "abstract": TEXT, "tags": ["a"]}
    (tmp_path / "a").write_bytes(b"PAR1 and so on")
    with pytest.raises(DocumentError, match="not valid Parquet"):
        read(tmp_path / "a")


def test_each_line_of_a_text_may_be_a_document(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("One.\n\nTwo.\r\n")
    _, records = read(tmp_path / "n.txt", one_per_line=True)
    assert records == [{"id": "n-1", "text": "One."}, {"id": "n-3", "text": "Two."}]


def test_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("b.txt", "sub/a.bib.gz", ".hidden.txt", "sub/image.png", "c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(Path(each).relative_to(tmp_path)) for each in find_files([str(tmp_path)])]
    assert found == ["b.txt", "c.csv", "sub/a.bib.gz"]
    assert find_files([f"{tmp_path}/*.csv", "-"]) == [f"{tmp_path}/c.csv", "-"]
    for path, fault in ((f"{tmp_path}/*.ris", "no such file"), (f"{tmp_path}/no", "no such file")):
        with pytest.raises(DocumentError, match=fault):
            find_files([path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match="no file with a known suffix"):
        find_files([str(tmp_path / "empty")])


def values_of(path: Path) -> List[Any]:
    with open_records(str(path)) as file:
        return [record.error or record.value for record in file.records]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_an_array_is_read_element_by_element(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_CHUNK_BYTES", size)
    path = tmp_path / "a.json"
    expected: List[Any] = [{"text": "A, ] \u00e9 [", "n": [1, {"a": []}]}, {}, {"text": "B"}]
    for array in (expected, [], expected[:1]):
        for indent in (None, 1):
            content = json.dumps(array, indent=indent, ensure_ascii=False)
            path.write_bytes(b"\xef\xbb\xbf \n" + content.encode() + b"\n")
            assert values_of(path) == array
    # Numbers that a chunk cuts are no documents, but are counted right.
    path.write_text("[12345, 678]")
    assert values_of(path) == ["expected an object, found a number"] * 2


@pytest.mark.parametrize(
    "content, number",
    [
        ('[{"a": 1}, {"a": ', 1),
        ('[{"a": 1} {"a": 2}]', 0),
        ('[{"a": 1}, ]', 1),
        ('[{"a": 1}', 0),
        ("[", 0),
        ('[{"a": NaN}]', 0),
        ('[{"a": 1}, {"a": 1e999}]', 1),
        ("[" * 10_000, 0),
    ],
)
def test_an_invalid_array_is_refused_at_its_fault(
    tmp_path: Path, content: str, number: int
) -> None:
    (tmp_path / "a.json").write_text(content)
    with open_records(str(tmp_path / "a.json")) as file:
        for _ in range(number):
            assert next(file.records).value == {"a": 1}
        with pytest.raises(DocumentError, match=f"not valid JSON after record {number}:"):
            next(file.records)


def test_files_that_are_read_at_once_have_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "MAX_WHOLE_BYTES", 20)
    for name, content in {
        "a.txt": "x" * 21,
        "a.json": '{"results":\n' + " " * 20,
        "a.bib": "@article{a, title={A title that is long}}",
    }.items():
        if name.endswith(".bib"):
            pytest.importorskip("bibtexparser")
        (tmp_path / name).write_text(content)
        with pytest.raises(DocumentError, match=f"{name}: .* read as a whole; split the file"):
            values_of(tmp_path / name)
    (tmp_path / "a.txt").write_text("x" * 20)
    assert values_of(tmp_path / "a.txt") == [{"id": "a", "text": "x" * 20}]


def test_entries_of_bibtex_with_the_same_key_or_an_error_are_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("bibtexparser")
    path = tmp_path / "a.bib"
    path.write_text(
        '@article{one, abstract={First {\\"o}.}}\n'
        '@article{one, abstract={Second {\\"o}.}}\n'
        "@article{two, title={A}, title={B}}\n"
        "@article{three, title={no end\n"
        '@article{four, title="C"}\n'
    )
    first, second, twice, failed, last = values_of(path)
    assert first == {"id": "one", "abstract": "First \u00f6."}
    assert second == {"id": "one", "abstract": "Second \u00f6."}
    assert twice == {"id": "two", "title": "A"}
    assert failed.startswith("the entry is not valid BibTeX (Unexpected block start")
    assert last == {"id": "four", "title": "C"}
    assert not caplog.records


def test_values_of_parquet_that_json_lacks(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"text": ["A", "B"], "year": [float("nan"), 2.5], "ids": [[1, 2], None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    assert values_of(tmp_path / "a.parquet") == [
        {"text": "A", "year": None, "ids": [1, 2]},
        {"text": "B", "year": 2.5, "ids": None},
    ]


def test_a_value_over_many_lines_takes_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "a.ris"
    path.write_text("TY  - JOUR\nAB  - A\n" + "b\n" * 300_000 + "ER  -\n")
    # Some tenths of a second; a minute and more if each line copied those before it.
    started = time.process_time()
    (value,) = values_of(path)
    assert time.process_time() - started < 20
    assert value["abstract"] == "A" + " b" * 300_000


def test_records_of_files_from_python(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title,abstract\n1,One,First.\n2,Two,\n")
    (tmp_path / "b.jsonl").write_text(
        '{"doc_key": "w", "tokens": ["Two", "words"]}\nno JSON\n[]\n{"id": [], "text": "A."}\n'
    )
    first, second, words, *failed = sept_runtime.read_records(tmp_path)
    assert first == TextRecord(
        "1",
        "One",
        "First.",
        {"id": "1", "title": "One", "abstract": "First."},
        f"{tmp_path}/a.csv, line 2",
    )
    assert (second.text, second.fields["title"], second.origin) == (
        "",
        "Two",
        f"{tmp_path}/a.csv, line 3",
    )
    assert second.error is not None and "id, title" in second.error
    assert (words.id, words.text, words.error) == ("w", "Two words", None)
    reasons = ["not valid JSON", "expected a JSON object, found a list", "must be a string or numb"]
    for record, reason in zip(failed, reasons, strict=True):
        assert record.error is not None and reason in record.error and record.text == ""


def test_fields_and_format_of_records_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text("nr;body;name\n7;A text.;N\n")
    (record,) = sept_runtime.read_records(
        str(path), format="csv", text_field="body", id_field="nr", title_field="name"
    )
    assert record[:3] == ("7", "N", "A text.")
    path.write_text("One.\nTwo.\n")
    records = sept_runtime.read_records(path, format="text", one_per_line=True)
    assert [(record.id, record.text) for record in records] == [
        ("dump-1", "One."),
        ("dump-2", "Two."),
    ]
    with pytest.raises(DocumentError, match="there is no such file"):
        next(sept_runtime.read_records(tmp_path / "none.ris"))


LATEX = [*"ab .,;()'\"<-[]*\n", *r"\% \& \$ \# \_ \{ \} \\ ~ $x$ -- ``".split()]
LATEX += [
    r"\'e ",
    r"{\'e}",
    r"\"{o}",
    r"\c c",
    r"\alpha ",
    r"\LaTeX{} ",
    r"\emph{a b}",
    r"$a + b$",
    "{a b}",
]
LATEX += [r"\begin{x} \end{x}", r"\href{u} {v}", r"\textbf {a}", r"\o", "% c\n"]


@given(st.lists(st.sampled_from(LATEX)))
def test_latex_is_decoded_as_by_the_package(pieces: List[str]) -> None:
    pytest.importorskip("bibtexparser")
    from bibtexparser.entrypoint import parse_string
    from bibtexparser.middlewares import LatexDecodingMiddleware

    text = f"@article{{a, abstract = {{{''.join(pieces)}.}}}}"
    entries = parse_string(text, append_middleware=[LatexDecodingMiddleware()]).entries
    file = io.BufferedReader(io.BytesIO(text.encode()))
    (record,) = read_file(file, "a.bib", "bibtex")
    # The package gives up entries that it cannot decode; here they keep their text.
    for entry in entries:
        expected = re.sub(r"(?<!\\)[{}]", "", entry.fields_dict["abstract"].value)
        assert record.value["abstract"] == expected
    # To the package, "\\\\}" does not end a value.
    assert record.error is not None or record.value["abstract"]
    assert record.error is None or "\\\\" in text
