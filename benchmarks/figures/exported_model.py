"""
The cost of prediction with an exported model, relative to PyTorch's encoder on the same documents.
"""

import importlib.util
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

import numpy as np
import torch

from benchmarks.figures.shared import (
    Figure,
    Settings,
    configuration,
    find_as_many_as_annotated,
    lines_to_predict,
    make_subject,
    predict_text,
)
from benchmarks.measuring import time_ratio
from sept_allennlp.export.folder import INT8_ENCODER, write_model
from sept_allennlp.export.int8 import add_int8
from sept_allennlp.models.sept import SEPT
from sept_runtime.documents import Document
from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.scierc import read_scierc
from sept_runtime.onnx import ExportedPredictor

# Engine, precision, and the goal for lines of text.
RUNS = [
    ("onnxruntime", "float32", 1.1),
    ("onnxruntime", "int8", 0.7),
    ("openvino", "float32", None),
    ("openvino", "bfloat16", 0.7),
    ("openvino", "int8", 0.7),
]

# Real text, because synthetic text has its largest errors in other layers.
CALIBRATION = "fixtures/abstracts/train.json"

Batch = Dict[str, np.ndarray]


def exported_figures(settings: Settings) -> Iterator[Figure]:
    """
    Measure the way from lines of raw text to lines of entities on the CPU, for each installed
    engine.
    """
    if settings.device.type != "cpu":
        return
    subject = make_subject(settings, configuration("sept_minilm.jsonnet", settings.encoder))
    find_as_many_as_annotated(subject)
    model = subject.model.eval()
    assert isinstance(model, SEPT)
    folder = Path(tempfile.mkdtemp(dir=settings.folder))
    written = write_model(model, subject.reader, folder, made={"archive_sha256": ""})
    lines = lines_to_predict(settings)
    add_int8(folder, written, INT8_ENCODER, read_scierc(CALIBRATION))
    tensors = [
        {name: torch.from_numpy(array) for name, array in batch.items()}
        for batch in _batches(ExportedPredictor(folder), lines)
    ]

    @torch.no_grad()
    def encode() -> None:
        for batch in tensors:
            subject.transformer(**batch)

    repeats = 3 if settings.quick else 7
    for engine, precision, goal in RUNS:
        if importlib.util.find_spec(engine) is None:
            continue
        try:
            predictor = ExportedPredictor(folder, torch.get_num_threads(), engine, precision)
        except ExportedModelError as error:
            print(f"{engine}, {precision}: {error}")
            continue
        # The first has no suffix, as in earlier results.
        suffix = "" if (engine, precision) == RUNS[0][:2] else f"_{engine}_{precision}"
        predict = partial(predict_text, predictor, lines)
        name = predictor._configuration.model.encoder
        encoder, inputs = predictor._graphs[name], _encoded_while(predictor, name, predict)
        yield Figure(
            f"exported_prediction_cost_minilm{suffix}",
            f"{engine}, {precision}: lines of text, relative to PyTorch's encoder",
            time_ratio(predict, encode, repeats, settings.device),
            at_most=goal,
        )
        yield Figure(
            f"exported_encoder_cost_minilm{suffix}",
            "  the encoder's graph alone",
            time_ratio(partial(_run, encoder, inputs), encode, repeats, settings.device),
        )


def _run(graph: Any, inputs: List[Batch]) -> None:
    for batch in inputs:
        graph(**batch)


def _batches(predictor: ExportedPredictor, lines: Sequence[bytes]) -> List[Batch]:
    """
    Return the inputs of the encoder of a trained model: batches of documents, each padded to its
    longest.
    """
    windows = predictor._configuration.model.windows
    batches: List[Batch] = []
    predict_batch = predictor.predict_batch

    def record(documents: Sequence[Document], decoding: Any) -> Any:
        pieces = predictor._split(documents).documents
        all_of_them = [
            window
            for index, document in enumerate(pieces)
            for window in windows.of(index, len(document))
        ]
        rows, mask = windows._rows(pieces, all_of_them, step=1)
        batches.append({"input_ids": rows, "attention_mask": mask})
        return predict_batch(documents, decoding)

    predictor.predict_batch = record
    predict_text(predictor, lines)
    return batches


def _encoded_while(predictor: ExportedPredictor, name: str, run: Any) -> List[Batch]:
    """Record the inputs of the encoder's graph `name` during a call of `run`."""
    batches: List[Batch] = []
    graph = predictor._graphs[name]

    class Recorder:
        length_step = graph.length_step

        def __call__(self, **inputs: Any) -> Any:
            batches.append(inputs)
            return graph(**inputs)

    predictor._graphs[name] = Recorder()
    run()
    predictor._graphs[name] = graph
    return batches
