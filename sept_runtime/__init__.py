"""
The light half of SEPT: documents, predictions, their formats and their views. It needs neither
PyTorch nor AllenNLP; what trains is `sept_allennlp`.
"""

from sept_runtime.version import VERSION

__version__ = VERSION

__all__ = ["__version__"]
