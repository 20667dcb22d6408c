"""
Everything that importing this package changes in AllenNLP, in one list.

Nothing else in this package sets, replaces or filters anything on import.
"""

from importlib import import_module
from typing import Callable, NamedTuple, Tuple

from sept_allennlp.archives import loading
from sept_allennlp.commands import predict
from sept_allennlp.training import config_defaults, config_keys, recovery, trainer

# The modules that register parts with AllenNLP by being imported.
PARTS: Tuple[str, ...] = (
    "sept_allennlp.commands",
    "sept_allennlp.data",
    "sept_allennlp.models",
    "sept_allennlp.modules.span_filters.pretrained",
    "sept_allennlp.predictors",
    "sept_allennlp.training.callbacks",
    "sept_allennlp.training.checkpointer",
    "sept_allennlp.training.optimization",
    "sept_allennlp.training.trainer",
)


class Patch(NamedTuple):
    """A change in AllenNLP: `what` is changed, the `reason`, and the function that does it."""

    what: str
    reason: str
    install: Callable[[], None]


PATCHES: Tuple[Patch, ...] = (
    Patch(
        "`load_archive`, and in threads that load an archive also `cached_path`, "
        "`Registrable.resolve_class_name` and transformers' offline mode",
        "archives come from strangers, and AllenNLP's loading downloads, imports and runs what "
        "they name",
        loading.install,
    ),
    Patch(
        "`_PredictManager` of `allennlp predict`",
        "AllenNLP's stops at the first bad line and skips empty ones",
        predict.install,
    ),
    Patch(
        "the variables that `Params` gives to jsonnet",
        "the configurations' variables have defaults, and jsonnet has no way to say so",
        config_defaults.install,
    ),
    Patch(
        "`create_kwargs`, which reads a configuration's keys",
        "AllenNLP ignores a misspelled key of its trainer, and reports others without their place",
        config_keys.install,
    ),
    Patch(
        "the folder, the metrics, the configuration and the archive that `allennlp train` writes",
        "a training that is killed while it writes must be recoverable, and two trainings must not "
        "write to one folder",
        recovery.install,
    ),
    Patch(
        "`amp` of the trainer",
        "the name by which AllenNLP asks for mixed precision warns in each epoch",
        trainer.install,
    ),
)


def activate() -> None:
    """Register the parts and make the changes. Idempotent."""
    for part in PARTS:
        import_module(part)
    for patch in PATCHES:
        patch.install()
