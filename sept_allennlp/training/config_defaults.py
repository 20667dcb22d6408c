"""
The few values that every configuration of `training_config/` takes from the environment, and what
they are when the environment does not say.

AllenNLP evaluates a configuration with the environment as jsonnet's external variables, and jsonnet
has no default for one that is missing. So the plugin, which AllenNLP imports before it reads a
configuration, fills in what is missing (`install`).
"""

from typing import Dict, MutableMapping

from allennlp.common import params

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
    # What a teacher has annotated, for a student: files, or the output of `allennlp sept-annotate`.
    "SEPT_TEACHER_ANNOTATIONS": "runs/annotated",
    # Texts that nobody has annotated, for an encoder to adapt to.
    "SEPT_TEXTS": "texts.jsonl.gz",
    # For all three of AllenNLP's random seeds.
    "SEPT_SEED": "13370",
    # "true": refuse to train if a document of the validation data is also in the training data.
    "SEPT_STRICT": "false",
    # A CUDA device's number, -1 for the CPU; "auto" takes a GPU if there is one.
    "SEPT_DEVICE": "auto",
}


def set_config_defaults(environment: MutableMapping[str, str]) -> None:
    """Adds each of `DEFAULTS` that the environment does not have; an empty value counts as none."""
    for name, default in DEFAULTS.items():
        if not environment.get(name):
            environment[name] = default


def install() -> None:
    """
    Has AllenNLP's `Params` evaluate configurations with `DEFAULTS` where the environment does not
    say; the environment itself stays as it is.
    """
    params._environment_variables = config_variables


_allennlp_variables = params._environment_variables


def config_variables() -> Dict[str, str]:
    """What a configuration is evaluated with: the environment, with `DEFAULTS`."""
    variables = _allennlp_variables()
    set_config_defaults(variables)
    return variables
