import json
import os
import tarfile
from pathlib import Path
from typing import Any, Dict

import _jsonnet
import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.params import with_overrides
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model

from sept_allennlp.experiments.errors import SuiteError
from sept_allennlp.experiments.suite import read_suite
from sept_allennlp.experiments.training import read_trainings
from sept_allennlp.training.config_defaults import DEFAULTS, minilm_encoder, set_config_defaults
from tests.experiments import CONFIGS, ENVIRONMENT, FIXTURES, QUICK, experiment, small

# What finds entities, or judges spans; an adapted encoder does neither.
NAMES = sorted(
    {path.name for path in CONFIGS.glob("*.jsonnet")} - {"masked_language_model.jsonnet"}
)
SUITES = sorted(path.name for path in (CONFIGS / "suites").glob("*.jsonnet"))

# Per configuration that trains on another data set than SciERC: its folder and one of its types.
CONLL = {
    "sept_bc5cdr.jsonnet": ("bc5cdr", "Entity"),
    "sept_ncbi_disease.jsonnet": ("NCBI-disease", "Disease"),
    "sept_jnlpba.jsonnet": ("JNLPBA", "cell_type"),
}

# Where a configuration's name ends in one of these: what its embeddings are read from.
EMBEDDINGS = {"glove": ["vectors.txt"], "elmo": ["options.json", "weights.hdf5"]}


def evaluated(name: str, **environment: str) -> Dict[str, Any]:
    """Return a configuration as jsonnet evaluates it in an environment."""
    variables = {k: v for k, v in os.environ.items() if k not in DEFAULTS}
    variables.update(environment)
    set_config_defaults(variables)
    return Params.from_file(str(CONFIGS / name), ext_vars=variables).as_dict()


def test_configurations_are_found() -> None:
    assert "sept.jsonnet" in NAMES


