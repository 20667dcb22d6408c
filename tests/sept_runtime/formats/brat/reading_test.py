import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sept_runtime.documents import Document, DocumentError, LabeledSpan
from sept_runtime.formats.brat import RECORD_NAME, document_to_json, read_brat, write_brat
from sept_runtime.formats.predictions import (
    PredictedDocument,
    PredictedEntity,
    prediction_from_json,
)


def tokenise(text):
    """Words are what stands between white space, less a full stop, which ends a sentence."""
    sentences, offsets = [[]], []
    for match in re.finditer(r"[^\s.]+|\.", text):
        sentences[-1].append(match.group())
        offsets.append(match.span())
        if match.group() == ".":
            sentences.append([])
    return [sentence for sentence in sentences if sentence], offsets


def no_tokeniser(text):
    raise AssertionError("the recorded words should have been used")


def gold(key, sentences, entities, text=None, offsets=None):
    spans = None if entities is None else [LabeledSpan(*entity) for entity in entities]
    return PredictedDocument(Document(key, sentences, spans, text, offsets), None)


def there_and_back(documents, folder):
    write_brat(documents, folder)
    read, _ = read_brat(folder, no_tokeniser)
    return [document_to_json(document) for document in read]


def folder_with(tmp_path, text, annotations, name="d"):
    """What people hand over: a text, its annotation and nothing else."""
    folder = tmp_path / "brat"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(annotations.encode())
    return folder


def entities_in(folder, misfits="error"):
    (document,), report = read_brat(folder, tokenise, misfits)
    return document.entities, report


def test_what_is_written(tmp_path):
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
    document = Document("d", [["a", "b"]], [LabeledSpan(1, 1, "Gold")])
    prediction = PredictedDocument(document, [PredictedEntity(0, 1, "Task", 0.93456)])
    write_brat([prediction], tmp_path / "predicted")
    assert (tmp_path / "predicted" / "d.ann").read_text() == (
        "T1\tTask 0 3\ta b\n#1\tAnnotatorNotes T1\tscore 0.935\n"
    )
    write_brat([prediction], tmp_path / "gold", gold=True)
    assert (tmp_path / "gold" / "d.ann").read_text() == "T1\tGold 2 3\tb\n"
    (read,), report = read_brat(tmp_path / "predicted", no_tokeniser)
    assert read.entities == [LabeledSpan(0, 1, "Task")]
    assert not report.ignored


def test_offsets_count_code_points_and_line_ends_split_an_annotation(tmp_path):
    text = "𝔽 café\r\n  noir\u2028x."
    document = gold("d", [["𝔽", "café", "noir", "x"]], [(0, 3, "Task")], text, None)
    document.document.offsets = [(0, 1), (2, 6), (10, 14), (15, 16)]
    assert there_and_back([document], tmp_path / "b")[0]["ner"] == [[[0, 3, "Task"]]]
    assert (tmp_path / "b" / "d.txt").read_bytes() == text.encode()
    assert (tmp_path / "b" / "d.ann").read_bytes().decode() == (
        "T1\tTask 0 6;10 16\t𝔽 café noir x\n"
    )


def test_sentences_words_and_whether_anybody_annotated_survive(tmp_path):
    documents = [
        gold("empty", [], []),
        gold("empty sentences", [[], ["a"], []], [(0, 0, "T")]),
        gold("not annotated", [["a"]], None),
        gold("nothing found", [["a"]], []),
        gold("odd words", [["New York", "a\nb", " c"]], [(1, 1, "T"), (0, 2, "U"), (2, 2, "T")]),
    ]
    read = there_and_back(documents, tmp_path / "b")
    for before, after in zip(documents, read, strict=True):
        assert after["doc_key"] == before.document.key
        assert after["sentences"] == before.document.sentences
    assert [d.get("ner") for d in read] == [
        [],
        [[], [[0, 0, "T"]], []],
        None,
        [[]],
        [[[1, 1, "T"], [0, 2, "U"], [2, 2, "T"]]],
    ]


KEYS = ["a/b", "../../etc/passwd", ".", "..", "CON", "con.x", "A", "a", "a-2", "a", "x" * 5000]
KEYS += ["x" * 5000 + "y", "é", "日本", "a\nb", "a\0b", "-rf", ".hidden", "D_1", "d 1", "\ud800"]


def test_any_key_has_a_file_of_its_own(tmp_path):
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


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).filter(str.strip)
keys = st.one_of(st.text(max_size=6), st.sampled_from(KEYS))
labels = st.one_of(st.sampled_from(["Task", "Method", "Other Term"]), words)


