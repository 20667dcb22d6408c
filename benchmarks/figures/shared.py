"""
The parts that all figures share: `Figure`, settings, and a model with random weights with a batch
for it.
"""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from allennlp.common import Params
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.models import Model
from allennlp.nn.util import move_to_device
from transformers import PreTrainedModel

from benchmarks.measuring import Ratio
from benchmarks.synthetic import abstracts, lines_of_text, write_documents
from sept_allennlp.models.span_classifier import SpanClassifier
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.onnx import ExportedPredictor

CONFIGS = Path(__file__).resolve().parents[2] / "training_config"
BATCH_SIZE = 8
PREDICTION_BATCH_SIZE = 32


class Figure(NamedTuple):
    """
    One measured ratio and its goal.

    # Parameters

    name : `str`
        Its name in the file.
    meaning : `str`
    ratio : `Ratio`
    at_least, at_most : `float`, optional
        The goal, where there is one.
    """

    name: str
    meaning: str
    ratio: Ratio
    at_least: Optional[float] = None
    at_most: Optional[float] = None

    def row(self) -> str:
        """Return the figure's row of the table."""
        goal = ""
        if self.at_least is not None:
            goal = (
                f">= {self.at_least:g}, {'met' if self.ratio.value >= self.at_least else 'MISSED'}"
            )
        if self.at_most is not None:
            goal = f"<= {self.at_most:g}, {'met' if self.ratio.value <= self.at_most else 'MISSED'}"
        spread = f"({self.ratio.low:.2f} to {self.ratio.high:.2f})"
        return f"{self.meaning:<66} {self.ratio.value:>7.2f} {spread:<20} {goal}"


class Settings(NamedTuple):
    """
    # Parameters

    device : `torch.device`
    quick : `bool`
        Whether less of everything will do.
    encoder : `str`
        The folder of a small encoder.
    data : `Path`, optional
        SciERC's folder; without it, synthetic abstracts are read.
    folder : `Path`
        For temporary files.
    """

    device: torch.device
    quick: bool
    encoder: str
    data: Optional[Path]
    folder: Path

    @property
    def repeats(self) -> int:
        """Return how often each side of a ratio runs."""
        return 3 if self.quick else 15


class Subject(NamedTuple):
    """
    The model to measure, and its encoder.

    # Parameters

    model : `SpanClassifier`
    reader : `DatasetReader`
    batch : `Dict[str, Any]`
        As the model's `forward` gets it.
    transformer : `torch.nn.Module`
        The encoder that is inside the model.
    encoder_inputs : `Dict[str, torch.Tensor]`
        The same batch as the encoder gets it.
    """

    model: SpanClassifier
    reader: DatasetReader
    batch: Dict[str, Any]
    transformer: torch.nn.Module
    encoder_inputs: Dict[str, torch.Tensor]


def make_subject(settings: Settings, params: Params, documents: Optional[Path] = None) -> Subject:
    """
    Make the model of a configuration in evaluation mode, with random weights after the encoder, and
    a batch of `documents` (default: those of `write_batch`).
    """
    documents = documents or write_batch(settings)
    reader = DatasetReader.from_params(params["dataset_reader"])
    vocab = Vocabulary.from_instances(reader.read(documents))
    torch.manual_seed(0)
    model = Model.from_params(params["model"], vocab=vocab).to(settings.device).eval()
    batch = move_to_device(next(iter(loader(reader, documents, vocab))), settings.device)
    (inputs,) = encoder_inputs(model, lambda: model(**batch))
    return Subject(model, reader, batch, transformer_of(model), inputs)


def write_batch(settings: Settings) -> Path:
    """Write the documents of one batch."""
    return write_documents(abstracts(BATCH_SIZE), settings.folder / "batch.json")


def configuration(config: str, encoder: str) -> Params:
    """Read a configuration of `training_config/`."""
    return Params.from_file(str(CONFIGS / config), ext_vars={"SEPT_ENCODER": encoder})


def loader(
    reader: DatasetReader, path: Path, vocab: Vocabulary, batch_size: int = BATCH_SIZE
) -> MultiProcessDataLoader:
    """Return a data loader for a file."""
    data_loader = MultiProcessDataLoader(reader, str(path), batch_size=batch_size, quiet=True)
    data_loader.index_with(vocab)
    return data_loader


def transformer_of(model: Model) -> torch.nn.Module:
    """Return the model's encoder."""
    return next(module for module in model.modules() if isinstance(module, PreTrainedModel))


def encoder_inputs(model: Model, run: Callable[[], Any]) -> List[Dict[str, torch.Tensor]]:
    """Record the inputs of the model's encoder during a call of `run`."""
    inputs: List[Dict[str, torch.Tensor]] = []
    hook = transformer_of(model).register_forward_pre_hook(
        lambda module, args, kwargs: inputs.append(kwargs), with_kwargs=True
    )
    with torch.no_grad():
        run()
    hook.remove()
    return inputs


def lines_to_predict(settings: Settings) -> List[bytes]:
    """Return lines of raw text to predict."""
    return lines_of_text(16 if settings.quick else 128)


def predict_text(
    predictor: Union[SEPTPredictor, ExportedPredictor], lines: Sequence[bytes]
) -> List[str]:
    """Predict lines of raw text as the commands do, without files."""
    outputs = predict_lines(predictor, lines, predictor.decoding, PREDICTION_BATCH_SIZE)
    return [dump_line(output) for output in outputs]


def prediction_and_encoder(
    settings: Settings, subject: Subject, **options: Any
) -> Tuple[Callable[[], List[str]], Callable[[], None]]:
    """
    Return two functions to compare: prediction of lines of raw text by a predictor with these
    options, and forward passes of the encoder on the same batches.
    """
    model = subject.model.eval()
    lines = lines_to_predict(settings)
    predict = partial(predict_text, SEPTPredictor(model, subject.reader, **options), lines)
    batches = encoder_inputs(model, predict)

    @torch.no_grad()
    def encode() -> None:
        for batch in batches:
            subject.transformer(**batch)

    return predict, encode


def find_as_many_as_annotated(subject: Subject) -> None:
    """
    Make "no entity" as likely as in a trained model. With random weights, entities are found almost
    everywhere, and decoding takes longer than everything else.
    """
    batch = subject.batch
    with torch.no_grad():
        logits = subject.model.score_spans(batch["text"], batch["sentence_ids"]).logits
        margins = logits[:, 1:].max(dim=-1).values - logits[:, 0]
        number = int((batch["gold"][..., 0] >= 0).sum())
        subject.model.get_submodule("_output").bias[0] += margins.topk(number + 1).values[-1]
