"""What prediction by an exported model costs, beside PyTorch's encoder on the same batches."""

import tempfile
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import torch

from benchmarks.figures.shared import (
    Figure,
    Settings,
    configuration,
    find_as_many_as_annotated,
    make_subject,
)
from benchmarks.measuring import time_ratio
from benchmarks.synthetic import lines_of_text
from sept_allennlp.export.folder import write_model
from sept_allennlp.models.sept import SEPT
from sept_runtime.exported import ExportedPredictor
from sept_runtime.exported.graph import Graph
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.json_prediction import predict_lines

BATCH_SIZE = 32


def exported_figures(settings: Settings) -> List[Figure]:
    """Measures lines of raw text to lines of entities, on the CPU."""
    if settings.device.type != "cpu":
        return []
    subject = make_subject(settings, configuration("sept_minilm.jsonnet", settings.encoder))
    find_as_many_as_annotated(subject)
    model = subject.model.eval()
    assert isinstance(model, SEPT)
    folder = Path(tempfile.mkdtemp(dir=settings.folder))
    write_model(model, subject.reader, folder, made={"archive_sha256": ""})
    predictor = ExportedPredictor(folder, torch.get_num_threads())
    lines = lines_of_text(16 if settings.quick else 128)

    def predict() -> List[str]:
        outputs = predict_lines(predictor, lines, predictor.decoding, BATCH_SIZE)
        return [dump_line(output) for output in outputs]

    batches = _encoded_while(predictor, predict)
    tensors = [
        {name: torch.from_numpy(array) for name, array in batch.items()} for batch in batches
    ]

    @torch.no_grad()
    def encode() -> None:
        for batch in tensors:
            subject.transformer(**batch)

    graph = predictor._graphs["encoder.onnx"]

    def run_graph() -> None:
        for batch in batches:
            graph(**batch)

    repeats = 3 if settings.quick else 7
    return [
        Figure(
            "exported_prediction_cost_minilm",
            "an exported model: lines of text cost, in PyTorch's forward passes",
            time_ratio(predict, encode, repeats, settings.device),
            at_most=1.1,
        ),
        Figure(
            "exported_encoder_cost_minilm",
            "  of which its encoder's graph alone",
            time_ratio(run_graph, encode, repeats, settings.device),
        ),
    ]


def _encoded_while(predictor: ExportedPredictor, run: Any) -> List[Dict[str, Any]]:
    """Records what the encoder's graph is given while something runs."""
    batches: List[Dict[str, np.ndarray]] = []
    graph = predictor._graphs["encoder.onnx"]

    class Recorder(Graph):
        def __init__(self) -> None:
            pass

        def __call__(self, **inputs: Any) -> Any:
            batches.append(inputs)
            return graph(**inputs)

    predictor._graphs["encoder.onnx"] = Recorder()
    run()
    predictor._graphs["encoder.onnx"] = graph
    return batches
