import re
from pathlib import Path

import pytest

from sept_runtime.documents import DocumentError
from sept_runtime.formats.brat import RECORD_NAME, read_brat, write_brat
from tests.sept_runtime.formats.brat.folders import (
    entities_in,
    folder_with,
    gold,
    no_tokenizer,
    relations_in,
    there_and_back,
    tokenize,
)


def test_edits_made_in_brat_come_back(tmp_path):
    folder = tmp_path / "b"
    document = gold("the key", [["We", "parse", "text"], ["Well", "."]], [(1, 1, "Other Term")])
    write_brat([document], folder)
    # One entity changed its type, two are new, nested: what brat writes after such edits.
    (folder / "the_key.ann").write_text(
        "T1\tTask 3 8\tparse\n#1\tAnnotatorNotes T1\tsure?\n"
        "T2\tTOther_Term 3 13\tparse text\nT3\tGeneric 14 18\tWell\n"
    )
    (read,), report = read_brat(folder, no_tokenizer)
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
    documents, report = read_brat(folder, tokenize)
    assert [document.key for document in documents] == ["z", "a", "more"]
    assert documents[2].sentences == [["New", "text", "."]]
    assert documents[2].entities == [(0, 0, "Task")]
    assert report.missing == ["gone"]


def test_an_edited_text_gets_new_words_and_keeps_its_key(tmp_path, caplog):
    folder = tmp_path / "b"
    write_brat([gold("the/key", [["a-b", "c"]], [(0, 0, "T")])], folder)
    (folder / "the_key.txt").write_text("so: a-b c\n")
    (folder / "the_key.ann").write_text("T1\tT 4 7\ta-b\n")
    (read,), _ = read_brat(folder, tokenize)
    assert (read.key, read.sentences) == ("the/key", [["so:", "a-b", "c"]])
    assert read.entities == [(1, 1, "T")]
    assert "the_key.txt: the text has been changed" in caplog.text


def test_recorded_words_survive_other_line_ends(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold("k", [["a", "b"], ["c"]], [(2, 2, "T")])], folder)
    for suffix in ("txt", "ann"):
        path = folder / f"k.{suffix}"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (read,), _ = read_brat(folder, no_tokenizer)
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


def test_other_annotations_than_entities_are_counted(tmp_path):
    annotations = (
        "T1\tTask 0 3\tOne\nT2\tNaming 4 7\ttwo\n\nE1\tNaming:T2 Theme:T1\n"
        "R1\tUsed Arg1:T1 Arg2:T2\nR2\tUsed Arg1:E1 Arg2:T1\n*\tAlias T1 T2\n"
        "A1\tSure T1\nM1\tSure T1\nN1\tReference T1 Wiki:1\tOne\n#1\tAnnotatorNotes T1\thm\n"
    )
    entities, report = entities_in(folder_with(tmp_path, "One two.", annotations))
    assert entities == [(0, 0, "Task")]
    assert report.ignored == [
        f"{tmp_path / 'brat' / 'd'}: {kind}"
        for kind in (
            "2 attributes (A1, M1)",
            "1 equivalences (*)",
            "1 event triggers (T2)",
            "1 events (E1)",
            "1 normalizations (N1)",
            "2 relations of events (R1, R2)",
        )
    ]


def test_a_text_without_annotation_file_is_not_annotated(tmp_path):
    folder = folder_with(tmp_path, "One two.", "")
    assert entities_in(folder)[0] == []
    (folder / "d.ann").unlink()
    assert entities_in(folder)[0] is None


@pytest.mark.parametrize(
    "line", ["T1 Task 0 3 One", "T1\tTask 0\tOne", "T1\tTask 0 3, 4 5\tOne", "hello", "T1\t 0 3\tx"]
)
def test_lines_that_are_not_brats(tmp_path, line):
    folder = folder_with(tmp_path, "One two.", f"E1\tx\n{line}\n")
    with pytest.raises(DocumentError) as error:
        entities_in(folder)
    assert f"{folder / 'd.ann'}, line 2: expected an annotation such as" in str(error.value)