@st.composite
def documents(draw):
    sentences = draw(st.lists(st.lists(words, max_size=6), max_size=4))
    ner, start = [], 0
    for sentence in sentences:
        places = [
            (start + i, start + j) for i in range(len(sentence)) for j in range(i, len(sentence))
        ]
        chosen = draw(st.lists(st.sampled_from(places), unique=True, max_size=5)) if places else []
        ner.append([[i, j, draw(labels)] for i, j in chosen])
        start += len(sentence)
    fields = {"doc_key": draw(keys), "sentences": sentences}
    if draw(st.booleans()):
        fields["ner"] = ner
    if draw(st.booleans()):
        gaps = st.text(alphabet=" \n\r\t\u200b\u2028", max_size=3)
        text, offsets = draw(gaps), []
        for word in (word for sentence in sentences for word in sentence):
            offsets.append([len(text), len(text) + len(word)])
            text += word + draw(gaps)
        fields.update(text=text, word_offsets=offsets)
    return fields


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(documents(), min_size=1, max_size=4))
def test_there_and_back_is_exact(tmp_path_factory, originals):
    folder = tmp_path_factory.mktemp("brat") / "b"
    read = there_and_back([prediction_from_json(fields) for fields in originals], folder)
    # Through JSON, as the command writes it.
    read = json.loads(json.dumps(read))
    assert len(read) == len(originals)
    for before, after in zip(originals, read, strict=True):
        assert {name: after[name] for name in before} == before
        assert ("ner" in after) == ("ner" in before)
        # Also a text made up here is such that the offsets point at the words.
        starts_and_ends = after["word_offsets"]
        surfaces = [after["text"][start:end] for start, end in starts_and_ends]
        assert surfaces == [word for sentence in before["sentences"] for word in sentence]


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(documents(), min_size=1, max_size=2))
def test_every_annotation_is_one_line_and_says_what_stands_at_its_place(
    tmp_path_factory, originals
):
    folder = tmp_path_factory.mktemp("brat") / "b"
    write_brat([prediction_from_json(fields) for fields in originals], folder)
    for path in folder.glob("*.ann"):
        text = path.with_suffix(".txt").read_bytes().decode()
        for line in path.read_bytes().decode().splitlines():
            _, place, surface = line.split("\t")
            fragments = [list(map(int, p.split())) for p in place.split(" ", 1)[1].split(";")]
            pieces = [text[start:end] for start, end in fragments]
            assert not any("\n" in piece or "\r" in piece for piece in pieces)
            assert [len(piece) for piece in pieces] == [end - start for start, end in fragments]
            assert len(surface) == sum(map(len, pieces)) + len(pieces) - 1


def test_edits_made_in_brat_come_back(tmp_path):
    folder = tmp_path / "b"
    document = gold("the key", [["We", "parse", "text"], ["Well", "."]], [(1, 1, "Other Term")])
    write_brat([document], folder)
    # One entity changed its type, two are new, nested: what brat writes after such edits.
    (folder / "the_key.ann").write_text(
        "T1\tTask 3 8\tparse\n#1\tAnnotatorNotes T1\tsure?\n"
        "T2\tTOther_Term 3 13\tparse text\nT3\tGeneric 14 18\tWell\n"
    )
    (read,), report = read_brat(folder, no_tokeniser)
    assert read.key == "the key"
    assert read.sentences == [["We", "parse", "text"], ["Well", "."]]
    assert read.entities == [(1, 1, "Task"), (1, 2, "Other Term"), (3, 3, "Generic")]
    assert not report.ignored


def test_order_added_and_deleted_documents(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold(key, [["w"]], []) for key in ("z", "gone", "a")], folder)
    (folder / "gone.txt").unlink()
    (folder / "gone.ann").unlink()
    folder_with(tmp_path, "New text.", "T1\tTask 0 3\tNew\n", name="more")
    (tmp_path / "brat" / "more.txt").rename(folder / "more.txt")
    (tmp_path / "brat" / "more.ann").rename(folder / "more.ann")
    (folder / "._more.txt").write_text("what some systems leave behind")
    documents, report = read_brat(folder, tokenise)
    assert [document.key for document in documents] == ["z", "a", "more"]
    assert documents[2].sentences == [["New", "text", "."]]
    assert documents[2].entities == [(0, 0, "Task")]
    assert report.missing == ["gone"]


