"""The content of an installation, and the message if the training half is missing."""

import subprocess
import sys
from importlib.metadata import entry_points, requires

import pytest
from packaging.requirements import Requirement


def test_the_base_package_is_light() -> None:
    requirements = [Requirement(text) for text in requires("sept_allennlp") or []]
    base = {r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})}
    assert {"numpy", "onnxruntime", "rich", "tokenizers"} <= base
    assert not base & {
        "allennlp",
        "allennlp-models",
        "torch",
        "transformers",
        "spacy",
        "pandas",
        "onnx",
    }


def test_the_command_and_the_component_are_found() -> None:
    (command,) = entry_points(group="console_scripts", name="sept")
    assert command.value == "sept_runtime.commands:main"
    (factory,) = entry_points(group="spacy_factories", name="sept")
    assert factory.value == "sept_runtime.spacy_component:make_sept"


@pytest.mark.parametrize("missing", ["allennlp", "torch"])
def test_importing_the_training_half_names_missing_packages(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import sept_allennlp"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: sept_allennlp needs AllenNLP and PyTorch")
    assert "make install" in last
