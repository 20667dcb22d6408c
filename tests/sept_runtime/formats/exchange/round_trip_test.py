"""Predictions to the files of annotation tools and back."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sept_runtime.commands import main

FORMATS = ["label-studio", "doccano", "prodigy", "inception", "spacy", "brat"]
HOLD_RELATIONS = ["label-studio", "doccano", "prodigy", "brat"]
NEEDS = {"inception": "cassis", "spacy": "spacy"}

TEXT = "We \N{GRINNING FACE} train a parser on a large corpus. It works."


def prediction(text: str = TEXT) -> Dict[str, Any]:
    """Return a prediction with nested entities and a relation, beyond the basic plane."""
    sentences = [
        ["We", "\N{GRINNING FACE}", *"train a parser on a large corpus .".split()],
        ["It", "works", "."],
    ]
    offsets, start = [], 0
    for word in sentences[0] + sentences[1]:
        start = text.index(word, start)
        offsets.append([start, start + len(word)])
        start += len(word)
    return {
        "format_version": 1,
        "doc_key": "d1",
        "text": text,
        "sentences": sentences,
        "word_offsets": offsets,
        "entities": [
            {"start_word": 4, "end_word": 4, "label": "Method", "score": 0.75},
            {"start_word": 7, "end_word": 8, "label": "Material", "score": 0.5},
            {"start_word": 8, "end_word": 8, "label": "Generic", "score": 0.25},
        ],
        "relations": [{"head": 1, "tail": 0, "label": "USED-FOR", "score": 0.5}],
    }


def convert(*arguments: Any) -> None:
    main(["convert", *map(str, arguments)])


def tool_path(folder: Path, tool: str) -> Path:
    return folder / ("tool" if tool in ("brat", "inception") else "tool.file")


def corrected(path: Path, tool: str) -> None:
    """Turn Label Studio's predictions into an annotation, as its users do."""
    if tool == "label-studio":
        tasks = json.loads(path.read_text())
        for number, task in enumerate(tasks, start=1):
            task.update(id=number, annotations=task.pop("predictions"))
        path.write_text(json.dumps(tasks))


@pytest.mark.parametrize("tool", FORMATS)
def test_predictions_come_back_as_training_data(tmp_path, tool, capsys):
    if tool in NEEDS:
        pytest.importorskip(NEEDS[tool])
    source, target = tmp_path / "out.jsonl", tmp_path / "train.jsonl"
    source.write_text(json.dumps(prediction()) + "\n")
    path = tool_path(tmp_path, tool)
    convert(source, path, "--to", tool)
    said = capsys.readouterr().err
    corrected(path, tool)
    convert(path, target, "--from", tool)
    (document,) = map(json.loads, target.read_text().splitlines())
    assert document["text"] == TEXT
    words = [word for sentence in document["sentences"] for word in sentence]
    entities = sorted(span for sentence in document["ner"] for span in sentence)
    assert [(" ".join(words[s : e + 1]), label) for s, e, label in entities] == [
        ("parser", "Method"),
        ("large corpus", "Material"),
        ("corpus", "Generic"),
    ]
    relations = [relation for sentence in document["relations"] for relation in sentence]
    if tool in HOLD_RELATIONS:
        assert relations == [[7, 8, 4, 4, "USED-FOR"]]
    else:
        assert relations == [] and f"1 relations, which {tool} does not hold" in said


def test_a_hugging_face_dict_is_a_list_a_line(tmp_path, capsys):
    source, target = tmp_path / "out.jsonl", tmp_path / "dicts.jsonl"
    source.write_text(json.dumps(prediction()) + "\n")
    convert(source, target, "--to", "hugging-face")
    (entities,) = map(json.loads, target.read_text().splitlines())
    assert entities[0] == {
        "entity_group": "Method",
        "score": 0.75,
        "word": "parser",
        "start": TEXT.index("parser"),
        "end": TEXT.index("parser") + 6,
    }
    assert "1 relations" in capsys.readouterr().err


def test_flat_keeps_the_most_probable_and_reports_the_others(tmp_path, capsys):
    source, target = tmp_path / "out.jsonl", tmp_path / "doccano.jsonl"
    source.write_text(json.dumps(prediction()) + "\n")
    convert(source, target, "--to", "doccano", "--flat")
    labels = [entity["label"] for entity in json.loads(target.read_text())["entities"]]
    assert labels == ["Method", "Material"]
    assert "1 entities that overlap others" in capsys.readouterr().err