@pytest.mark.trains
@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_trains(name: str, tmp_path: Path) -> None:
    train_model(experiment(QUICK, config=name), str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    label = CONLL[name][1] if name in CONLL else "Method"
    expected = {"f1", f"recall-{label}"}
    if name.startswith("span_filter"):
        expected = {"recall", "filtration_rate", "filtration_rate_at_99_recall"}
    assert {f"best_validation_{metric}" for metric in expected} <= metrics.keys()


def test_the_published_run_is_the_default() -> None:
    config = evaluated("sept.jsonnet")
    encoder = "allenai/scibert_scivocab_uncased"
    assert config["dataset_reader"]["token_indexers"]["tokens"]["model_name"] == encoder
    embedders = config["model"]["text_field_embedder"]["token_embedders"]
    assert embedders["tokens"]["model_name"] == encoder
    assert config["train_data_path"] == (
        "http://nlp.cs.washington.edu/sciIE/data/sciERC_processed.tar.gz"
        "!processed_data/json/train.json"
    )
    assert config["model"]["span_sampler"] == {"type": "random_negatives", "num_negatives": 250}
    assert config["model"]["feedforward"]["num_layers"] == 3
    assert config["model"]["feedforward"]["hidden_dims"] == 500
    assert config["trainer"]["optimizer"] == {"type": "adam", "lr": 2e-5}
    assert config["data_loader"]["batch_size"] == 5
    assert config["trainer"]["num_epochs"] == 150
    assert config["trainer"]["patience"] == 10
    assert config["trainer"]["grad_norm"] == 5.0
    assert "cuda_device" not in config["trainer"]
    assert "calibrate_scores" in config["trainer"]["callbacks"]


@pytest.mark.parametrize("name", NAMES)
def test_environment_variables_change_every_configuration(name: str) -> None:
    config = evaluated(
        name,
        SEPT_ENCODER="an/encoder",
        SEPT_GLOVE="vectors.txt",
        SEPT_ELMO_OPTIONS="options.json",
        SEPT_ELMO_WEIGHTS="weights.hdf5",
        SEPT_DATA="a/folder",
        SEPT_CONLL="sets",
        SEPT_TEACHER_ANNOTATIONS="some/annotations",
        SEPT_SEED="7",
        SEPT_DEVICE="1",
    )
    train = config["train_data_path"]
    if name.startswith("student"):
        *gold, annotated = train
        assert annotated == "some/annotations"
        # The same again and again.
        (train,) = {*gold}
    if name in CONLL:
        files = [f"sets/{CONLL[name][0]}/{split}.txt" for split in ("train", "dev")]
    else:
        files = ["a/folder/train.json", "a/folder/dev.json"]
    assert [train, config["validation_data_path"]] == files
    seeds = [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")]
    assert seeds == [7, 7, 7]
    assert config["trainer"]["cuda_device"] == 1
    files = EMBEDDINGS.get(name.removesuffix(".jsonnet").split("_")[-1], ["an/encoder"])
    assert all(file in json.dumps(config["model"]) for file in files)


def test_an_environment_variable_names_the_texts_to_adapt_to() -> None:
    config = evaluated(
        "masked_language_model.jsonnet",
        SEPT_ENCODER="an/encoder",
        SEPT_TEXTS="texts.jsonl",
        SEPT_SEED="7",
    )
    assert config["train_data_path"] == "texts.jsonl"
    parts = (config["dataset_reader"], config["model"], config["data_loader"]["collate_fn"])
    assert [part["model_name"] for part in parts] == ["an/encoder"] * 3
    assert [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")] == [7, 7, 7]


def test_the_published_taggers_are_the_defaults() -> None:
    optimizers = {"glove": 2e-3, "elmo": 2e-3, "scibert": 5e-5}
    batches = {"glove": 20, "elmo": 20, "scibert": 5}
    for name, lr in optimizers.items():
        config = evaluated(f"crf_{name}.jsonnet")
        assert config["model"]["type"] == "strict_crf_tagger"
        encoder = config["model"]["encoder"]
        assert (encoder["num_layers"], encoder["hidden_size"], encoder["dropout"]) == (2, 200, 0.5)
        assert config["model"]["dropout"] == 0.5
        assert config["trainer"]["optimizer"] == {"type": "adam", "lr": lr}
        assert config["data_loader"]["batch_size"] == batches[name]
        assert config["trainer"]["validation_metric"] == "+f1"
        assert (config["trainer"]["num_epochs"], config["trainer"]["patience"]) == (150, 10)


@pytest.mark.parametrize("name", CONLL)
def test_on_other_data_sets_the_published_model_is_the_same(name: str) -> None:
    published, config = evaluated("sept.jsonnet"), evaluated(name)
    address = f"https://raw.githubusercontent.com/allenai/scibert/master/data/ner/{CONLL[name][0]}"
    assert config.pop("train_data_path") == f"{address}/train.txt"
    assert config.pop("validation_data_path") == f"{address}/dev.txt"
    assert config["dataset_reader"].pop("type") == "conll"
    assert config["model"].pop("decoding") == {"flat": True}
    for path in ("train_data_path", "validation_data_path"):
        del published[path]
    del published["dataset_reader"]["type"]
    assert config == published


def test_any_configuration_can_be_given_another_data_set(tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonnet"
    mine.write_text(
        f"(import '{CONFIGS}/sept_minilm.jsonnet') + (import '{CONFIGS}/conll.libsonnet')('x')"
    )
    config = evaluated(str(mine), SEPT_CONLL="sets", SEPT_ENCODER="encoder")
    minilm = evaluated("sept_minilm.jsonnet", SEPT_ENCODER="encoder")
    assert config["train_data_path"] == "sets/x/train.txt"
    assert config["dataset_reader"]["type"] == "conll"
    assert config["model"] == minilm["model"]
    assert config["trainer"] == minilm["trainer"]


def test_an_empty_variable_counts_as_unset() -> None:
    environment = {"SEPT_SEED": "", "SEPT_DATA": "mine"}
    set_config_defaults(environment)
    assert environment["SEPT_SEED"] == DEFAULTS["SEPT_SEED"]
    assert environment["SEPT_DATA"] == "mine"


@pytest.mark.parametrize("given", ["", "mine", DEFAULTS["SEPT_ENCODER"]])
def test_a_configuration_named_after_minilm_uses_it_by_default(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_ENCODER", given)
    minilm = Params.from_file(str(CONFIGS / "sept_minilm.jsonnet"))
    encoder = minilm["dataset_reader"]["token_indexers"]["tokens"]["model_name"]
    assert encoder == (given or minilm_encoder())
    assert "minilm" in minilm_encoder().lower()
    other = Params.from_file(str(CONFIGS / "sept.jsonnet"))
    encoder = other["dataset_reader"]["token_indexers"]["tokens"]["model_name"]
    assert encoder == (given or DEFAULTS["SEPT_ENCODER"])


def test_without_the_plugin_the_message_says_how_to_load_it() -> None:
    # As AllenNLP evaluates it alone: with the environment, and without the plugin's variables.
    with pytest.raises(RuntimeError, match="undefined external variable: the plugin sept_allennlp"):
        _jsonnet.evaluate_file(str(CONFIGS / "sept_minilm.jsonnet"), ext_vars={"SEPT_SEED": "1"})


def test_data_may_lie_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(FIXTURES / "abstracts", arcname="processed_data/json")
    reader = DatasetReader.from_params(experiment().pop("dataset_reader"))
    instances = list(reader.read(f"{archive}!processed_data/json/dev.json"))
    assert len(instances) == 8


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_can_be_built(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    # Reading it checks that all runs of its tables and figures are there.
    suite = read_suite(CONFIGS / "suites" / name, seed=7)
    if name.startswith("paper"):
        assert {"table1", "table2"} <= {table.name for table in suite.tables}
        assert [figure.name for figure in suite.figures] == ["figure2"]
    for config in suite.runs.values():
        assert config["pytorch_seed"] == 7
        reader = DatasetReader.from_params(Params(config["dataset_reader"]))
        vocabulary = Vocabulary.from_instances(reader.read(config["validation_data_path"]))
        model = Model.from_params(vocab=vocabulary, params=Params(config["model"]))
        assert sum(parameter.numel() for parameter in model.parameters()) > 0


def test_suites_are_found() -> None:
    assert {"paper.jsonnet", "paper_minilm.jsonnet", "accuracy_minilm.jsonnet"} <= {*SUITES}


def test_a_suite_in_folds_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    suite = CONFIGS / "suites" / "accuracy_minilm.jsonnet"
    trainings = read_trainings(suite, tmp_path, [1])
    assert [str(training) for training in trainings if training.run == "prior"] == [
        f"prior/1/fold_{number}_of_5" for number in range(1, 6)
    ]
    for training in trainings:
        assert training.config["trainer"]["callbacks"][-1] == "keep_last_epoch"
        changed = training.config["model"].keys() & {"prior_correction", "relations"}
        expected = {"prior": {"prior_correction"}}
        if "relations" in training.run:
            expected[training.run] = {"relations"}
        assert changed == expected.get(training.run, set())


def test_a_suites_systems_have_the_same_time_to_learn() -> None:
    suite = read_suite(CONFIGS / "suites" / "paper_minilm.jsonnet")
    lines = {line.label: [point.run for point in line.points] for line in suite.figures[0].lines}
    on_scierc = {row.run for table in suite.tables for row in table.rows} | {*lines["SciERC"]}
    assert {suite.runs[run]["trainer"]["num_epochs"] for run in on_scierc} == {10}
    assert {suite.runs[run]["trainer"]["num_epochs"] for run in lines["NCBI-disease"]} == {4}


@pytest.mark.trains
def test_a_suites_systems_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    suite = read_suite(CONFIGS / "suites" / "paper_minilm.jsonnet")
    # One of each kind.
    kinds = {
        (config["model"]["type"], config["trainer"]["optimizer"]["type"]): config
        for config in suite.runs.values()
    }
    assert {model for model, _ in kinds} == {"sept", "sciie", "strict_crf_tagger"}
    for kind, config in kinds.items():
        folder = tmp_path / "-".join(kind)
        train_model(Params(with_overrides(small(config), QUICK)), str(folder))
        assert "best_validation_f1" in json.loads((folder / "metrics.json").read_text())


def test_a_suite_has_one_configuration_for_each_run(tmp_path: Path) -> None:
    # Table 1 and 2 would have the changed sampler, Figure 2 its own for the same run.
    file = tmp_path / "suite.jsonnet"
    changed = "{ model+: { span_sampler: { type: 'all_spans' } } }"
    file.write_text(f"(import '{CONFIGS}/suites/paper.libsonnet')(of_sept={changed})")
    with pytest.raises(SuiteError, match="two configurations for the run 'sept'"):
        read_suite(file)


def test_the_paper_draws_more_and_more_negatives() -> None:
    suite = read_suite(CONFIGS / "suites" / "paper.jsonnet")
    line = suite.figures[0].lines[0]
    samplers = [suite.runs[point.run]["model"]["span_sampler"] for point in line.points]
    assert [point.x for point in line.points] == [50, 100, 250, 500, "all"]
    assert [sampler.get("num_negatives") for sampler in samplers] == [50, 100, 250, 500, None]
    assert samplers[-1] == {"type": "all_spans"}


def test_the_papers_main_run_is_the_configuration_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in DEFAULTS:
        monkeypatch.delenv(variable, raising=False)
    suite = read_suite(CONFIGS / "suites" / "paper.jsonnet")
    assert suite.runs["sept"] == evaluated("sept.jsonnet")