# Two sentences.
TEXT = "One two. Three."
ENTITIES = "T1\tTask 0 3\tOne\nT2\tMethod 4 7\ttwo\nT3\tTask 9 14\tThree\n"


def test_relations_with_free_argument_names_and_white_space_are_read(tmp_path):
    # brat leaves white space at the end, and the names of the arguments are free.
    lines = "R2\tUsed Arg1:T2 Arg2:T1\t\nR1\tLike A:T1 B:T2\nR3\tUsed Arg1:T2 Arg2:T1\n"
    folder = folder_with(tmp_path, TEXT, lines + ENTITIES)
    (relations,), report = relations_in(folder)
    assert relations == [((1, 1), (0, 0), "Used"), ((0, 0), (1, 1), "Like")]
    assert not report.ignored


@pytest.mark.parametrize(
    "line",
    ["R1 Used Arg1:T1 Arg2:T2", "R1\tUsed T1 T2", "R1\tUsed Arg1:T1", "R1\tUsed Arg1:R2 Arg2:T1"],
)
def test_relations_that_are_not_brats(tmp_path, line):
    folder = folder_with(tmp_path, TEXT, f"{ENTITIES}{line}\n")
    with pytest.raises(DocumentError) as error:
        relations_in(folder)
    assert f"{folder / 'd.ann'}, line 4: expected a relation such as" in str(error.value)


@pytest.mark.parametrize(
    "configuration, lines, expected",
    [
        (None, "R1\tUsed Arg2:T2 Arg1:T1\n", ["One two"]),
        (None, "R1\tUsed Arg1:T1 Arg2:T2\nR2\tUsed Arg2:T1 Arg1:T2\n", ["One two", "two One"]),
        (None, "R1\tUsed arg2:T2 ARG1:T1\n", ["One two"]),
        # Without a declaration, a type's first relation says which role comes first.
        (None, "R1\tUsed By:T1 For:T2\nR2\tUsed For:T1 By:T2\n", ["One two", "two One"]),
        ("Used\tFor:Task, By:Method", "R1\tUsed By:T2 For:T1\n", ["One two"]),
        ("Used\tFor:Task, By:Method", "R1\tUsed By:T1 For:T2\n", ["two One"]),
        ("Used\tArg2:<ENTITY>, Arg1:<ENTITY>", "R1\tUsed Arg1:T1 Arg2:T2\n", ["two One"]),
    ],
)
def test_the_roles_tell_which_entity_comes_first(tmp_path, configuration, lines, expected):
    folder = folder_with(tmp_path, TEXT, ENTITIES + lines)
    if configuration:
        (folder / "annotation.conf").write_text(f"[entities]\nTask\n[relations]\n{configuration}\n")
    (document,), _ = read_brat(folder, tokenize)
    words = document.words
    assert [
        f"{words[head[0]]} {words[tail[0]]}" for head, tail, _ in document.relations
    ] == expected


def test_the_files_of_the_bionlp_tasks_are_read(tmp_path):
    folder = folder_with(tmp_path, "We use LSTM for parsing", "")
    (folder / "d.ann").unlink()
    (folder / "d.a1").write_text("T1\tMethod 7 11\tLSTM\n")
    (folder / "d.a2").write_text("T2\tTask 16 23\tparsing\nE1\tUse:T3\nT3\tUse 3 6\tuse\n")
    entities, report = entities_in(folder)
    assert entities == [(2, 2, "Method"), (4, 4, "Task")]
    assert report.ignored == [
        f"{folder / 'd'}: 1 event triggers (T3)",
        f"{folder / 'd'}: 1 events (E1)",
    ]


def test_folders_in_the_folder_are_read(tmp_path):
    folder = folder_with(tmp_path, "One", "T1\tTask 0 3\tOne\n")
    for place in ("sub", "sub/deeper", ".hidden"):
        (folder / place).mkdir()
        (folder / place / "d.txt").write_text("Two words")
        (folder / place / "d.ann").write_text("T1\tTask 4 9\twords\n")
    documents, _ = read_brat(folder, tokenize)
    assert [(document.key, document.entities) for document in documents] == [
        ("d", [(0, 0, "Task")]),
        ("sub/d", [(1, 1, "Task")]),
        ("sub/deeper/d", [(1, 1, "Task")]),
    ]
    (folder / "sub" / "x.a2").write_text("")
    with pytest.raises(DocumentError, match="annotations are missing: sub/x.txt"):
        read_brat(folder, tokenize)


