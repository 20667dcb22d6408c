"""
SEPT (Span Extractor with Pre-trained Transformers) as an AllenNLP plugin: importing this package
registers its parts.
"""

import os

from sept_allennlp import (
    commands,
    dataset_readers,
    fields,
    metrics,
    models,
    span_extractors,
    span_samplers,
    token_embedders,
    token_indexers,
    training,
)
from sept_allennlp.config_defaults import set_config_defaults

__version__ = "0.1.0"

set_config_defaults(os.environ)