def test_a_text_that_was_edited_gets_new_words_and_keeps_its_key(tmp_path, caplog):
    folder = tmp_path / "b"
    write_brat([gold("the/key", [["a-b", "c"]], [(0, 0, "T")])], folder)
    (folder / "the_key.txt").write_text("so: a-b c\n")
    (folder / "the_key.ann").write_text("T1\tT 4 7\ta-b\n")
    (read,), _ = read_brat(folder, tokenise)
    assert (read.key, read.sentences) == ("the/key", [["so:", "a-b", "c"]])
    assert read.entities == [(1, 1, "T")]
    assert "the_key.txt: the text has been changed" in caplog.text


def test_recorded_words_survive_other_line_ends(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold("k", [["a", "b"], ["c"]], [(2, 2, "T")])], folder)
    for suffix in ("txt", "ann"):
        path = folder / f"k.{suffix}"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (read,), _ = read_brat(folder, no_tokeniser)
    assert (read.text, read.entities) == ("a b\nc\n", [(2, 2, "T")])


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_offsets_from_before_and_after_a_change_of_line_ends(tmp_path, mark):
    text = f"{mark}One two.\r\nThree four.\r\n"
    for shift in {0, 1, len(mark), len(mark) + 1}:
        # "Three" begins at 10 if line ends count twice; each thing not counted takes one.
        start = 10 + len(mark) - shift
        annotations = f"T1\tTask {start} {start + 5}\tThree\r\n"
        folder = folder_with(tmp_path, text, annotations)
        assert entities_in(folder)[0] == [(3, 3, "Task")]


def test_lines_that_are_no_entities_are_counted(tmp_path):
    annotations = (
        "T1\tTask 0 3\tOne\nT2\tNaming 4 7\ttwo\n\nE1\tNaming:T2 Theme:T1\n"
        "R1\tUsed Arg1:T1 Arg2:T2\nR2\tUsed Arg1:T1 Arg2:T2\n*\tAlias T1 T2\n"
        "A1\tSure T1\nM1\tSure T1\nN1\tReference T1 Wiki:1\tOne\n#1\tAnnotatorNotes T1\thm\n"
    )
    entities, report = entities_in(folder_with(tmp_path, "One two.", annotations))
    assert entities == [(0, 0, "Task")]
    assert report.ignored == {
        "relations": 2,
        "events": 1,
        "event triggers": 1,
        "equivalences": 1,
        "attributes": 2,
        "normalisations": 1,
    }


def test_fragments_with_nothing_but_space_between_are_one_entity(tmp_path):
    folder = folder_with(tmp_path, "named\n  entity x", "T1\tTask 0 5;8 14\tnamed entity\n")
    assert entities_in(folder)[0] == [(0, 1, "Task")]


def test_white_space_at_the_borders_does_no_harm(tmp_path):
    folder = folder_with(tmp_path, "a named entity x", "T1\tTask 1 15\t named entity \n")
    assert entities_in(folder)[0] == [(1, 2, "Task")]


def test_a_guessed_sentence_end_inside_an_entity_is_none(tmp_path):
    text = "See Fig. two here. End. Done"
    annotations = "T1\tTask 4 12\tFig. two\nT2\tTask 19 22\tEnd\n"
    (document,), _ = read_brat(folder_with(tmp_path, text, annotations), tokenise)
    assert document.sentences == [
        ["See", "Fig", ".", "two", "here", "."],
        ["End", "."],
        ["Done"],
    ]
    assert document.entities == [(1, 3, "Task"), (6, 6, "Task")]


MISFITS = {
    # What stands in the second line, the message, and what widening makes of it.
    "starts inside a word": (
        "T2\tTask 2 9\tmed ent",
        "begins or ends inside a word: move its borders to 'named entity'",
        (0, 1, "Task"),
    ),
    "leaves words out": (
        "T2\tTask 0 5;13 17\tnamed here",
        "leaves out 'entity' in its middle",
        (0, 2, "Task"),
    ),
    "outside": ("T2\tTask 20 99\tx", "20 to 99 is no place in the text of 18", None),
    "empty": ("T2\tTask 6 6\t", "6 to 6 is no place", None),
    "other text": ("T2\tTask 0 5\tother", "the text there is 'named'", None),
    "no word": ("T2\tTask 5 6\t ", "there is no word there", None),
    "two labels": ("T2\tMetric 13 17\there", "already labelled 'Generic'", None),
}


