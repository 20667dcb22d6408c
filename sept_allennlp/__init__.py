"""
SEPT (Span Extractor with Pre-trained Transformers) as an AllenNLP plugin: importing this package
registers its parts. What it changes in AllenNLP is listed in `sept_allennlp.plugin`.
"""

from sept_allennlp import (
    archives,
    baselines,
    commands,
    dataset_readers,
    fields,
    metrics,
    models,
    modules,
    plugin,
    predictors,
    span_filter,
    token_embedders,
    token_indexers,
    training,
)
from sept_allennlp.annotator import Annotator, Entity, load
from sept_runtime.version import VERSION

__version__ = VERSION

__all__ = [
    "Annotator",
    "Entity",
    "archives",
    "baselines",
    "commands",
    "dataset_readers",
    "fields",
    "load",
    "metrics",
    "models",
    "modules",
    "plugin",
    "predictors",
    "span_filter",
    "token_embedders",
    "token_indexers",
    "training",
]

plugin.activate()
