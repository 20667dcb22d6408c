import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.documents import (
    AnnotatedSpan,
    Document,
    DocumentError,
    Prediction,
    ScoredRelation,
    ScoredSpan,
)
from sept_runtime.formats.brat import read_brat, write_brat
from sept_runtime.formats.predictions import PredictedDocument
from tests.sept_runtime.formats.brat.folders import (
    KEYS,
    folder_with,
    gold,
    no_tokenizer,
    there_and_back,
)
from tests.sept_runtime.formats.drawn import documents


def test_the_files_of_a_folder(tmp_path):
    document = gold(
        "D 1",
        [["We", "parse", "named", "entities"], ["Fast", "."]],
        [(1, 1, "Task"), (2, 3, "Other Term"), (3, 3, "Task"), (4, 4, "Metric")],
    )
    folder = tmp_path / "new" / "brat"
    assert write_brat([document], folder) == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "D_1.ann",
        "D_1.txt",
        "annotation.conf",
        "sept_documents.json",
    ]
    assert (folder / "D_1.txt").read_text() == "We parse named entities\nFast .\n"
    assert (folder / "D_1.ann").read_text() == (
        "T1\tTask 3 8\tparse\n"
        "T2\tTOther_Term 9 23\tnamed entities\n"
        "T3\tTask 15 23\tentities\n"
        "T4\tMetric 24 28\tFast\n"
    )
    configuration = (folder / "annotation.conf").read_text()
    assert configuration.startswith(
        "[entities]\nMetric\nTOther_Term\nTask\n\n[relations]\n<OVERLAP>"
    )
    assert re.findall(r"^\[.*\]$", configuration, re.MULTILINE) == [
        "[entities]",
        "[relations]",
        "[events]",
        "[attributes]",
    ]


def test_predictions_come_with_their_scores_as_notes(tmp_path):
    document = Document("d", [["a", "b"]], [AnnotatedSpan(1, 1, "Gold")])
    prediction = PredictedDocument(document, Prediction([ScoredSpan(0, 1, "Task", 0.93456)]))
    write_brat([prediction], tmp_path / "predicted")
    assert (tmp_path / "predicted" / "d.ann").read_text() == (
        "T1\tTask 0 3\ta b\n#1\tAnnotatorNotes T1\tscore 0.935\n"
    )
    write_brat([prediction], tmp_path / "gold", gold=True)
    assert (tmp_path / "gold" / "d.ann").read_text() == "T1\tGold 2 3\tb\n"
    (read,), report = read_brat(tmp_path / "predicted", no_tokenizer)
    assert read.entities == [AnnotatedSpan(0, 1, "Task")]
    assert not report.ignored


def test_relations_are_written_after_the_entities(tmp_path):
    entities = [(0, 0, "Task"), (1, 1, "Method"), (2, 2, "USED-FOR")]
    relations = [(1, 0, "PART-OF"), (0, 1, "USED-FOR"), (2, 0, "is a")]
    document = gold("d", [["a", "b", "c"]], entities, relations=relations)
    folder = tmp_path / "b"
    (read,) = there_and_back([document], folder)
    assert read["relations"] == [
        [[1, 1, 0, 0, "PART-OF"], [0, 0, 1, 1, "USED-FOR"], [2, 2, 0, 0, "is a"]]
    ]
    # The third entity's type has the name of a relation.
    assert (folder / "d.ann").read_text().splitlines()[3:] == [
        "R1\tPART-OF Arg1:T2 Arg2:T1",
        "R2\tTUSED-FOR Arg1:T1 Arg2:T2",
        "R3\tTis_a Arg1:T3 Arg2:T1",
    ]
    assert (
        "\n[relations]\n<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\n"
        "PART-OF\tArg1:<ENTITY>, Arg2:<ENTITY>\n"
        "TUSED-FOR\tArg1:<ENTITY>, Arg2:<ENTITY>\n"
        "Tis_a\tArg1:<ENTITY>, Arg2:<ENTITY>\n\n[events]"
    ) in (folder / "annotation.conf").read_text()


