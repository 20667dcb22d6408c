"""
SEPT (Span Extractor with Pre-trained Transformers) as an AllenNLP plugin: importing this package
registers its parts. What it changes in AllenNLP is listed in `sept_allennlp.plugin`.
"""

from importlib.util import find_spec

if find_spec("allennlp") is None or find_spec("torch") is None:
    raise ImportError(
        "sept_allennlp needs AllenNLP and PyTorch; install them by 'make install' (pip cannot by "
        "itself: AllenNLP's bounds forbid a current PyTorch). sept_runtime works without them."
    )

from sept_allennlp import archives, commands, data, models, modules, plugin, predictors, training
from sept_allennlp.annotator import AnnotatedText, Annotator, Entity, Relation, load
from sept_allennlp.modules.span_filters import pretrained  # noqa: F401
from sept_allennlp.training import (  # noqa: F401 (these register, and build on models)
    bfloat16_trainer,
    callbacks,
    exponential_average,
    fused_adamw,
)
from sept_runtime.version import VERSION

__version__ = VERSION

__all__ = [
    "AnnotatedText",
    "Annotator",
    "Entity",
    "Relation",
    "archives",
    "commands",
    "data",
    "load",
    "models",
    "modules",
    "plugin",
    "predictors",
    "training",
]

plugin.activate()