def test_a_relation_to_nothing(tmp_path):
    folder = folder_with(tmp_path, TEXT, f"{ENTITIES}R1\tUsed Arg1:T1 Arg2:T9\n")
    with pytest.raises(DocumentError, match="d.ann, line 4: R1 refers to T9, which does not exist"):
        relations_in(folder)


@pytest.mark.parametrize(
    "ends, fault",
    [
        (("T1", "T3"), "Used from T1 to T3: its entities are in two sentences"),
        (("T1", "T1"), "Used from T1 to T1: it relates an entity to itself"),
        (("T1", "T4"), "Used from T1 to T4: it relates an entity to itself"),
        (("T5", "T1"), "Used from T5 to T1: T5 is left out"),
    ],
)
def test_impossible_relations_are_an_error_or_skipped(tmp_path, ends, fault):
    head, tail = ends
    # The fourth says once more what the first says, and the fifth ends inside a word.
    others = "T4\tTask 0 3\tOne\nT5\tTask 4 6\ttw\n"
    lines = f"{ENTITIES}{others}R1\tUsed Arg1:T1 Arg2:T2\nR2\tUsed Arg1:{head} Arg2:{tail}\n"
    folder = folder_with(tmp_path, TEXT, lines)
    (relations,), report = relations_in(folder, "skip")
    assert relations == [((0, 0), (1, 1), "Used")]
    assert any(fault in message for message in report.skipped)
    if "T5" not in ends:
        folder = folder_with(tmp_path, TEXT, lines.replace("T5\tTask 4 6\ttw\n", ""))
        with pytest.raises(DocumentError) as error:
            relations_in(folder)
        assert f"line 6: R2 {fault}" in str(error.value)
        assert "leave them out (--misaligned skip)" in str(error.value)


def test_if_one_document_has_relations_the_others_have_none(tmp_path):
    folder = tmp_path / "b"
    entities = [(0, 0, "A"), (1, 1, "B")]
    documents = [gold(key, [["v", "w"]], entities) for key in ("one", "two")]
    write_brat([*documents, gold("three", [["w"]], None)], folder)
    assert relations_in(folder)[0] == [None, None, None]
    with (folder / "two.ann").open("a") as annotations:
        annotations.write("R1\tUsed Arg1:T1 Arg2:T2\n")
    assert relations_in(folder)[0] == [[], [((0, 0), (1, 1), "Used")], None]


def test_the_record_says_which_documents_have_relations(tmp_path):
    entities = [(0, 0, "A"), (1, 1, "B")]
    written = [
        gold(key, [["v", "w"]], entities, relations=relations)
        for key, relations in (("one", None), ("two", []), ("three", [(1, 0, "Used")]))
    ]
    read = there_and_back(written, tmp_path / "b")
    assert [document.get("relations") for document in read] == [
        None,
        [[]],
        [[[1, 1, 0, 0, "Used"]]],
    ]


def test_a_duplicate_id_is_refused(tmp_path):
    folder = folder_with(tmp_path, "One two.", "T1\tTask 0 3\tOne\nT1\tTask 4 7\ttwo\n")
    with pytest.raises(DocumentError, match="d.ann, line 2: the id T1 occurs twice"):
        entities_in(folder)


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
        ("no text", "the texts of these annotations are missing: d.txt"),
        ("nothing", "holds no .txt file"),
        ("text not UTF-8", "d.txt: not UTF-8 text"),
        ("record not JSON", f"{RECORD_NAME}: no longer as 'sept convert' wrote it"),
        ("record of something else", "(Object missing required field `doc_key`"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, how, fault):
    folder = folder_with(tmp_path, "One two.", "T1\tTask 0 3\tOne\n")
    break_folder(folder, how)
    with pytest.raises(DocumentError, match=re.escape(fault)):
        read_brat(folder, tokenize)


def test_an_unknown_policy_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="misaligned must be one of"):
        read_brat(tmp_path, tokenize, "ignore")
