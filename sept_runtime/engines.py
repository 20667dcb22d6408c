"""
What runs an exported model's graphs, and in which numbers: the names alone, which commands know
before they need either.
"""

from typing import Dict

# The first is what is taken where nothing is said.
ENGINES = ("onnxruntime", "openvino")
# Those of a trained model; the others an export has to have.
TRAINED_PRECISIONS = ("float32", "bfloat16")
PRECISIONS = (*TRAINED_PRECISIONS, "int8")


def chosen(engine: str, precision: str) -> Dict[str, str]:
    """Those of the two that are not what is taken where nothing is said, by option."""
    defaults = {"engine": ENGINES[0], "precision": PRECISIONS[0]}
    given = {"engine": engine, "precision": precision}
    return {option: value for option, value in given.items() if value != defaults[option]}
