import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, List

import pytest

import sept_runtime
from sept_runtime.commands import main
from sept_runtime.errors import ExportedModelError
from sept_runtime.models import ModelPackage, find_model, installed_models, key_figures

TEXT = "We train a small model on a corpus of documents for parsing."

REPOSITORY = Path(sept_runtime.__file__).parents[1]


def install_by_hand(site: Path, name: str, module: str, version: str = "1.0.0") -> Path:
    """Lay out what pip would, and return the empty folder for the model."""
    info = site / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[sept_models]\n{name} = {module}\n")
    folder = site / module / "model"
    folder.mkdir(parents=True)
    # Finding a model must not run its package's code.
    (folder.parent / "__init__.py").write_text("raise AssertionError('code ran')\n")
    return folder


def pip_install(site: Path, package: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([*command, *options, str(package)], check=True)


def sept(site: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `sept` in an environment in which the packages of `site` are installed, too."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(REPOSITORY)])}
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / "sept_without_sockets.py"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def without_scores(output: Dict[str, Any]) -> List[Any]:
    return [(entity["text"], entity["label"], entity["start"]) for entity in output["entities"]]


@pytest.mark.parametrize("form", ["wheel", "source"])
def test_an_installed_package_predicts_without_a_network(
    exported_model: Path, form: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    package, site = tmp_path / "made", tmp_path / "site"
    options = ["--name", "tiny-terms", "--package-version", "2.1", "-o", str(package)]
    options += ["--source"] if form == "source" else []
    main(["package", str(exported_model), *options])
    written = Path(capsys.readouterr().out.strip())
    expected = "made" if form == "source" else "sept_model_tiny_terms-2.1-py3-none-any.whl"
    assert written.name == expected
    pip_install(site, written)

    listed = sept(site, tmp_path, "models")
    assert listed.stdout.startswith(f"tiny-terms 2.1  {site}"), listed.stderr
    assert "| validation | entities | " in listed.stdout

    (expected_output,) = sept_runtime.load(exported_model).annotate([TEXT])
    for arguments in ([], ["--model", "tiny-terms"]):
        run = sept(site, tmp_path, "predict", *arguments, "--text", TEXT, "--min-score", "0")
        assert run.returncode == 0, run.stderr
        (output,) = map(json.loads, run.stdout.splitlines())
        assert without_scores(output) == [(e.text, e.label, e.start) for e in expected_output]
        assert output["entities"]


def test_the_same_model_makes_the_same_wheel(exported_model: Path, tmp_path: Path) -> None:
    first, again = (
        ModelPackage(exported_model, "terms", summary="Finds\nterms").write_wheel(tmp_path / name)
        for name in ("first", "again")
    )
    assert first.read_bytes() == again.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    with zipfile.ZipFile(first) as wheel:
        metadata = wheel.read("sept_model_terms-1.0.0.dist-info/METADATA").decode()
        card = wheel.read("sept_model_terms/model/README.md").decode()
    head, _, description = metadata.partition("\n\n")
    assert "Name: sept-model-terms" in head and "Summary: Finds terms" in head
    assert description == card == (exported_model / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--name", "a b"], "'a b' is not a valid name: use letters, digits, '-' and '_'"),
        (["--name", "../a"], "'../a' is not a valid name"),
        (["--name", "a", "--package-version", "new"], "'new' is not a valid version"),
    ],
)
def test_names_and_versions_are_checked(
    exported_model: Path, options: List[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["package", str(exported_model), *options, "-o", str(tmp_path / "dist")])
    assert str(error.value).startswith("sept package: ") and message in str(error.value)
    assert not (tmp_path / "dist").exists()


def test_a_source_folder_is_not_overwritten(exported_model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportedModelError, match="must be new or empty"):
        ModelPackage(exported_model, "terms").write_source(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_models_are_found_by_name_or_if_only_one_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ExportedModelError, match="^no model is installed; install one with pip"):
        find_model()
    first = install_by_hand(tmp_path / "site", "terms", "sept_model_terms")
    assert find_model() == find_model("terms") == first
    assert installed_models()["terms"].version == "1.0.0"

    second = install_by_hand(tmp_path / "site", "cells", "sept_model_cells")
    assert find_model("cells") == second
    with pytest.raises(ExportedModelError, match="choose one of them: cells, terms$"):
        find_model()
    with pytest.raises(ExportedModelError, match=r"^genes: .*\(installed: cells, terms\)$"):
        find_model("genes")


def test_a_folder_of_an_exported_model_comes_before_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site")
    installed = install_by_hand(tmp_path / "site", "terms", "sept_model_terms")
    monkeypatch.chdir(tmp_path)
    # A folder of the same name that holds something else.
    Path("terms").mkdir()
    assert find_model("terms") == installed
    Path("terms", "sept.json").write_text("{}")
    assert find_model("terms") == Path("terms")


def test_other_files_than_models_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"")
    with pytest.raises(ExportedModelError, match="must be the folder of an exported model, found"):
        find_model(archive)
    with pytest.raises(ExportedModelError, match=r"holds no exported model \(sept.json is missing"):
        find_model(tmp_path)


def test_a_removed_package_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    folder = install_by_hand(tmp_path, "terms", "sept_model_terms")
    (folder.parent / "__init__.py").unlink()
    folder.rmdir()
    folder.parent.rmdir()
    assert installed_models() == {}


def test_key_figures_are_the_first_table_of_the_scores() -> None:
    card = (
        "# A\n| no | score |\n\n## Scores\n\nOf folds:\n\n| F1 |\n| --- |\n| .7 |\n\n| x |\n# B\n"
    )
    assert key_figures(card) == ["| F1 |", "| --- |", "| .7 |"]
    assert key_figures("# A\n\n## Scores\n\nNot known.\n\n## Use\n\n| a |\n") == []


def test_messages_name_commands_of_the_training_half_only_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"")
    with pytest.raises(ExportedModelError, match="export an archive with 'allennlp sept-export'$"):
        find_model(archive)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExportedModelError) as error:
        find_model(archive)
    assert "'allennlp" not in str(error.value)
    assert str(error.value).endswith("where the training half of sept_allennlp is installed")
