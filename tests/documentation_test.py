"""The examples of docs/architecture.md run, its lists are complete, and links lead somewhere."""

import argparse
import inspect
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.commands.subcommand import Subcommand
from allennlp.commands.train import train_model
from allennlp.common import Registrable
from allennlp.common.from_params import infer_params
from allennlp.training import GradientDescentTrainer

from sept_allennlp.plugin import PATCHES
from tests.experiments import CONFIGS, QUICK, ROOT, experiment

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def blocks(heading: str) -> List[Tuple[str, str]]:
    """Language and text of each block of code under a heading."""
    (section,) = re.findall(rf"^### {heading}\n(.*?)(?=^##|\Z)", ARCHITECTURE, re.DOTALL | re.M)
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.M)


@pytest.mark.trains
@pytest.mark.parametrize("heading", ["A span extractor", "A data format", "A baseline"])
def test_a_part_is_one_file_one_test_and_a_line_of_configuration(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, part), (_, test), (language, configuration) = blocks(heading)
    assert language == "jsonnet"
    monkeypatch.chdir(tmp_path)
    names: Dict[str, Any] = {"__name__": "documented"}
    exec(compile(part, f"{heading}: the part", "exec"), names)
    exec(compile(test, f"{heading}: its test", "exec"), names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert tests
    for function in tests:
        wanted = inspect.signature(function).parameters
        function(**{"tmp_path": tmp_path} if "tmp_path" in wanted else {})

    config = tmp_path / "config.jsonnet"
    config.write_text(f"(import '{CONFIGS}/sept_minilm.jsonnet') + {configuration}")
    run = tmp_path / "run"
    train_model(experiment(QUICK, str(config)), str(run))
    assert (run / "model.tar.gz").is_file()


def test_every_patch_of_allennlp_is_listed() -> None:
    rows = re.findall(r"^\| (.*?) \| (.*?) \|$", ARCHITECTURE, re.M)
    listed = rows[rows.index(("---", "---")) + 1 :]
    assert listed == [(patch.what, patch.reason) for patch in PATCHES]


TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
(ALLENNLP_SECTION,) = re.findall(
    r"^## AllenNLP's commands and options\n(.*?)^## ", TRAINING, re.S | re.M
)


def test_every_registered_part_is_listed() -> None:
    registered = {
        (base.__name__, name)
        for base, parts in Registrable._registry.items()
        for name, (part, _) in parts.items()
        if part.__module__.startswith("sept_allennlp.")
    }
    (section,) = re.findall(r"^## The parts\n(.*)", TRAINING, re.S | re.M)
    listed = {
        (base, name)
        for bases, names in re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.M)
        for base in re.findall("`(.*?)`", bases)
        for name in re.findall("`(.*?)`", names)
    }
    # AllenNLP's own names that have other parts are in the list of patches.
    patched = {part for patch in PATCHES for part in re.findall(r"the `(\w+)` '(\w+)'", patch.what)}
    assert registered - patched - listed == set()


def test_every_command_and_option_of_allennlp_is_listed_with_a_test() -> None:
    rows = re.findall(r"^\| (`.*?|c.*?) \| (.*?) \| `(.*?)::(.*?)` \|$", ALLENNLP_SECTION, re.M)
    for _, _, file, test in rows:
        source = (ROOT / "tests" / "sept_allennlp" / file).read_text()
        assert f"def {test}(" in source, test
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for name in Subcommand.list_available():
        if not name.startswith("sept-"):
            listed = " ".join(row[0] for row in rows if row[0].startswith(f"`{name}"))
            assert listed, name
            command = Subcommand.by_name(name)().add_subparser(subparsers)
            for action in command._actions:
                long_options = [option for option in action.option_strings if option[:2] == "--"]
                if "--help" not in long_options:
                    assert all(option in listed for option in long_options), (name, long_options)
    constructor = GradientDescentTrainer.from_partial_objects
    # Given by the command, or to what is listed under `distributed` and `data_loader`.
    given = {"self", "model", "serialization_dir", "local_rank", "world_size", "kwargs"}
    given |= {"ddp_wrapped_model", "validation_data_loader"}
    for name in infer_params(GradientDescentTrainer, constructor).keys() - given:
        assert name in ALLENNLP_SECTION, name


def anchors(page: Path) -> List[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = [re.sub(r"[^\w\- ]", "", each) for each in re.findall(r"^#+ (.*)$", text, re.M)]
    return [heading.lower().replace(" ", "-") for heading in headings]


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/**/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
