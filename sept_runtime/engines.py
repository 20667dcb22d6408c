"""
What runs an exported model's graphs, and in which numbers: the names alone, which commands know
before they need either.
"""

# The first is what is taken where nothing is said.
ENGINES = ("onnxruntime", "openvino")
PRECISIONS = ("float32", "bfloat16")
