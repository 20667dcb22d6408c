import json
from pathlib import Path
from typing import List

import pytest
from allennlp.commands import main as allennlp_main

import sept_allennlp  # noqa: F401  (registers the commands)
from sept_runtime.commands import main as sept_main

PREDICTION = {
    "doc_key": "a",
    "text": "We parse",
    "sentences": [["We", "parse"]],
    "entities": [{"label": "Task", "score": 0.93, "start_word": 1, "end_word": 1}],
}


def arguments(command: str, file: Path, target: Path) -> List[str]:
    """A call that reads `file`, and writes `target` where the command writes something."""
    if command == "show":
        return [command, str(file)]
    direction = ["to-brat"] if command == "brat" else []
    return [command, *direction, str(file), str(target)]


@pytest.mark.parametrize("command", ["show", "html", "brat"])
def test_the_commands_of_sept_are_there(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    file, target = tmp_path / "predictions.jsonl", tmp_path / "target"
    file.write_text(json.dumps(PREDICTION))
    sept_main(arguments(command, file, target))
    expected = capsys.readouterr()
    if target.exists():
        target.rename(tmp_path / "moved")
    name, *rest = arguments(command, file, target)
    monkeypatch.setattr("sys.argv", ["allennlp", f"sept-{name}", *rest])
    allennlp_main()
    assert expected.out and capsys.readouterr() == expected


@pytest.mark.parametrize("command", ["show", "html", "brat"])
def test_messages_name_the_command_as_it_was_called(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *rest = arguments(command, tmp_path / "none.jsonl", tmp_path / "target")
    monkeypatch.setattr("sys.argv", ["allennlp", f"sept-{name}", *rest])
    with pytest.raises(SystemExit, match=f"^sept-{command}: .*none.jsonl"):
        allennlp_main()