def test_predicted_relations_come_with_their_scores_as_notes(tmp_path):
    document = gold("d", [["a", "b"]], [(0, 0, "A"), (1, 1, "B")], relations=[(0, 1, "GOLD")])
    entities = [ScoredSpan(1, 1, "Task", 0.9), ScoredSpan(0, 0, "Method", 0.8)]
    predicted = Prediction(entities, [ScoredRelation(1, 0, "USED-FOR", 0.7)])
    document = PredictedDocument(document.document, predicted)
    write_brat([document], tmp_path / "predicted")
    assert (tmp_path / "predicted" / "d.ann").read_text().splitlines() == [
        "T1\tTask 2 3\tb",
        "#1\tAnnotatorNotes T1\tscore 0.900",
        "T2\tMethod 0 1\ta",
        "#2\tAnnotatorNotes T2\tscore 0.800",
        "R1\tUSED-FOR Arg1:T2 Arg2:T1",
        "#3\tAnnotatorNotes R1\tscore 0.700",
    ]
    write_brat([document], tmp_path / "gold", gold=True)
    assert "R1\tGOLD Arg1:T1 Arg2:T2\n" in (tmp_path / "gold" / "d.ann").read_text()
    # Gold relations do not stand between the entities of a model that knows of none.
    document.predicted = Prediction(entities)
    write_brat([document], tmp_path / "entities")
    (read,), _ = read_brat(tmp_path / "entities", no_tokenizer)
    assert read.relations is None


def test_offsets_count_code_points_and_line_ends_split_an_annotation(tmp_path):
    text = "𝔽 café\r\n  noir\u2028x."
    document = gold("d", [["𝔽", "café", "noir", "x"]], [(0, 3, "Task")], text, None)
    document.document.offsets = [(0, 1), (2, 6), (10, 14), (15, 16)]
    assert there_and_back([document], tmp_path / "b")[0]["ner"] == [[[0, 3, "Task"]]]
    assert (tmp_path / "b" / "d.txt").read_bytes() == text.encode()
    assert (tmp_path / "b" / "d.ann").read_bytes().decode() == (
        "T1\tTask 0 6;10 16\t𝔽 café noir x\n"
    )


@settings(max_examples=50)
@given(st.lists(documents(), min_size=1, max_size=2))
def test_every_annotation_is_one_line_with_the_text_of_its_span(tmp_path_factory, originals):
    folder = tmp_path_factory.mktemp("brat") / "b"
    write_brat([PredictedDocument(document, None) for document in originals], folder)
    for path in folder.glob("*.ann"):
        text = path.with_suffix(".txt").read_bytes().decode()
        for line in path.read_bytes().decode().splitlines():
            if line.startswith("R"):
                assert re.fullmatch(r"R\d+\t[\w-]+ Arg1:T\d+ Arg2:T\d+", line)
                continue
            _, place, surface = line.split("\t")
            fragments = [list(map(int, p.split())) for p in place.split(" ", 1)[1].split(";")]
            pieces = [text[start:end] for start, end in fragments]
            assert not any("\n" in piece or "\r" in piece for piece in pieces)
            assert [len(piece) for piece in pieces] == [end - start for start, end in fragments]
            assert len(surface) == sum(map(len, pieces)) + len(pieces) - 1


def test_every_key_gets_a_different_file(tmp_path):
    folder = tmp_path / "brat"
    read = there_and_back([gold(key, [["w"]], [(0, 0, "T")]) for key in KEYS], folder)
    assert [document["doc_key"] for document in read] == KEYS
    names = [path.name for path in folder.iterdir() if path.suffix == ".txt"]
    assert len({name.lower() for name in names}) == len(KEYS)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) for name in names)
    assert max(map(len, names)) < 120
    assert not {"con.txt", "con.x.txt"} & {name.lower() for name in names}
    assert [path.name for path in tmp_path.iterdir()] == ["brat"]


def test_labels_that_brat_cannot_hold_come_back(tmp_path):
    labels = ["Other Term", "Other-Term", "Other/Term", "TOther_Term", "-x", "日本", "a\tb", "Task"]
    document = gold("d", [["w"] * 8], [(i, i, label) for i, label in enumerate(labels)])
    (read,) = there_and_back([document], tmp_path / "b")
    assert [label for _, _, label in read["ner"][0]] == labels
    written = (tmp_path / "b" / "d.ann").read_text().splitlines()
    types = [line.split("\t")[1].split(" ")[0] for line in written]
    assert len(set(types)) == 8
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name) for name in types)


def test_no_annotation_is_overwritten(tmp_path):
    folder = folder_with(tmp_path, "One.", "")
    with pytest.raises(DocumentError, match="not an empty folder"):
        write_brat([gold("d", [["a"]], [])], folder)
    assert (folder / "d.txt").read_text() == "One."


def test_a_text_without_offsets_cannot_be_placed(tmp_path):
    document = gold("k", [["a", "b"]], [], text="a  b")
    with pytest.raises(DocumentError, match="document 'k'.*'word_offsets' is needed"):
        write_brat([document], tmp_path / "b")
    assert not (tmp_path / "b").exists()
