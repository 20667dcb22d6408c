import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from allennlp.commands import main
from allennlp.commands.train import train_model
from allennlp.common.checks import ConfigurationError

from tests.experiments import CONFIGS, ENVIRONMENT, FIXTURES, QUICK, experiment

TRAIN = FIXTURES / "abstracts" / "train.json"
DEV = FIXTURES / "abstracts" / "dev.json"


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable[..., Dict[str, Any]]:
    """Run the command; give the JSON that it prints, with its exit status."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["allennlp", "sept-data", *map(str, arguments), "--json"])
        status: Any = 0
        try:
            main()
        except SystemExit as exit:
            status = exit.code
        printed = capsys.readouterr().out
        return {"status": status, **(json.loads(printed) if printed else {})}

    return run


def messages(report: Dict[str, Any], severity: str = "error") -> str:
    return "\n".join(f["message"] for f in report["findings"] if f["severity"] == severity)


def lines_of(path: Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_data_of_a_configuration(command: Callable[..., Dict[str, Any]]) -> None:
    report = command(CONFIGS / "sept_minilm.jsonnet", "--strict")
    assert report["status"] == 0 and messages(report) == ""
    train, validation = report["splits"]["train"], report["splits"]["validation"]
    documents = lines_of(TRAIN)
    assert train["documents"] == 34 and validation["documents"] == 8
    words = [word for document in documents for words in document["sentences"] for word in words]
    assert train["words"] == len(words)
    assert train["entities"] == sum(len(ner) for d in documents for ner in d["ner"])
    # One of the 160 entities of the dev data is wider than 12 words.
    assert validation["too_wide"] == 1
    assert validation["recall_lost_by_width"] == round(100 / 160, 2)
    # The configuration's decoding is flat, and the tiny encoder has word pieces.
    assert validation["recall_lost_by_flat"] > 0
    assert train["pieces"]["max"] > train["pieces"]["median"] > 100


def test_faults_in_data_are_found(command: Callable[..., Dict[str, Any]], tmp_path: Path) -> None:
    train, dev = lines_of(TRAIN), lines_of(DEV)
    label = next(span for ner in train[0]["ner"] for span in ner if span[2] == "Method")
    label[2] = "Metod"
    train.append(train[1])
    dev.append(train[2])
    # An entity from the first sentence into the second.
    end = len(dev[0]["sentences"][0])
    dev[0]["ner"][0].append([end - 1, end, "Task"])
    for name, documents in (("train", train), ("dev", dev)):
        text = "".join(json.dumps(document) + "\n" for document in documents)
        (tmp_path / f"{name}.json").write_text(text)
    files = [tmp_path / "train.json", tmp_path / "dev.json"]
    report = command(*files)
    assert report["status"] == 0
    errors = messages(report)
    assert "The label 'Metod' (1) looks like a typo of 'Method' (" in errors
    assert f"train: 1 document keys ({train[1]['doc_key']}) occur more than once." in errors
    assert f"1 documents ({train[2]['doc_key']}) are in both train and dev." in errors
    assert "dev: 1 entities cross the end of a sentence." in errors
    assert "line 1: document" in errors and "reaches outside its sentence" in errors
    assert report["splits"]["dev"]["invalid_documents"] == 1
    assert report["splits"]["dev"]["crossing_sentences"] == 1
    assert command(*files, "--strict")["status"] == 1


def test_options_replace_the_configurations_limits(
    command: Callable[..., Dict[str, Any]],
) -> None:
    narrow = command(f"first={DEV}", "--max-span-width", 1)
    widths = [e - s + 1 for d in lines_of(DEV) for ner in d["ner"] for s, e, _ in ner]
    assert narrow["splits"]["first"]["too_wide"] == sum(width > 1 for width in widths)
    assert "wider than max_span_width 1 " in messages(narrow, "note")
    # Every document is longer than the tiny encoder's window.
    pieces = command(DEV, "--encoder", ENVIRONMENT["SEPT_ENCODER"])["splits"]["dev"]
    assert pieces["pieces"]["max"] > 100 and pieces["documents_in_windows"] == 8


def test_conll_files(command: Callable[..., Dict[str, Any]]) -> None:
    folder = FIXTURES / "conll" / "NCBI-disease"
    report = command(folder / "train.txt", folder / "dev.txt")
    assert [*report["splits"]] == ["train", "dev"]
    assert [*report["splits"]["train"]["labels"]] == ["Disease"]


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["none.json"], "none.json"),
        ([TRAIN, f"train={DEV}"], "Two splits are named 'train'"),
        ([CONFIGS / "none.jsonnet"], "none.jsonnet"),
        ([CONFIGS / "masked_language_model.jsonnet"], "the reader 'text_blocks' reads none"),
    ],
)
def test_unusable_arguments_are_refused(
    command: Callable[..., Dict[str, Any]], arguments: list, complaint: str
) -> None:
    status = command(*arguments)["status"]
    assert status.startswith("allennlp sept-data: ") or status.startswith("sept-data: ")
    assert complaint in status


def test_tables_name_every_label(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["allennlp", "sept-data", str(TRAIN), str(DEV)])
    main()
    printed = capsys.readouterr().out
    assert "OtherScientificTerm" in printed and "highest recall (points)" in printed
    assert "note: dev: 1 entities are wider than max_span_width 12" in printed


def leaky(tmp_path: Path) -> Dict[str, Any]:
    dev = tmp_path / "dev.json"
    dev.write_text(TRAIN.read_text().splitlines()[0] + "\n" + DEV.read_text())
    return {**QUICK, "validation_data_path": str(dev)}


def test_training_warns_in_at_most_four_lines(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    train_model(experiment(leaky(tmp_path)), str(tmp_path / "run"))
    printed = capfd.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("warning: data: ")]
    assert "are in both train and validation." in lines[0]
    assert 1 <= len(lines) <= 4


def test_strict_training_refuses_validation_data_that_is_trained_on(tmp_path: Path) -> None:
    callbacks = [{"type": "check_data", "strict": True}]
    params = experiment({**leaky(tmp_path), "trainer.callbacks": callbacks})
    key = lines_of(TRAIN)[0]["doc_key"]
    with pytest.raises(ConfigurationError, match=f"document '{key}' of the validation data is"):
        train_model(params, str(tmp_path / "run"))
