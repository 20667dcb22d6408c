"""The cost of finding relations, relative to SEPT without relations."""

from typing import Callable, Dict, List

import torch
from allennlp.common import Params
from allennlp.training.optimizers import Optimizer

from benchmarks.figures.shared import (
    BATCH_SIZE,
    Figure,
    Settings,
    Subject,
    configuration,
    find_as_many_as_annotated,
    lines_to_predict,
    make_subject,
    predict_text,
)
from benchmarks.measuring import time_ratio
from benchmarks.synthetic import abstracts, with_relations, write_documents
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.options import Decoding


def relation_figures(settings: Settings) -> List[Figure]:
    """Measure prediction and training steps on MiniLM with and without relations."""
    documents = with_relations(abstracts(BATCH_SIZE))
    path = write_documents(documents, settings.folder / "relations.json")
    subjects = {
        config: make_subject(settings, configuration(f"{config}.jsonnet", settings.encoder), path)
        for config in ("sept_minilm_relations", "sept_minilm")
    }
    joint, alone = subjects.values()
    find_as_many_as_annotated(alone)
    # Both find the same entities.
    joint.model.load_state_dict(alone.model.state_dict(), strict=False)
    number = sum(len(sentence) for document in documents for sentence in document["relations"])
    _relate_as_many(joint, number)
    lines = lines_to_predict(settings)
    predict = {name: _predict(subject, lines) for name, subject in subjects.items()}
    # Prediction first, because training steps change what is found.
    prediction = Figure(
        "relation_prediction_cost_minilm",
        "prediction with relations, relative to prediction without",
        time_ratio(*predict.values(), 3 if settings.quick else 5, settings.device),
        at_most=1.15,
    )
    step: Dict[str, Callable[[], None]] = {
        name: _training_step(subject) for name, subject in subjects.items()
    }
    training = Figure(
        "relation_training_step_cost_minilm",
        "a training step with relations, relative to one without",
        time_ratio(*step.values(), settings.repeats, settings.device),
        at_most=1.25,
    )
    return [prediction, training]


@torch.no_grad()
def _relate_as_many(subject: Subject, number: int) -> None:
    """Set the threshold so that `number` relations are found, as many as by a trained model."""
    model, batch = subject.model, subject.batch
    relations = model._relations
    relations.decoding = relations.decoding._replace(threshold=0.0)
    predictions = model.predict(batch["text"], batch["sentence_ids"], Decoding())
    scores = sorted(
        relation.score for prediction in predictions for relation in prediction.relations
    )
    relations.decoding = relations.decoding._replace(threshold=scores[-number:][0])


def _predict(subject: Subject, lines: List[bytes]) -> Callable[[], List[str]]:
    predictor = SEPTPredictor(subject.model, subject.reader)

    def run() -> List[str]:
        subject.model.eval()
        return predict_text(predictor, lines)

    return run


def _training_step(subject: Subject) -> Callable[[], None]:
    model = subject.model
    model.train().requires_grad_(True)
    optimizer = Optimizer.from_params(
        Params({"type": "fused_adamw", "lr": 1e-6}),
        model_parameters=list(model.named_parameters()),
    )

    def run() -> None:
        optimizer.zero_grad()
        model(**subject.batch)["loss"].backward()
        optimizer.step()

    return run
