"""AllenNLP's own commands and their options, as docs/training.md lists them."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.commands import main
from huggingface_hub import ModelCard
from huggingface_hub.hf_api import RepoUrl

import sept_runtime
from sept_allennlp.commands import push_to_hf
from sept_allennlp.commands.main import main as main_with_plugin
from tests.experiments import FIXTURES, QUICK, experiment

DEV = str(FIXTURES / "abstracts" / "dev.json")
TEST = str(FIXTURES / "abstracts" / "test.json")

Run = Callable[..., None]


@pytest.fixture
def allennlp(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of AllenNLP in this process."""

    def run(*arguments: Any) -> None:
        monkeypatch.setattr("sys.argv", ["allennlp", *map(str, arguments)])
        main()

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the file of a configuration that trains for a moment."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(experiment(QUICK).as_dict(quiet=True)))
    return path


def read_json(path: Path) -> Dict[str, Any]:
    return json.loads(path.read_text())


def read_lines(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.trains
def test_train_force_overrides_and_logging(allennlp: Run, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    overrides = '{"trainer.optimizer.lr": 0.5}'
    options = ["-o", overrides, "--file-friendly-logging", "--include-package", "sept_allennlp"]
    allennlp("train", config, "-s", run, *options)
    assert read_json(run / "config.json")["trainer"]["optimizer"]["lr"] == 0.5
    assert (run / "model.tar.gz").exists()
    (run / "old").touch()
    allennlp("train", config, "-s", run, "--force")
    assert not (run / "old").exists()
    assert read_json(run / "config.json")["trainer"]["optimizer"]["lr"] != 0.5


def test_train_dry_run_writes_only_the_vocabulary(
    allennlp: Run, config: Path, tmp_path: Path
) -> None:
    allennlp("train", config, "-s", tmp_path / "run", "--dry-run")
    assert (tmp_path / "run" / "vocabulary" / "labels.txt").exists()
    assert not list((tmp_path / "run").glob("*.th"))


def test_evaluate_several_files_with_predictions(
    allennlp: Run, trained_archive: str, tmp_path: Path
) -> None:
    metrics = f"{tmp_path}/dev.json,{tmp_path}/test.json"
    predictions = f"{tmp_path}/dev.jsonl,{tmp_path}/test.jsonl"
    options = ["--output-file", metrics, "--predictions-output-file", predictions]
    allennlp("evaluate", trained_archive, f"{DEV},{TEST}", *options, "--batch-size", 2)
    for name, file in (("dev", DEV), ("test", TEST)):
        assert 0 <= read_json(tmp_path / f"{name}.json")["f1"] <= 1
        lines = read_lines(tmp_path / f"{name}.jsonl")
        expected = read_lines(Path(file))
        assert [line["doc_key"] for line in lines] == [line["doc_key"] for line in expected]
        # With the gold annotation, as the views read it.
        assert [line["ner"] for line in lines] == [line["ner"] for line in expected]
        assert all("entities" in line for line in lines)


def test_evaluate_predictions_of_a_model_without_entities(
    allennlp: Run, filter_archive: str, tmp_path: Path
) -> None:
    target = tmp_path / "filtered.jsonl"
    allennlp("evaluate", filter_archive, DEV, "--predictions-output-file", target)
    keys = [field["doc_key"] for line in read_lines(target) for field in line["metadata"]]
    assert keys == [line["doc_key"] for line in read_lines(Path(DEV))]


def test_evaluate_auto_names(allennlp: Run, trained_archive: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    shutil.copy(DEV, file)
    # The names are ignored, but AllenNLP asks for them.
    files = ["--output-file", "metrics", "--predictions-output-file", "predictions"]
    allennlp("evaluate", trained_archive, file, "--auto-names", "ALL", *files)
    assert "f1" in read_json(tmp_path / "mine.outputs")
    assert len(read_lines(tmp_path / "mine.preds")) == len(read_lines(file))


def test_evaluate_overrides_and_weights(
    allennlp: Run, trained_archive: str, tmp_path: Path
) -> None:
    # No span can have a probability of more than one.
    weights = torch.load(Path(trained_archive).with_name("best.th"))
    weights["_output.weight"].zero_()
    torch.save(weights, tmp_path / "weights.th")
    overrides = '{"model.decoding.min_score": 1.0}'
    options = ["--weights-file", tmp_path / "weights.th", "-o", overrides]
    metrics = tmp_path / "metrics.json"
    allennlp("evaluate", trained_archive, DEV, *options, "--output-file", metrics)
    changed = read_json(metrics)
    allennlp("evaluate", trained_archive, DEV, "--output-file", metrics)
    assert changed["recall"] == 0.0
    assert changed["loss"] != read_json(metrics)["loss"]


def test_evaluate_remaining_options(allennlp: Run, trained_archive: str, tmp_path: Path) -> None:
    options = ["--cuda-device", -1, "--batch-weight-key", "loss", "--file-friendly-logging"]
    vocabulary = ["--extend-vocab", "--embedding-sources-mapping", "{}"]
    target = tmp_path / "metrics.json"
    allennlp("evaluate", trained_archive, DEV, *options, *vocabulary, "--output-file", target)
    assert "f1" in read_json(target)


def test_predict_options(
    allennlp: Run, trained_archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "predicted.jsonl"
    weights = Path(trained_archive).with_name("best.th")
    overrides = '{"model.decoding.min_score": 1.0}'
    options = ["--weights-file", weights, "-o", overrides, "--predictor", "sept"]
    more = ["--batch-size", 2, "--cuda-device", -1, "--silent", "--file-friendly-logging"]
    allennlp("predict", trained_archive, DEV, "--output-file", target, *options, *more)
    lines = read_lines(target)
    assert [line["doc_key"] for line in lines] == [
        line["doc_key"] for line in read_lines(Path(DEV))
    ]
    assert all(line["entities"] == [] for line in lines)
    reader = ["--use-dataset-reader", "--dataset-reader-choice", "train"]
    # What the predictor's constructor takes beside the model and the reader.
    arguments = ["--predictor-args", '{"min_score": 1.0}']
    capsys.readouterr()
    allennlp("predict", trained_archive, DEV, *reader, *arguments)
    assert len(capsys.readouterr().out.splitlines()) >= len(lines)


def test_checklist_is_not_offered(allennlp: Run, capsys: pytest.CaptureFixture[str]) -> None:
    # It needs a package that is not installed; its suites are for sentiment, questions, entailment.
    with pytest.raises(SystemExit):
        allennlp("checklist", "model.tar.gz", "sentiment-analysis")
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.trains
def test_find_lr(allennlp: Run, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "rates"
    allennlp("find-lr", config, "-s", run, "--num-batches", 11, "--start-lr", 1e-5, "--linear")
    assert (run / "lr-losses.png").exists()


def test_build_vocab_and_train_from_it(allennlp: Run, config: Path, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocabulary.tar.gz"
    allennlp("build-vocab", config, vocabulary)
    with tarfile.open(vocabulary) as archive:
        archive.extractall(tmp_path / "vocabulary", filter="data")
    assert (tmp_path / "vocabulary" / "labels.txt").exists()
    source = {"type": "from_files", "directory": str(vocabulary)}
    options = ["--dry-run", "-o", json.dumps({"vocabulary": source})]
    allennlp("train", config, "-s", tmp_path / "run", *options)
    written = (tmp_path / "run" / "vocabulary" / "labels.txt").read_text()
    assert written == (tmp_path / "vocabulary" / "labels.txt").read_text()


def test_count_instances(allennlp: Run, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    allennlp("count-instances", config)
    assert "Success! One epoch of training contains 8 instances." in capsys.readouterr().out


def test_diff(
    allennlp: Run, trained_archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = Path(trained_archive).with_name("best.th")
    weights = torch.load(best)
    weights["other"] = weights.pop("_output.bias")
    torch.save(weights, tmp_path / "other.th")
    allennlp("diff", best, tmp_path / "other.th")
    out = capsys.readouterr().out
    assert "_output.bias" in out and "other" in out


def test_print_results(
    allennlp: Run, trained_archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(trained_archive).parent
    allennlp("print-results", folder, "--keys", "best_validation_f1", "missing")
    metrics = read_json(folder / "metrics.json")
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "model_run, best_validation_f1, missing",
        f"{folder}/metrics.json, {metrics['best_validation_f1']}, N/A",
    ]


def test_print_results_without_keys(
    allennlp: Run, trained_archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(trained_archive).parent
    allennlp("print-results", folder, "--metrics-filename", "metrics.json")
    head, row = (line.split(", ") for line in capsys.readouterr().out.splitlines())
    metrics = read_json(folder / "metrics.json")
    assert {"best_epoch", "best_validation_f1", "best_validation_loss"} <= set(head)
    assert row[head.index("best_validation_f1")] == str(metrics["best_validation_f1"])
    assert not any("Method" in key for key in head)


def test_the_command_loads_the_plugin_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["allennlp", "--help"])
    with pytest.raises(SystemExit):
        main_with_plugin()
    assert "sept-export" in capsys.readouterr().out


def test_cached_path(allennlp: Run, capsys: pytest.CaptureFixture[str]) -> None:
    allennlp("cached-path", DEV)
    assert DEV in capsys.readouterr().out


def test_test_install(allennlp: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="allennlp"):
        allennlp("test-install")
    assert "AllenNLP version" in caplog.text


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder in the place of the Hugging Face Hub, and return it."""
    root = tmp_path / "hf"

    class Api:
        def __init__(self, token: Any) -> None:
            assert token is True

        def create_repo(self, repo_id: str, *, exist_ok: bool) -> RepoUrl:
            assert exist_ok
            return RepoUrl(f"https://huggingface.co/{repo_id}")

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
            shutil.copytree(folder_path, root / repo_id)

    monkeypatch.setattr(push_to_hf, "HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name: str(root / name))
    return root


@pytest.mark.parametrize("what", ["--serialization-dir", "--archive-path"])
def test_push_a_trained_model(
    what: str, allennlp: Run, trained_archive: str, hub: Path, tmp_path: Path
) -> None:
    is_folder = what == "--serialization-dir"
    model = Path(trained_archive).parent if is_folder else trained_archive
    options = ["--organization", "org", "--local-repo-path", tmp_path / "local"]
    allennlp("push-to-hf", "--repo-name", "sept", what, model, *options)
    pushed = hub / "org" / "sept"
    assert {"README.md", "config.json", "vocabulary", "weights.th"} <= {
        file.name for file in pushed.iterdir()
    }
    card = ModelCard.load(pushed / "README.md").data
    assert (card.license, card.library_name) == ("apache-2.0", "allennlp")
    assert "named-entity-recognition" in card.tags
    if is_folder:
        metrics = read_json(Path(trained_archive).with_name("metrics.json"))
        values = {result.metric_type: result.metric_value for result in card.eval_results}
        assert values["f1"] == metrics["best_validation_f1"]
        assert card.datasets == ["abstracts"]


@pytest.mark.exports
def test_push_and_load_an_exported_model(
    allennlp: Run, exported_model: Path, hub: Path, tmp_path: Path
) -> None:
    options = ["--organization", "org", "--local-repo-path", tmp_path / "local"]
    allennlp("push-to-hf", "--repo-name", "sept", "-s", exported_model, *options)
    card = ModelCard.load(hub / "org" / "sept" / "README.md")
    assert card.data.library_name == "sept_runtime"
    # The export's own card follows the header.
    assert card.text.strip() == (exported_model / "README.md").read_text().strip()
    text = "We train a parser."
    assert sept_runtime.load("org/sept")(text) == sept_runtime.load(exported_model)(text)


def test_only_models_can_be_pushed(allennlp: Run, hub: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="neither a finished training nor an exported model"):
        allennlp("push-to-hf", "-n", "sept", "-s", tmp_path, "-l", tmp_path / "local")


def test_a_hub_model_that_is_missing(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise OSError("404 Not Found\nurl")

    monkeypatch.setattr("huggingface_hub.snapshot_download", missing)
    with pytest.raises(
        sept_runtime.errors.ExportedModelError, match=r"no model .* downloaded .* \(404 Not Found\)"
    ):
        sept_runtime.load("org/missing")
