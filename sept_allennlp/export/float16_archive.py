"""Archives of half the size: weights in float16, which are converted back when they are loaded."""

import io
import os
import tarfile
import uuid
from pathlib import Path
from typing import Any, Dict

import torch

from sept_allennlp.export.errors import ExportError

_WEIGHTS = "weights.th"
# Smaller tensors, such as biases, normalizations and temperatures, stay in float32.
_MIN_ELEMENTS = 1024
# No weights of this size are an honest archive's, and no other member is read into memory.
_MAX_WEIGHTS_SIZE = 16 * 2**30


def write_float16_archive(archive: Path, output: Path) -> None:
    """
    Write a copy of an archive whose large weights are in float16.

    The copy is an AllenNLP archive like the original: a model is made in float32, and PyTorch
    converts the weights when it copies them into the model. `output` appears when it is complete.

    # Parameters

    archive : `Path`
        A `model.tar.gz` that was loaded and found valid before.
    output : `Path`

    # Raises

    `ExportError` if `archive` is a folder or `output` is the archive itself.
    """
    if archive.is_dir():
        raise ExportError(f"{archive}: --archive-float16 needs a model.tar.gz, not a folder")
    if output.exists() and output.samefile(archive):
        raise ExportError(f"{output}: --archive-float16 must name another file than the archive")
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}-{uuid.uuid4().hex}")
    try:
        with tarfile.open(archive, "r:gz") as source, tarfile.open(temporary, "w:gz") as target:
            for member in source:
                content = source.extractfile(member) if member.isfile() else None
                if content is not None and Path(member.name).name == _WEIGHTS:
                    half = io.BytesIO()
                    weights = io.BytesIO(content.read(_MAX_WEIGHTS_SIZE))
                    torch.save(
                        to_float16(torch.load(weights, map_location="cpu", weights_only=True)), half
                    )
                    member.size = half.tell()
                    half.seek(0)
                    target.addfile(member, half)
                else:
                    target.addfile(member, content)
        os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)


def to_float16(state: Dict[str, Any]) -> Dict[str, Any]:
    """Return a model's state with its large float32 tensors in float16, where they fit."""
    limit = torch.finfo(torch.float16).max
    converted: Dict[int, torch.Tensor] = {}
    result: Dict[str, Any] = {}
    for name, tensor in state.items():
        result[name] = tensor
        if tensor.dtype == torch.float32 and tensor.numel() >= _MIN_ELEMENTS:
            # Tensors that share their memory are stored once.
            key = tensor.data_ptr()
            if key not in converted and bool(tensor.abs().max() <= limit):
                converted[key] = tensor.half()
            if key in converted and converted[key].shape == tensor.shape:
                result[name] = converted[key]
    return result
