import gc
import hashlib
import io
import json
import logging
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

# Before torch is imported. Tests run in as many processes as there are cores, and some start
# more: with more than one thread each they would be in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell's background processes ignore Ctrl-C, and so would the processes that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("tests.sept_allennlp.models.checks")

# The same inputs in every run of the suite; "make fuzz" looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile(
    "fuzz", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("suite")

TINY_ENCODER = Path(__file__).parents[1] / "fixtures" / "tiny_encoder"


@pytest.fixture(scope="session")
def tiny_encoder() -> str:
    """Return the folder of a pre-trained encoder that takes 64 pieces at once, 16 wide."""
    return str(TINY_ENCODER)


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Seed the generators, so that no test depends on what ran before it in the same process."""
    random.seed(0)
    # Tests of the light half may have loaded neither.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def walk_packages_once() -> Iterator[None]:
    """
    Let AllenNLP look through the modules of packages only once. Otherwise, it does so for each
    command and each loaded model, which takes a second.
    """
    # Not for tests that are about something else, some of which run alone.
    if "allennlp" not in sys.modules:
        yield
        return
    from allennlp import commands
    from allennlp.common import plugins, util

    walk, walked = util.import_module_and_submodules, set()

    def walk_once(package_name: str, exclude: Optional[Set[str]] = None) -> None:
        if package_name not in walked:
            walk(package_name, exclude)
        if package_name in ("allennlp", "allennlp_models", "sept_allennlp"):
            walked.add(package_name)

    with pytest.MonkeyPatch.context() as patch:
        for module in (commands, plugins, util):
            patch.setattr(module, "import_module_and_submodules", walk_once)
        yield


@pytest.fixture(autouse=True)
def no_messages_of_earlier_trainings() -> Iterator[None]:
    """Remove the handler by which a training prints, as later tests read what is printed."""
    yield
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler).__module__ == "sept_allennlp.training.console":
            root.removeHandler(handler)


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., str]:
    """Write objects (as JSON) and strings (as they are) to a file, one a line; return its path."""

    def write(*lines: Any, name: str = "abstracts.jsonl") -> str:
        path = tmp_path / name
        path.write_text(
            "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines),
            encoding="utf-8",
        )
        return str(path)

    return write


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all of pytest's processes share."""
    folder = tmp_path_factory.getbasetemp()
    # Each process has its own folder in that one.
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def train_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """
    Return a function that trains a model once for all of pytest's processes, and returns its
    archive.
    """
    from allennlp.commands.train import train_model

    from tests.experiments import experiment

    folder = _shared(tmp_path_factory)

    def train(name: str, overrides: Dict[str, Any], config: str = "sept_minilm.jsonnet") -> str:
        archive = folder / name / "model.tar.gz"
        with FileLock(folder / f"{name}.lock"):
            if not archive.exists():
                train_model(experiment(overrides, config), str(archive.parent), force=True)
        return str(archive)

    return train


@pytest.fixture(scope="session")
def trained_archive(train_once: Callable[..., str]) -> str:
    """Return the archive of a SEPT that was trained briefly: mostly wrong, with low scores."""
    return train_once("sept", {"trainer.num_epochs": 2, "trainer.optimizer.lr": 0.01})


@pytest.fixture(scope="session")
def related_archive(train_once: Callable[..., str]) -> str:
    """Return the archive of a briefly trained SEPT that also finds relations."""
    overrides = {"trainer.num_epochs": 2, "trainer.optimizer.lr": 0.01}
    return train_once("related", overrides, "sept_minilm_relations.jsonnet")


@pytest.fixture(scope="session")
def filter_archive(train_once: Callable[..., str]) -> str:
    """Return the archive of a briefly trained span filter with a threshold."""
    overrides = {"model.threshold": {"recall": 0.5}}
    return train_once("filter", overrides, "span_filter_light.jsonnet")


@pytest.fixture(scope="session")
def encoders_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """
    Export the graph of each encoder once for all of pytest's processes. It takes seconds, and most
    tests export the same encoder with the same weights.
    """
    import torch

    from sept_allennlp.export import folder
    from sept_allennlp.export.modules import TracedNetwork

    made = _shared(tmp_path_factory) / "encoders"
    made.mkdir(exist_ok=True)
    write = folder.write_encoder

    def write_once(network: TracedNetwork, path: Path) -> None:
        # No two encoders in the tests differ in anything but these.
        content = io.BytesIO()
        torch.save(list(network.encoder.state_dict().items()), content)
        content.write(repr((network.encoder, network.windows, path.name)).encode())
        graph = made / f"{hashlib.sha256(content.getbuffer()).hexdigest()}.onnx"
        with FileLock(f"{graph}.lock"):
            if not graph.exists():
                write(network, path)
                shutil.copy(path, graph)
        shutil.copy(graph, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "write_encoder", write_once)
        yield


@pytest.fixture(scope="session")
def export_once(encoders_once: None) -> Callable[[str], Path]:
    """Export an archive that several tests read, once for all of pytest's processes."""
    from sept_allennlp.export import export

    def run(archive: str) -> Path:
        folder = Path(archive).with_name("exported")
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                export(archive, folder)
        return folder

    return run


@pytest.fixture(scope="session")
def exported_model(trained_archive: str, export_once: Callable[[str], Path]) -> Path:
    """Return the folder to which `trained_archive` was exported. Tests must not write to it."""
    return export_once(trained_archive)


@pytest.fixture(scope="session")
def int8_model(trained_archive: str, encoders_once: None) -> Path:
    """
    Return the folder to which `trained_archive` was exported with int8. Tests must not write to it.
    """
    from sept_allennlp.export import export
    from sept_runtime.formats.scierc import read_scierc

    folder = Path(trained_archive).with_name("exported_int8")
    texts = read_scierc(str(TINY_ENCODER.parent / "abstracts" / "train.json"))
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            export(trained_archive, folder, int8_texts=texts)
    return folder


@pytest.fixture(scope="session")
def related_model(related_archive: str, export_once: Callable[[str], Path]) -> Path:
    """Return the folder to which `related_archive` was exported. Tests must not write to it."""
    return export_once(related_archive)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Exclude what is imported from garbage collection: a million objects that stay alive."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """
    Run tests that start processes first, because they take longest. Those of one folder run one
    after the other in the same process of pytest, because they share a Ray cluster or need all
    cores.
    """
    for item in items:
        if item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)
