"""
The light half of SEPT: documents, predictions, their formats and views, and exported models.

It needs neither PyTorch nor AllenNLP. Training is in `sept_allennlp`.
"""

from typing import TYPE_CHECKING, Any, Optional, Union

from sept_runtime.version import VERSION

if TYPE_CHECKING:
    from os import PathLike

    from sept_runtime.formats.inputs import read_records
    from sept_runtime.inference.annotator import Annotator

__version__ = VERSION

__all__ = ["__version__", "load", "read_records"]


def __getattr__(name: str) -> Any:
    # Imported when asked for, which keeps `import sept_runtime` light.
    if name == "read_records":
        from sept_runtime.formats.inputs import read_records

        return read_records
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(
    model: "Optional[Union[str, PathLike[str]]]" = None,
    threads: Optional[int] = None,
    engine: str = "onnxruntime",
    precision: str = "float32",
    **options: Any,
) -> "Annotator":
    """
    Load an exported model for annotating texts.

    # Parameters

    model : `Union[str, PathLike]`, optional
        The name of an installed model, or the folder of an exported model. By default, the
        installed model if there is exactly one.
    threads : `int`, optional (default = all cores that this process may use)
    engine : `str`, optional (default = `"onnxruntime"`)
        The engine that runs the model: `"onnxruntime"`, or `"openvino"`, an extra.
    precision : `str`, optional (default = `"float32"`)
        The encoder's precision: `"float32"`; `"bfloat16"`, with OpenVINO on processors that support
        it; or `"int8"`, for a model that was exported with it.
    options :
        The options of `sept_runtime.options.Decoding`, such as `flat` and `min_score`; by default
        as the model was trained.

    # Raises

    `ExportedModelError` if the model is missing or invalid, or the engine is not installed or does
    not support the precision here; `ValueError` for an unknown option, and for a value of a wrong
    type or out of range.
    """
    # Imported when called: who only views predictions needs no model.
    from sept_runtime.models import find_model
    from sept_runtime.onnx import load as load_exported

    return load_exported(find_model(model), threads, engine, precision, **options)
