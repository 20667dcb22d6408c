"""
SEPT (Span Extractor with Pre-trained Transformers) as an AllenNLP plugin: importing this package
registers its parts.
"""

import os
import warnings

from sept_allennlp import (
    archives,
    commands,
    dataset_readers,
    fields,
    metrics,
    models,
    predictors,
    span_extractors,
    span_filters,
    span_samplers,
    span_scorers,
    token_embedders,
    token_indexers,
    training,
)
from sept_allennlp.annotator import Annotator, Entity, load
from sept_allennlp.config_defaults import set_config_defaults
from sept_allennlp.version import VERSION

__version__ = VERSION

__all__ = [
    "Annotator",
    "Entity",
    "archives",
    "commands",
    "dataset_readers",
    "fields",
    "load",
    "metrics",
    "models",
    "predictors",
    "span_extractors",
    "span_filters",
    "span_samplers",
    "span_scorers",
    "token_embedders",
    "token_indexers",
    "training",
]

set_config_defaults(os.environ)

# AllenNLP's trainer asks for mixed precision by its old name in each epoch, used or not.
warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.", FutureWarning)
