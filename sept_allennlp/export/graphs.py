"""Write PyTorch modules as ONNX graphs."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import onnxruntime
import torch
from allennlp.nn import util
from torch import Tensor

from sept_allennlp.export.errors import NotExportable
from sept_allennlp.export.modules import TracedNetwork
from sept_runtime.onnx.graph import Signature

# Opset 23 is the first with attention as one operation, which is faster than its parts and takes a
# third of their memory for a batch of abstracts. ONNX Runtime fails to run the attention that the
# exporter makes of some encoders (ModernBERT's local windows), so the opset before it comes second.
_OPSETS = (23, 22)

_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")

# No dimension is 0 or 1, which the exporter takes for constants, and no two are the same.
_EXAMPLE_ROWS, _EXAMPLE_LENGTH = 3, 17
_EXAMPLE_SPANS, _EXAMPLE_PAIRS = 11, 7


def write_encoder(network: TracedNetwork, path: Path) -> None:
    """
    Write the graph of an encoder.

    # Raises

    `NotExportable` if PyTorch cannot export it.
    """
    windows = network.windows
    shortest = len(windows.prefix) + 2 + len(windows.suffix)
    longest = shortest - 2 + (windows.content or _EXAMPLE_LENGTH)
    length = max(shortest, min(_EXAMPLE_LENGTH, longest))
    # Some encoders have no piece 0, and all have a few.
    pieces = torch.ones(_EXAMPLE_ROWS, length, dtype=torch.long)
    mask = torch.ones_like(pieces)
    mask[1:, length // 2 :] = 0
    inputs = {"input_ids": pieces, "attention_mask": mask}
    _write(network.encoder, inputs, "vectors", path, fixed={})


def write_head(head: torch.nn.Module, signature: Signature, path: Path) -> None:
    """
    Write the graph of a head that scores spans or pairs of spans.

    # Raises

    `NotExportable` if PyTorch cannot export it.
    """
    _, _, dim = signature.inputs["vectors"]
    assert dim is not None
    starts = torch.arange(_EXAMPLE_ROWS * _EXAMPLE_SPANS).view(_EXAMPLE_ROWS, -1) % 10
    widths = 1 + torch.arange(_EXAMPLE_SPANS).expand_as(starts) % 4
    spans = torch.stack([starts, starts + widths - 1], dim=-1)
    places = torch.arange(_EXAMPLE_ROWS * _EXAMPLE_PAIRS).view(_EXAMPLE_ROWS, -1)
    values = {
        "vectors": torch.randn(
            _EXAMPLE_ROWS, _EXAMPLE_LENGTH, dim, generator=torch.Generator().manual_seed(0)
        ),
        "lengths": torch.tensor([_EXAMPLE_LENGTH, _EXAMPLE_LENGTH - 2, _EXAMPLE_LENGTH - 3]),
        "spans": spans,
        # Not the same tensor, which the exporter would take for the same input.
        "words": spans.clone(),
        "widths": widths.contiguous(),
        "pairs": torch.stack([places % 5, 5 + places % 3], dim=-1),
        "rows": torch.arange(_EXAMPLE_ROWS * _EXAMPLE_PAIRS - 1),
    }
    fixed = {name: last for name, (_, _, last) in signature.inputs.items() if last is not None}
    _write(head, {name: values[name] for name in signature.inputs}, signature.output, path, fixed)


def _write(
    module: torch.nn.Module,
    inputs: Dict[str, Tensor],
    output: str,
    path: Path,
    fixed: Dict[str, int],
) -> None:
    """Write a module. `inputs` are examples; those in `fixed` have a fixed last dimension."""
    free: Any = torch.export.Dim.DYNAMIC
    shapes = tuple(
        dict.fromkeys(range(example.dim() - (name in fixed)), free)
        for name, example in inputs.items()
    )
    module = module.eval()
    with _quietly(), torch.no_grad():
        try:
            traced = _trace(module, tuple(inputs.values()), shapes)
            for opset in _OPSETS:
                program = torch.onnx.export(
                    traced,
                    dynamo=True,
                    input_names=list(inputs),
                    output_names=[output],
                    opset_version=opset,
                    verbose=False,
                )
                assert program is not None
                _drop_notes(program.model)
                # One file, so that none can be lost.
                program.save(str(path), external_data=False)
                failure = _failure(path, inputs)
                if failure is None:
                    return
        except Exception as error:
            # The exporter's own errors tell of its steps; the cause tells what is wrong.
            cause = error.__cause__ or error
            reason = next(iter(str(cause).strip().split("\n")), "") or type(cause).__name__
            raise NotExportable(f"PyTorch could not export {path.name}: {reason}") from error
    raise NotExportable(f"ONNX Runtime cannot run the exported {path.name}: {failure}")


def _trace(
    module: torch.nn.Module, examples: Tuple[Tensor, ...], shapes: Tuple[Dict[int, Any], ...]
) -> torch.export.ExportedProgram:
    with _without_checks_of_indices():
        try:
            return torch.export.export(module, examples, dynamic_shapes=shapes, strict=False)
        except Exception as error:
            # A part of a user's own may check the values of its inputs. Draft export takes the
            # branch that the examples take.
            try:
                return torch.export.draft_export(
                    module, examples, dynamic_shapes=shapes, strict=False
                )
            except Exception:
                raise error from None


@contextlib.contextmanager
def _without_checks_of_indices() -> Iterator[None]:
    """Remove the check of values in AllenNLP's index selection, which a graph cannot have."""

    def flatten_and_shift(indices: Tensor, sequence_length: int) -> Tensor:
        rows = torch.arange(indices.size(0), device=indices.device) * sequence_length
        return (indices + rows.view(-1, *[1] * (indices.dim() - 1))).view(-1)

    checked = util.flatten_and_batch_shift_indices
    util.flatten_and_batch_shift_indices = flatten_and_shift
    try:
        yield
    finally:
        util.flatten_and_batch_shift_indices = checked


def _failure(path: Path, inputs: Dict[str, Tensor]) -> Optional[str]:
    """Run a graph on the examples, and on the first of them; return the reason if it fails."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        taken = [argument.name for argument in session.get_inputs()]
        for number in (_EXAMPLE_ROWS, 1):
            # With one row, also of spans: a dimension that the trace fixed does not fit.
            few = {name: value[:number].numpy() for name, value in inputs.items()}
            session.run(None, {name: few[name] for name in taken})
    except Exception as error:
        return str(error).strip().split("\n")[0]
    return None


def _drop_notes(model: Any) -> None:
    """Drop the exporter's notes for each node, which have stack traces with local paths."""
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
    """Silence the exporter, which reports its steps and warns about its own code."""
    loggers = list(map(logging.getLogger, _LOGGERS))
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
