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


def test_a_guessed_sentence_end_inside_an_entity_is_none(tmp_path):
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
    "two labels": ("T2\tMetric 13 17\there", "already labeled 'Generic'", None),
}


@pytest.mark.parametrize("case", MISALIGNED)
def test_misaligned_entities(tmp_path, case):
    line, fault, widened = MISALIGNED[case]
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


def test_a_recorded_sentence_end_inside_an_entity_makes_it_misaligned(tmp_path):
    folder = tmp_path / "b"
    write_brat([gold("k", [["a", "b"], ["c"]], [])], folder)
    (folder / "k.ann").write_text("T1\tTask 2 3;4 5\tb c\n")
    with pytest.raises(DocumentError, match="crosses the end of a sentence"):
        read_brat(folder, no_tokenizer)
    (read,), report = read_brat(folder, no_tokenizer, "skip")
    assert read.entities == [] and len(report.skipped) == 1
