import json

import pytest

from sept_runtime.commands import main

DOCUMENT = {
    "doc_key": "a/b",
    "sentences": [["We", "parse", "."], ["Well", "."]],
    "ner": [[[0, 1, "Task"], [1, 1, "Generic"]], []],
    "relations": [[[1, 1, 0, 1, "PART-OF"]], []],
}


def run(direction, *arguments):
    option = "--to" if direction == "to-brat" else "--from"
    main(["convert", *map(str, arguments), option, "brat"])


def test_there_and_back(tmp_path, capsys):
    source, folder, target = tmp_path / "in.jsonl", tmp_path / "brat", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, [DOCUMENT, {"error": "empty", "line": 2}])))
    run("to-brat", source, folder)
    assert (folder / "a_b.ann").read_text() == (
        "T1\tTask 0 8\tWe parse\nT2\tGeneric 3 8\tparse\nR1\tPART-OF Arg1:T2 Arg2:T1\n"
    )
    output = capsys.readouterr()
    assert output.err == (
        f"{folder}: left out: 1 inputs that could not be predicted\n{folder}: 1 documents\n"
    )

    run("from-brat", folder, target)
    (line,) = map(json.loads, target.read_text().splitlines())
    assert {name: line[name] for name in DOCUMENT} == DOCUMENT
    assert line["text"] == "We parse .\nWell .\n"
    assert line["word_offsets"] == [[0, 2], [3, 8], [9, 10], [11, 15], [16, 17]]
    output = capsys.readouterr()
    assert output.err == f"{target}: 1 documents\n"


def test_predictions_or_gold(tmp_path):
    entity = {"label": "Metric", "score": 0.5, "start_word": 3, "end_word": 3}
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({**DOCUMENT, "entities": [entity]}))
    run("to-brat", source, tmp_path / "predicted")
    run("to-brat", source, tmp_path / "gold", "--gold")
    predicted = (tmp_path / "predicted" / "a_b.ann").read_text()
    assert predicted.splitlines()[0] == "T1\tMetric 11 15\tWell"
    assert len((tmp_path / "gold" / "a_b.ann").read_text().splitlines()) == 3


def test_what_is_left_out_is_reported(tmp_path, capsys):
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "d.txt").write_text("named entity")
    (folder / "d.ann").write_text("T1\tTask 0 3\tnam\n*\tAlias T1 T1\n")
    with pytest.raises(SystemExit, match="sept convert: .*d.ann, line 1: .*inside a word"):
        run("from-brat", folder, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()

    run("from-brat", folder, tmp_path / "out.jsonl", "--misaligned", "skip")
    error = capsys.readouterr().err
    assert f"skipped: {folder / 'd.ann'}, line 1" in error
    assert f"ignored: {folder / 'd'}: 1 equivalences (*)" in error
    assert json.loads((tmp_path / "out.jsonl").read_text())["ner"] == [[]]

    assert "d.ann, line 1: T1 Task 'nam': it begins or ends inside a word" in error

    run("from-brat", folder, tmp_path / "out.jsonl", "--misaligned", "widen")
    assert "d.ann, line 1: T1 Task 'nam': widened to 'named'" in capsys.readouterr().err
    assert json.loads((tmp_path / "out.jsonl").read_text())["ner"] == [[[0, 0, "Task"]]]


def test_a_document_deleted_in_brat_is_reported(tmp_path, capsys):
    source, folder = tmp_path / "in.jsonl", tmp_path / "brat"
    source.write_text("\n".join(json.dumps({**DOCUMENT, "doc_key": key}) for key in "ab"))
    run("to-brat", source, folder)
    (folder / "a.txt").unlink()
    (folder / "a.ann").unlink()
    run("from-brat", folder, tmp_path / "out.jsonl")
    assert "document 'a' is no longer there" in capsys.readouterr().err


def test_a_full_folder_is_left_alone(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(DOCUMENT))
    with pytest.raises(SystemExit, match="sept convert: .*not an empty folder"):
        run("to-brat", source, tmp_path)


@pytest.mark.parametrize("name", ["d.txt", "d.ann", "sub/e.txt"])
def test_the_folder_that_is_read_is_not_overwritten(tmp_path, name):
    for stem in ("d", "sub/e"):
        (tmp_path / "b" / stem).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / f"{stem}.txt").write_text("named entity")
        (tmp_path / "b" / f"{stem}.ann").write_text("T1\tTask 0 5\tnamed\n")
    content = (tmp_path / "b" / name).read_bytes()
    with pytest.raises(SystemExit, match="the output is the input"):
        run("from-brat", tmp_path / "b", tmp_path / "b" / name)
    assert (tmp_path / "b" / name).read_bytes() == content


def test_half_a_character_costs_no_more_than_itself(tmp_path):
    source, folder = tmp_path / "in.jsonl", tmp_path / "brat"
    half = {"doc_key": "h", "sentences": [["a", "\ud83d", "b"]], "ner": [[[1, 2, "T"]]]}
    source.write_text("\n".join(map(json.dumps, [DOCUMENT, half])))
    run("to-brat", source, folder)
    assert (folder / "h.txt").read_text() == "a \ufffd b\n"
    run("from-brat", folder, tmp_path / "out.jsonl")
    ok, read = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (ok["ner"], read["ner"]) == (DOCUMENT["ner"], half["ner"])
    assert read["sentences"] == half["sentences"] and read["text"] == "a \ufffd b\n"


def test_a_format_must_be_given(tmp_path):
    with pytest.raises(SystemExit, match="--from or --to"):
        main(["convert", str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(SystemExit, match="in two steps"):
        main(["convert", "a", "b", "--from", "brat", "--to", "doccano"])


@pytest.mark.parametrize(
    "target, package",
    [
        ("brat", "json"),
        ("doccano", "json"),
        ("hugging-face", "json"),
        ("inception", "cassis"),
        ("label-studio", "json"),
        ("prodigy", "json"),
        ("spacy", "spacy"),
    ],
)
def test_half_a_character_stops_no_conversion(target, package, tmp_path, capsys):
    pytest.importorskip(package)
    half = {"doc_key": "h\ud83d", "sentences": [["a", "\ud83d", "b"]], "ner": [[[1, 2, "T"]]]}
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, [DOCUMENT, half])))
    main(["convert", str(source), str(tmp_path / "out"), "--to", target])
    assert "2 documents" in capsys.readouterr().err
    assert (tmp_path / "out").exists()
