import pytest

from sept_runtime.documents import DocumentError
from sept_runtime.formats.brat import read_brat, write_brat
from tests.sept_runtime.formats.brat.folders import (
    entities_in,
    folder_with,
    gold,
    no_tokenizer,
    tokenize,
)


def test_fragments_with_nothing_but_space_between_are_one_entity(tmp_path):
    folder = folder_with(tmp_path, "named\n  entity x", "T1\tTask 0 5;8 14\tnamed entity\n")
    assert entities_in(folder)[0] == [(0, 1, "Task")]


def test_white_space_at_the_borders_does_no_harm(tmp_path):
    folder = folder_with(tmp_path, "a named entity x", "T1\tTask 1 15\t named entity \n")
    assert entities_in(folder)[0] == [(1, 2, "Task")]


def test_a_guessed_sentence_end_inside_an_entity_is_ignored(tmp_path):
    text = "See Fig. two here. End. Done"
    annotations = "T1\tTask 4 12\tFig. two\nT2\tTask 19 22\tEnd\n"
    (document,), _ = read_brat(folder_with(tmp_path, text, annotations), tokenize)
    assert document.sentences == [
        ["See", "Fig", ".", "two", "here", "."],
        ["End", "."],
        ["Done"],
    ]
    assert document.entities == [(1, 3, "Task"), (6, 6, "Task")]


MISALIGNED = {
    # What stands in the second line, the message, and what widening makes of it.
    "starts inside a word": (
        "T2\tTask 2 9\tmed ent",
        "begins or ends inside a word: change it to 'named entity'",
        (0, 1, "Task"),
    ),
    "leaves words out": (
        "T2\tTask 0 5;13 17\tnamed here",
        "leaves out 'entity' in its middle",
        (0, 2, "Task"),
    ),
    "outside": ("T2\tTask 20 99\tx", "20 to 99 is not a part of the text, which has 18", None),
    "empty": ("T2\tTask 6 6\t", "6 to 6 is not a part of the text", None),
    "other text": ("T2\tTask 0 5\tother", "the text there is 'named'", None),
    "no word": ("T2\tTask 5 6\t ", "there is no word there", None),
    "two labels": ("T2\tMetric 13 17\there", "already labeled 'Generic'", None),
}


@pytest.mark.parametrize("case", MISALIGNED)
def test_misaligned_entities(tmp_path, case):
    line, fault, widened = MISALIGNED[case]
    annotations = f"T1\tGeneric 13 17\there\n{line}\nT3\tMaterial 6 12\tentity\n"
    folder = folder_with(tmp_path, "named entity here\n", annotations)
    with pytest.raises(DocumentError) as error:
        entities_in(folder)
    assert f"{folder / 'd.ann'}, line 2: T2 {line.split()[1]}" in str(error.value)
    assert fault in str(error.value)
    assert "--misaligned skip" in str(error.value)

    entities, report = entities_in(folder, "skip")
    assert entities == [(2, 2, "Generic"), (1, 1, "Material")]
    assert len(report.skipped) == 1 and fault in report.skipped[0]

    entities, report = entities_in(folder, "widen")
    if widened:
        assert entities == [(2, 2, "Generic"), widened, (1, 1, "Material")]
        assert not report.skipped
        (message,) = report.changed
        assert (
            message.startswith(f"{folder / 'd.ann'}, line 2: T2 Task") and "widened to" in message
        )
    else:
        assert entities == [(2, 2, "Generic"), (1, 1, "Material")]
        assert len(report.skipped) == 1 and fault in report.skipped[0] and not report.changed


def test_every_annotation_that_is_merged_moved_or_left_out_is_reported(tmp_path):
    annotations = (
        "T1\tMethod 0 4\tBERT\nT2\tMaterial 5 10\tSQuAD\nT3\tProtein 24 28\tIL-2\n"
        "T4\tProtein 29 33\tIL-4\nT5\tGeneric 0 4\tBERT\n"
        "R1\tUsed Arg1:T1 Arg2:T3\nR2\tUsed Arg1:T1 Arg2:T4\nR3\tUsed Arg1:T2 Arg2:T4\n"
    )
    folder = folder_with(tmp_path, "BERT/SQuAD is used with IL-2/IL-4 here", annotations)
    folder_with(tmp_path, "One two", "T1\tTask 0 3\tOne\n", name="e")
    documents, report = read_brat(folder, tokenize, "widen")
    # The rest of the folder is read.
    assert [document.entities for document in documents] == [
        [(0, 0, "Method"), (4, 4, "Protein")],
        [(0, 0, "Task")],
    ]
    assert documents[0].relations == [((0, 0), (4, 4), "Used")]
    where = f"{folder / 'd.ann'}, line"
    assert report.changed == [
        f"{where} 1: T1 Method 'BERT': widened to 'BERT/SQuAD'",
        f"{where} 3: T3 Protein 'IL-2': widened to 'IL-2/IL-4'",
        f"{where} 4: T4 Protein 'IL-4': merged with T3, which has the same words",
        f"{where} 7: R2 Used from T1 to T4: merged with R1, which says the same",
    ]
    labeled = "its words are already labeled 'Method', by T1"
    assert [message.split(";")[0] for message in report.skipped] == [
        f"{where} 2: T2 Material 'SQuAD': {labeled}",
        f"{where} 5: T5 Generic 'BERT': {labeled}",
        f"{where} 8: R3 Used from T2 to T4: T2 is left out",
    ]
    # Those that do not fit are all in the error, too.
    with pytest.raises(DocumentError) as error:
        read_brat(folder, tokenize)
    assert [f"line {number}" in str(error.value) for number in (1, 2, 3, 4, 5)] == [True] * 5


def test_exact_duplicates_are_merged_and_reported(tmp_path):
    folder = folder_with(tmp_path, "One two", "T1\tTask 0 3\tOne\nT2\tTask 0 3\tOne\n")
    entities, report = entities_in(folder)
    assert entities == [(0, 0, "Task")]
    (message,) = report.changed
    assert message.endswith(
        "d.ann, line 2: T2 Task 'One': merged with T1, which has the same words"
    )


def test_a_recorded_sentence_end_inside_an_entity_makes_it_misaligned(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold("k", [["a", "b"], ["c"]], [])], folder)
    (folder / "k.ann").write_text("T1\tTask 2 3;4 5\tb c\n")
    with pytest.raises(DocumentError, match="crosses the end of a sentence"):
        read_brat(folder, no_tokenizer)
    (read,), report = read_brat(folder, no_tokenizer, "skip")
    assert read.entities == [] and len(report.skipped) == 1