def test_a_misaligned_span_is_refused_skipped_or_widened(tmp_path, capsys):
    source, target = tmp_path / "doccano.jsonl", tmp_path / "train.jsonl"
    source.write_text(
        json.dumps({"id": 7, "text": "A parser.", "label": [[2, 6, "Method"]]}) + "\n"
    )
    with pytest.raises(SystemExit, match="inside a word"):
        convert(source, target, "--from", "doccano")
    assert not target.exists()
    convert(source, target, "--from", "doccano", "--misaligned", "skip")
    assert json.loads(target.read_text())["ner"] == [[]]
    assert "document '7'" in capsys.readouterr().err
    convert(source, target, "--from", "doccano", "--misaligned", "widen")
    assert json.loads(target.read_text())["ner"] == [[[1, 1, "Method"]]]


def test_rejected_examples_of_prodigy_are_counted(tmp_path, capsys):
    source, target = tmp_path / "prodigy.jsonl", tmp_path / "train.jsonl"
    lines: List[Dict[str, Any]] = [
        {"text": "A parser.", "spans": [], "answer": "accept"},
        {"text": "A corpus.", "spans": [], "answer": "reject"},
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    convert(source, target, "--from", "prodigy")
    assert len(target.read_text().splitlines()) == 1
    assert "1 examples with the answer 'reject'" in capsys.readouterr().err


def test_the_last_uncancelled_annotation_of_a_task_counts(tmp_path, capsys):
    def annotation(start: int, end: int, **fields: Any) -> Dict[str, Any]:
        value = {"start": start, "end": end, "labels": ["Method"]}
        return {"result": [{"id": "a", "type": "labels", "value": value}], **fields}

    task = {
        "id": 1,
        "data": {"text": "A parser and a tagger."},
        "annotations": [
            annotation(2, 8),
            annotation(15, 21),
            annotation(0, 1, was_cancelled=True),
        ],
    }
    source, target = tmp_path / "export.json", tmp_path / "train.jsonl"
    source.write_text(json.dumps([task, {**task, "annotations": []}]))
    convert(source, target, "--from", "label-studio")
    (document,) = map(json.loads, target.read_text().splitlines())
    assert document["ner"] == [[[4, 4, "Method"]]]
    said = capsys.readouterr().err
    assert "1 earlier annotations" in said and "1 tasks without an annotation" in said


@pytest.mark.parametrize("tool", ["label-studio", "doccano", "prodigy", "spacy"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b"[{}]", b"\xff", b'{"text": 1}'])
def test_other_files_are_refused_in_one_line(tmp_path, tool, content):
    if tool in NEEDS:
        pytest.importorskip(NEEDS[tool])
    source = tmp_path / "file"
    source.write_bytes(content)
    with pytest.raises(SystemExit) as error:
        convert(source, tmp_path / "train.jsonl", "--from", tool)
    assert "file" in str(error.value) and "\n" not in str(error.value)


# Words that the tokenizer leaves whole.
words = st.text(alphabet="aB\u00e9", min_size=1, max_size=4) | st.just("\N{GRINNING FACE}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data(), tool=st.sampled_from(["label-studio", "doccano", "prodigy"]))
def test_written_files_are_read_back(tmp_path, data, tool):
    sentence = [*data.draw(st.lists(words, min_size=1, max_size=6)), "end"]
    offsets, start = [], 0
    for word in sentence:
        offsets.append([start, start + len(word)])
        start += len(word) + 1
    pairs = [(s, e) for s in range(len(sentence)) for e in range(s, len(sentence))]
    drawn = sorted(data.draw(st.sets(st.sampled_from(pairs), max_size=4)))
    entities = [{"start_word": s, "end_word": e, "label": "X", "score": 0.5} for s, e in drawn]
    fields = {
        "doc_key": "d",
        "text": " ".join(sentence),
        "sentences": [sentence],
        "word_offsets": offsets,
        "entities": entities,
    }
    source, target = tmp_path / "out.jsonl", tmp_path / "train.jsonl"
    source.write_text(json.dumps(fields) + "\n")
    path = tool_path(tmp_path, tool)
    convert(source, path, "--to", tool)
    corrected(path, tool)
    convert(path, target, "--from", tool)
    document = json.loads(target.read_text())
    found = {
        (document["word_offsets"][s][0], document["word_offsets"][e][1])
        for listed in document["ner"]
        for s, e, _ in listed
    }
    assert found == {(offsets[s][0], offsets[e][1]) for s, e in drawn}
