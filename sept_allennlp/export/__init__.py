"""
`allennlp sept-export`: a trained model as a folder that `sept_runtime` predicts with, without
PyTorch and AllenNLP. Which graphs there are, the parts of the model say themselves
(`sept_allennlp.modules.exporting`); `graphs` writes them, `check` compares what they predict with
what the archive does (`pair_check` of relations), `int8` adds an encoder in int8
(`quantized_graph`), `card` describes the model, and `folder` puts the folder together.
"""

from sept_allennlp.export.check import Agreement
from sept_allennlp.export.errors import ExportError
from sept_allennlp.export.folder import export

__all__ = ["Agreement", "ExportError", "export"]
