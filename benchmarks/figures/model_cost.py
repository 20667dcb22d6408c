"""The cost of a SEPT model of `training_config/`, relative to its encoder on the same batches."""

from functools import partial
from typing import Callable, List

import torch
from allennlp.common import Params
from allennlp.training.optimizers import Optimizer

from benchmarks.figures.shared import (
    Figure,
    Settings,
    Subject,
    configuration,
    find_as_many_as_annotated,
    make_subject,
    prediction_and_encoder,
)
from benchmarks.measuring import time_ratio
from benchmarks.synthetic import SCIBERT, WORDS, write_encoder


def minilm_figures(settings: Settings) -> List[Figure]:
    """Measure SEPT on MiniLM, including prediction."""
    subject = make_subject(settings, configuration("sept_minilm.jsonnet", settings.encoder))
    return [
        *forward_figures(settings, "minilm", subject),
        *prediction_figures(settings, subject),
        *training_figures(settings, "minilm", subject),
        *attention_dropout_figures(settings, subject),
    ]


def scibert_figures(settings: Settings) -> List[Figure]:
    """Measure SEPT on an encoder of SciBERT's size."""
    if settings.quick:
        return []
    scibert = write_encoder(SCIBERT, WORDS, settings.folder / "scibert")
    subject = make_subject(settings, configuration("sept.jsonnet", scibert))
    return [
        *forward_figures(settings, "scibert", subject),
        *training_figures(settings, "scibert", subject),
    ]


def forward_figures(settings: Settings, name: str, subject: Subject) -> List[Figure]:
    """Measure scoring a batch, without and with loss, decoding and metric."""
    model, _, batch, transformer, inputs = subject
    model.eval()
    find_as_many_as_annotated(subject)

    def logits() -> torch.Tensor:
        return model.score_spans(batch["text"], batch["sentence_ids"]).logits

    with torch.no_grad():
        encoder_alone = partial(transformer, **inputs)
        return [
            Figure(
                f"forward_cost_{name}",
                f"scoring, relative to the encoder's forward pass, {name}",
                time_ratio(logits, encoder_alone, settings.repeats, settings.device),
                at_most=1.15,
            ),
            Figure(
                f"forward_and_decoding_cost_{name}",
                "  with loss, decoding and metric",
                time_ratio(
                    lambda: model(**batch), encoder_alone, settings.repeats, settings.device
                ),
            ),
        ]


def prediction_figures(settings: Settings, subject: Subject) -> List[Figure]:
    """
    Measure the way from lines of raw text to lines of entities, relative to the encoder on the same
    batches.
    """
    repeats = 3 if settings.quick else 5
    predict, encode = prediction_and_encoder(settings, subject)
    return [
        Figure(
            "prediction_cost_minilm",
            "predicting lines of text, relative to the encoder's forward passes",
            time_ratio(predict, encode, repeats, settings.device),
            at_most=1.3,
        )
    ]


def training_figures(settings: Settings, name: str, subject: Subject) -> List[Figure]:
    """Measure training steps on a batch with both optimizers."""
    model_step = _model_step(subject)
    transformer, inputs = subject.transformer, subject.encoder_inputs
    encoder_step = _step(transformer, lambda: transformer(**inputs).last_hidden_state.mean())
    return [
        Figure(
            f"training_step_cost_{name}",
            f"a training step, relative to the encoder's, {name}",
            time_ratio(model_step, encoder_step, settings.repeats, settings.device),
            at_most=1.3,
        ),
        Figure(
            f"fused_adamw_saving_{name}",
            "  a step with adamw, relative to fused_adamw",
            time_ratio(
                _model_step(subject, "adamw"), model_step, settings.repeats, settings.device
            ),
        ),
    ]


def attention_dropout_figures(settings: Settings, subject: Subject) -> List[Figure]:
    """Measure training steps with the encoder's own attention dropout."""
    params = configuration("sept_minilm.jsonnet", settings.encoder)
    params["model"]["text_field_embedder"]["token_embedders"]["tokens"].pop("attention_dropout")
    other = make_subject(settings, params)
    steps = [_model_step(each) for each in (other, subject)]
    return [
        Figure(
            "attention_dropout_cost_minilm",
            "  a step with attention dropout, relative to one without",
            time_ratio(*steps, settings.repeats, settings.device),
        )
    ]


def _model_step(subject: Subject, optimizer: str = "fused_adamw") -> Callable[[], None]:
    model = subject.model.train()
    return _step(model, lambda: model(**subject.batch)["loss"], optimizer)


def _step(
    module: torch.nn.Module, loss: Callable[[], torch.Tensor], optimizer: str = "fused_adamw"
) -> Callable[[], None]:
    optimizer_ = Optimizer.from_params(
        Params({"type": optimizer, "lr": 1e-6}),
        model_parameters=list(module.named_parameters()),
    )

    def run() -> None:
        optimizer_.zero_grad()
        loss().backward()
        optimizer_.step()

    return run
