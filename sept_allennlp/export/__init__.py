"""
`allennlp sept-export`: write a trained model as a folder that predicts without PyTorch.

`modules` names the PyTorch modules to trace, and `graphs` writes them as ONNX graphs. `check`
compares the predictions of the export and the archive. `int8` adds an encoder in int8, `card`
describes the model, and `folder` puts everything together.
"""

from sept_allennlp.export.check import Agreement
from sept_allennlp.export.errors import ExportError, NotExportable
from sept_allennlp.export.folder import export

__all__ = ["Agreement", "ExportError", "NotExportable", "export"]
