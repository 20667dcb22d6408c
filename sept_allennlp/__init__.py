"""
SEPT (Span Extractor with Pre-trained Transformers) as an AllenNLP plugin.

Importing this package registers its parts. What it changes in AllenNLP is listed in
`sept_allennlp.plugin`.
"""

from importlib.util import find_spec

if find_spec("allennlp") is None or find_spec("torch") is None:
    raise ImportError(
        "sept_allennlp needs AllenNLP and PyTorch. Run 'make install' (pip cannot resolve them: "
        "AllenNLP's bounds exclude a current PyTorch). sept_runtime works without them."
    )

from sept_allennlp import plugin
from sept_allennlp.annotator import AnnotatedText, Annotator, Entity, Relation, load
from sept_runtime.version import VERSION

__version__ = VERSION

__all__ = ["AnnotatedText", "Annotator", "Entity", "Relation", "load", "plugin"]

plugin.activate()
