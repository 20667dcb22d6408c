"""
Everything that importing this package changes in AllenNLP, in one list.

Nothing else in this package sets, replaces or filters anything on import.
"""

from importlib import import_module
from typing import Any, Callable, NamedTuple, Optional, Tuple

from allennlp.training import Checkpointer, Trainer, TrainerCallback
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from sept_allennlp.archives import loading
from sept_allennlp.commands import main, predict, push_to_hf
from sept_allennlp.modules import pretrained_parts
from sept_allennlp.training import (
    config_defaults,
    config_keys,
    console,
    evaluation,
    recovery,
    trainer,
)
from sept_allennlp.training.callbacks.log_writers import TensorBoard, WandB
from sept_allennlp.training.checkpointer import RecoverableCheckpointer
from sept_allennlp.training.optimization import ReduceOnPlateau
from sept_allennlp.training.trainer import RecoverableTrainer

# The modules that register parts with AllenNLP by being imported.
PARTS: Tuple[str, ...] = (
    "sept_allennlp.commands",
    "sept_allennlp.data",
    "sept_allennlp.models",
    "sept_allennlp.predictors",
    "sept_allennlp.training.callbacks",
    "sept_allennlp.training.optimization",
    "sept_allennlp.training.trainer",
)


class Patch(NamedTuple):
    """A change in AllenNLP: `what` is changed, the `reason`, and the function that does it."""

    what: str
    reason: str
    install: Callable[[], None]


def replace(
    base: Any, name: str, part: Any, constructor: Optional[str] = None
) -> Callable[[], None]:
    """Return the function that registers a part in place of AllenNLP's of the same name."""
    return lambda: base.register(name, constructor=constructor, exist_ok=True)(part)


PATCHES: Tuple[Patch, ...] = (
    Patch(
        "what the commands print, by `prepare_global_logging` and `TqdmToLogsWriter`",
        "AllenNLP prints more than a thousand lines for a training; they go to its log file",
        console.install,
    ),
    Patch(
        "`load_archive`, and in threads that load an archive also `cached_path`, "
        "`Registrable.resolve_class_name` and transformers' offline mode",
        "archives come from strangers, and AllenNLP's loading downloads, imports and runs what "
        "they name",
        loading.install,
    ),
    Patch(
        "`pop_and_construct_arg`, which makes the parts of a model",
        "`_pretrained` fails where a constructor takes a part as `Lazy`",
        pretrained_parts.install,
    ),
    Patch(
        "`_PredictManager` and `_get_predictor` of `allennlp predict`",
        "AllenNLP's stops at the first bad line, skips empty ones, and ends in a traceback for a "
        "wrong option",
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
        "the `Trainer` 'gradient_descent'",
        "after a kill between two files, AllenNLP's recover an older model or none",
        replace(Trainer, "gradient_descent", RecoverableTrainer, "from_partial_objects"),
    ),
    Patch(
        "the `Checkpointer` 'default'",
        "AllenNLP's leaves half-written files under the names of complete ones",
        replace(Checkpointer, "default", RecoverableCheckpointer),
    ),
    Patch(
        "`SimpleSerializer` of `allennlp evaluate`",
        "AllenNLP's cannot write documents",
        evaluation.install,
    ),
    Patch(
        "the `LearningRateScheduler` 'reduce_on_plateau'",
        "AllenNLP's passes an argument that PyTorch has removed",
        replace(LearningRateScheduler, "reduce_on_plateau", ReduceOnPlateau),
    ),
    Patch(
        "the `TrainerCallback` 'wandb'",
        "AllenNLP's calls a function that wandb has removed",
        replace(TrainerCallback, "wandb", WandB),
    ),
    Patch(
        "the `TrainerCallback` 'tensorboard'",
        "AllenNLP's fails if it has to log the distributions of the first batch",
        replace(TrainerCallback, "tensorboard", TensorBoard),
    ),
    Patch(
        "`push_to_hf` of `allennlp push-to-hf`",
        "AllenNLP's calls functions that huggingface_hub has removed",
        push_to_hf.install,
    ),
    Patch(
        "`print_results_from_args` of `allennlp print-results`",
        "AllenNLP's fails without `--keys`",
        main.install,
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