@pytest.mark.parametrize("case", MISFITS)
def test_misfits(tmp_path, case):
    line, fault, widened = MISFITS[case]
    annotations = f"T1\tGeneric 13 17\there\n{line}\nT3\tMaterial 6 12\tentity\n"
    folder = folder_with(tmp_path, "named entity here\n", annotations)
    with pytest.raises(DocumentError) as error:
        entities_in(folder)
    assert f"{folder / 'd.ann'}, line 2: {line.split()[1]}" in str(error.value)
    assert fault in str(error.value)
    assert "--misfits skip" in str(error.value)

    entities, report = entities_in(folder, "skip")
    assert entities == [(2, 2, "Generic"), (1, 1, "Material")]
    assert len(report.skipped) == 1 and fault in report.skipped[0]

    if widened:
        entities, report = entities_in(folder, "widen")
        assert entities == [(2, 2, "Generic"), widened, (1, 1, "Material")]
        assert not report.skipped
    else:
        with pytest.raises(DocumentError, match="line 2"):
            entities_in(folder, "widen")


def test_a_recorded_sentence_end_inside_an_entity_is_a_misfit(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold("k", [["a", "b"], ["c"]], [])], folder)
    (folder / "k.ann").write_text("T1\tTask 2 3;4 5\tb c\n")
    with pytest.raises(DocumentError, match="crosses the end of a sentence"):
        read_brat(folder, no_tokeniser)
    (read,), report = read_brat(folder, no_tokeniser, "skip")
    assert read.entities == [] and len(report.skipped) == 1


@pytest.mark.parametrize(
    "line", ["T1 Task 0 3 One", "T1\tTask 0\tOne", "T1\tTask 0 3, 4 5\tOne", "hello", "T1\t 0 3\tx"]
)
def test_lines_that_are_not_brats(tmp_path, line):
    folder = folder_with(tmp_path, "One two.", f"R1\tx\n{line}\n")
    with pytest.raises(DocumentError) as error:
        entities_in(folder)
    assert f"{folder / 'd.ann'}, line 2: expected an annotation such as" in str(error.value)


def test_the_same_number_twice(tmp_path):
    folder = folder_with(tmp_path, "One two.", "T1\tTask 0 3\tOne\nT1\tTask 4 7\ttwo\n")
    with pytest.raises(DocumentError, match="d.ann, line 2: there is another T1"):
        entities_in(folder)


def test_a_text_without_annotation_file_is_not_annotated(tmp_path):
    folder = folder_with(tmp_path, "One two.", "")
    assert entities_in(folder)[0] == []
    (folder / "d.ann").unlink()
    assert entities_in(folder)[0] is None


def break_folder(folder: Path, how: str) -> None:
    if how == "no folder":
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    elif how == "no text":
        (folder / "d.txt").unlink()
    elif how == "nothing":
        (folder / "d.txt").unlink()
        (folder / "d.ann").unlink()
    elif how == "text not UTF-8":
        (folder / "d.txt").write_bytes(b"\xff")
    elif how == "record not JSON":
        (folder / RECORD_NAME).write_text("{")
    elif how == "record of something else":
        (folder / RECORD_NAME).write_text('{"types": {}, "documents": [{"file": "d"}]}')


@pytest.mark.parametrize(
    "how, fault",
    [
        ("no folder", "there is no such folder"),
        ("no text", "d.ann: its text, d.txt, is missing"),
        ("nothing", "holds no .txt file"),
        ("text not UTF-8", "d.txt: not UTF-8 text"),
        ("record not JSON", f"{RECORD_NAME}: not as sept-brat wrote it"),
        ("record of something else", f"{RECORD_NAME}: not as sept-brat wrote it"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, how, fault):
    folder = folder_with(tmp_path, "One two.", "T1\tTask 0 3\tOne\n")
    break_folder(folder, how)
    with pytest.raises(DocumentError, match=re.escape(fault)):
        read_brat(folder, tokenise)


def test_nobodys_annotation_is_overwritten(tmp_path):
    folder = folder_with(tmp_path, "One.", "")
    with pytest.raises(DocumentError, match="not an empty folder"):
        write_brat([gold("d", [["a"]], [])], folder)
    assert (folder / "d.txt").read_text() == "One."


def test_a_text_without_offsets_cannot_be_placed(tmp_path):
    document = gold("k", [["a", "b"]], [], text="a  b")
    with pytest.raises(DocumentError, match="document 'k'.*'word_offsets' must say"):
        write_brat([document], tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_text_that_is_not_unicode_is_refused(tmp_path):
    with pytest.raises(DocumentError, match="document 'k': the text cannot be written as UTF-8"):
        write_brat([gold("k", [["\ud800"]], [])], tmp_path / "b")


def test_an_unknown_policy_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="misfits must be one of"):
        read_brat(tmp_path, tokenise, "ignore")
