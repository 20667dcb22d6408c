"""
The light half of SEPT: documents, predictions, their formats and their views, and exported models.
It needs neither PyTorch nor AllenNLP; what trains is `sept_allennlp`.
"""

from typing import TYPE_CHECKING, Any, Optional, Union

from sept_runtime.version import VERSION

if TYPE_CHECKING:
    from os import PathLike

    from sept_runtime.inference.annotator import Annotator

__version__ = VERSION

__all__ = ["__version__", "load"]


def load(
    folder: "Union[str, PathLike[str]]",
    threads: Optional[int] = None,
    engine: str = "onnxruntime",
    precision: str = "float32",
    **options: Any,
) -> "Annotator":
    """
    Loads an exported model for annotating texts.

    # Parameters

    folder : `Union[str, PathLike]`
        What `allennlp sept-export` has written.
    threads : `int`, optional (default = as many as there are cores to use)
    engine : `str`, optional (default = `"onnxruntime"`)
        What runs the model; or `"openvino"`, an extra.
    precision : `str`, optional (default = `"float32"`)
        In which numbers; or `"bfloat16"`, with OpenVINO on processors with instructions for it, or
        `"int8"`, of a model that was exported with it.
    options :
        `flat`, `min_score`, `top_labels`, as for `sept_runtime.decoding.Decoding`; what is left out
        stays as the model has it.

    # Raises

    `sept_runtime.onnx.ExportedModelError` if there is none, or it is not one to load, or the
    engine is not installed or cannot do that here; `ValueError` for options that are none.
    """
    # Only now: whoever looks at predictions needs no model.
    from sept_runtime.onnx import load as load_exported

    return load_exported(folder, threads, engine, precision, **options)
