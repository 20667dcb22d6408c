"""The modules that importing the light half loads, in new processes."""

import json
import pkgutil
import subprocess
import sys
from typing import Set

import pytest

import sept_runtime

# What 'import sept_runtime' and the command 'sept' may load besides the standard library: what
# setup.cfg installs without extras, and what that needs; attr is what rich looks for, needing it or
# not.
LIGHT = {
    "backports",
    "sept_runtime",
    "attr",
    "jinja2",
    "msgspec",
    "markupsafe",
    "numpy",
    "rich",
    "typing_extensions",
}

# What needs an extra and is imported by its command alone, or by spaCy.
EXTRAS = ("corpus", "formats.exchange.inception", "formats.exchange.spacy_docs", "serving",
          "spacy_component", "views.charts")  # fmt: skip

MODULES = [
    module.name
    for module in pkgutil.walk_packages(sept_runtime.__path__, "sept_runtime.")
    if not module.name.startswith(tuple(f"sept_runtime.{name}" for name in EXTRAS))
]


def loaded_by(statement: str, after: str = "") -> Set[str]:
    """Return the packages that a statement loads in a new process, without the standard library."""
    lines = [
        "import json, sys",
        after,
        "before = set(sys.modules)",
        statement,
        "print(json.dumps(sorted(set(sys.modules) - before)))",
    ]
    run = [sys.executable, "-c", "\n".join(lines)]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    packages = {name.partition(".")[0] for name in json.loads(output)}
    # Modules that Cython makes for what it has compiled, older releases of numpy for one.
    packages = {name for name in packages if "cython" not in name}
    return packages - set(sys.stdlib_module_names)


def test_importing_the_package_imports_no_other() -> None:
    assert loaded_by("import sept_runtime") == {"sept_runtime"}


def test_all_of_the_light_half_is_light() -> None:
    loaded = loaded_by(f"import {', '.join(MODULES)}")
    assert loaded <= LIGHT, loaded - LIGHT


def test_a_worker_of_an_exported_model_needs_no_training_half() -> None:
    pytest.importorskip("pyarrow")
    loaded = loaded_by("import sept_runtime.corpus.run")
    heavy = {"sept_allennlp", "allennlp", "torch", "transformers", "ray", "onnxruntime"}
    assert not loaded & heavy, loaded


def test_the_command_is_light() -> None:
    loaded = loaded_by("from sept_runtime.commands import main")
    # Arrays are for models.
    assert loaded <= LIGHT - {"numpy"}, loaded


def test_spacy_finds_the_component_without_the_training_half() -> None:
    pytest.importorskip("spacy")
    # spaCy itself loads PyTorch where there is one.
    statement = 'assert spacy.blank("en").has_factory("sept")'
    loaded = loaded_by(statement, after="import spacy")
    assert not loaded & {"sept_allennlp", "allennlp", "torch", "transformers", "pandas"}, loaded
    assert "sept_runtime" in loaded
