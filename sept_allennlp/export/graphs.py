"""PyTorch modules as ONNX graphs."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import torch

from sept_allennlp.modules.exporting import ExportedNetwork, NotExportable

# The first that has attention as one operation. Taken apart, as in those before, it is slower, and
# a batch of abstracts takes three times the memory.
_OPSET = 23

# In no dimension 0 or 1, which the exporter takes for constants; of a length that documents have.
_EXAMPLE_ROWS, _EXAMPLE_LENGTH = 3, 17


def write_encoder(network: ExportedNetwork, path: Path) -> None:
    """
    # Raises

    `NotExportable` if the exporter does not take it.
    """
    windows = network.encoder.windows
    shortest = len(windows.prefix) + 2 + len(windows.suffix)
    longest = shortest - 2 + (windows.content or _EXAMPLE_LENGTH)
    length = max(shortest, min(_EXAMPLE_LENGTH, longest))
    # Piece 0 is none in some encoders, and all have a few.
    pieces = torch.ones(_EXAMPLE_ROWS, length, dtype=torch.long)
    mask = torch.ones_like(pieces)
    mask[1:, length // 2 :] = 0
    _write(
        network.encoder_graph,
        {"input_ids": (pieces, 2), "attention_mask": (mask, 2)},
        "vectors",
        path,
    )


def write_head(head: torch.nn.Module, input_dim: int, path: Path) -> None:
    """As `write_encoder`."""
    _write(head, {"pooled": (torch.zeros(_EXAMPLE_ROWS, input_dim), 1)}, "scores", path)


def _write(
    module: torch.nn.Module, inputs: Dict[str, Tuple[torch.Tensor, int]], output: str, path: Path
) -> None:
    """`inputs` are examples, and how many of their dimensions have any length."""
    free: Any = torch.export.Dim.DYNAMIC
    shapes = tuple(dict.fromkeys(range(dims), free) for _, dims in inputs.values())
    module = module.eval()
    with _quietly():
        try:
            program = torch.onnx.export(
                module,
                tuple(example for example, _ in inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes=shapes,
                opset_version=_OPSET,
                verbose=False,
            )
        except Exception as error:
            # Of the exporter's own errors, which tell of its steps, the cause.
            cause = error.__cause__ or error
            reason = str(cause).strip().split("\n")[0]
            raise NotExportable(
                f"{path.name} is not taken by PyTorch's exporter ({reason}), and so the model"
            ) from error
        assert program is not None
        _forget_where_it_was_made(program.model)
        # One file: nothing beside it to be lost.
        program.save(str(path), external_data=False)


def _forget_where_it_was_made(model: Any) -> None:
    """Drops what the exporter notes beside each node: stack traces, with this machine's paths."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter reports each of its steps, and warns of what its own parts do."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
