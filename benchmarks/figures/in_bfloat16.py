"""The time that the encoder in bfloat16 saves in training and prediction."""

from typing import Callable, List, Optional

import torch
from allennlp.common import Params
from allennlp.nn.util import move_to_device
from allennlp.training import GradientDescentTrainer, Trainer

from benchmarks.figures.shared import (
    Figure,
    Settings,
    configuration,
    find_as_many_as_annotated,
    loader,
    make_subject,
    prediction_and_encoder,
)
from benchmarks.measuring import time_ratio
from benchmarks.synthetic import SCIBERT, WORDS, abstracts, write_documents, write_encoder
from sept_allennlp.modules.bfloat16 import has_bfloat16


def bfloat16_figures(settings: Settings) -> List[Figure]:
    """
    Measure SEPT on MiniLM, and training with an encoder of SciBERT's size, on devices with
    bfloat16.
    """
    if not has_bfloat16(settings.device):
        print("bfloat16 is not measured: the device has no instructions for it")
        return []
    figures = _prediction_figures(settings)
    figures.append(
        _training_figure(settings, "minilm", "sept_minilm.jsonnet", settings.encoder, at_most=0.75)
    )
    if not settings.quick:
        scibert = write_encoder(SCIBERT, WORDS, settings.folder / "scibert_in_bfloat16")
        figures.append(_training_figure(settings, "scibert", "sept_base.jsonnet", scibert))
    return figures


def _prediction_figures(settings: Settings) -> List[Figure]:
    """
    Measure the way from lines of raw text to lines of entities, relative to the float32 encoder on
    the same batches.
    """
    subject = make_subject(settings, configuration("sept_minilm.jsonnet", settings.encoder))
    find_as_many_as_annotated(subject)
    repeats = 3 if settings.quick else 7
    predict, encode = prediction_and_encoder(settings, subject, precision="bfloat16")

    def encode_in_bfloat16() -> None:
        with torch.autocast(settings.device.type, dtype=torch.bfloat16):
            encode()

    return [
        Figure(
            "bfloat16_prediction_cost_minilm",
            "bfloat16: lines of text, relative to the float32 encoder",
            time_ratio(predict, encode, repeats, settings.device),
            at_most=0.7,
        ),
        Figure(
            "bfloat16_encoder_cost_minilm",
            "  the encoder alone",
            time_ratio(encode_in_bfloat16, encode, repeats, settings.device),
        ),
    ]


def _training_figure(
    settings: Settings, name: str, config: str, encoder: str, at_most: Optional[float] = None
) -> Figure:
    """Measure training steps with the clipping, optimizer and moving average of a configuration."""
    params = configuration(config, encoder)
    batch_size = params["data_loader"]["batch_size"]
    documents = write_documents(
        abstracts(4 if settings.quick else 16), settings.folder / f"steps_{name}.json"
    )
    subject = make_subject(settings, params, documents)
    model = subject.model.train()
    data_loader = loader(subject.reader, documents, model.vocab, batch_size)
    batches = [move_to_device(batch, settings.device) for batch in data_loader]

    def steps_of(trainer_type: str) -> Callable[[], None]:
        trainer_params = {**params["trainer"].as_dict(quiet=True), "type": trainer_type}
        cuda_device = -1 if settings.device.type == "cpu" else settings.device.index or 0
        trainer = Trainer.from_params(
            # Callbacks do nothing in a step.
            Params({**trainer_params, "callbacks": [], "cuda_device": cuda_device}),
            model=model,
            data_loader=data_loader,
            serialization_dir=str(settings.folder / f"{trainer_type}_{name}"),
        )
        assert isinstance(trainer, GradientDescentTrainer)
        average = trainer._moving_average
        assert average is not None

        def train() -> None:
            for number, batch in enumerate(batches):
                trainer.optimizer.zero_grad()
                trainer.batch_outputs(batch, for_training=True)["loss"].backward()
                trainer.rescale_gradients()
                trainer.clip_gradient()
                trainer.optimizer.step()
                average.apply(1000 + number)

        return train

    in_bfloat16, in_float32 = steps_of("bfloat16"), steps_of("gradient_descent")
    return Figure(
        f"bfloat16_training_step_cost_{name}",
        f"bfloat16: a training step, relative to float32, {name}",
        time_ratio(in_bfloat16, in_float32, settings.repeats, settings.device),
        at_most=at_most,
    )
