"""Calibrate the scores of a trained model on annotated documents (see `Calibration`)."""

import logging
from dataclasses import replace
from typing import Any, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.data import TensorDict
from allennlp.nn.util import move_to_device
from numpy.typing import NDArray

from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_classifier import SpanClassifier
from sept_allennlp.modules.score_calibration import ScoreCalibration
from sept_allennlp.training.metrics.relation_sets import relation_sets
from sept_runtime.calibration import THRESHOLD_STEPS, Calibration, log_odds
from sept_runtime.documents import Document, Prediction

logger = logging.getLogger(__name__)

# With fewer predictions, or less to learn from a score than this, scores stay as they are.
_MIN_PREDICTIONS = 20
_MIN_SLOPE = 0.05

_NUM_NEWTON_STEPS = 50


class Scored(NamedTuple):
    """
    Predictions that were compared with the annotation.

    # Parameters

    scores : `List[float]`
    is_right : `List[bool]`
    gold : `int`
        The number of annotated entities or relations.
    """

    scores: List[float]
    is_right: List[bool]
    gold: int


def calibrate(model: SpanClassifier, batches: Iterable[TensorDict], device: torch.device) -> None:
    """
    Fit a calibration of a model's entities, and of its relations, and keep both in the model.

    All that the model predicts without a `min_score` counts. In distributed training each process
    gives its share of the data.

    # Parameters

    model : `SpanClassifier`
    batches : `Iterable[TensorDict]`
        Annotated documents, from a data loader.
    device : `torch.device`
    """
    parts: List[Tuple[str, ScoreCalibration]] = [("entities", model.calibration)]
    if isinstance(model, SEPT) and model._relations is not None:
        parts.append(("relations", model._relations.calibration))
    for _, part in parts:
        part.set(Calibration())
    entities, relations = _predicted(model, batches, device)
    for (name, part), scored in zip(parts, (entities, relations)):
        calibration = fit(scored)
        part.set(calibration)
        logger.info(
            "%s: temperature %.3f, bias %.3f, from %d predictions",
            name,
            calibration.temperature,
            calibration.bias,
            len(scored.scores),
        )


def _predicted(
    model: SpanClassifier, batches: Iterable[TensorDict], device: torch.device
) -> Tuple[Scored, Scored]:
    """Return the entities and the relations that the model predicts."""
    entities, relations = Scored([], [], 0), Scored([], [], 0)
    symmetric = frozenset(getattr(model, "symmetric_labels", None) or ())
    decoding = model.decoding.changed(min_score=0.0, min_relation_score=0.0)
    model.eval()
    with torch.no_grad():
        for batch in batches:
            # AllenNLP's type of a batch knows nothing of its fields.
            inputs: Any = move_to_device(batch, device)
            found = model.predict(inputs["text"], inputs["sentence_ids"], decoding)
            documents: List[Document] = [fields["document"] for fields in inputs["metadata"]]
            for prediction, document in zip(found, documents):
                entities = _with_entities(entities, prediction, document)
                relations = _with_relations(relations, prediction, document, symmetric)
    if not is_distributed():
        return entities, relations
    shares: List[Tuple[Scored, Scored]] = [(entities, relations)] * dist.get_world_size()
    dist.all_gather_object(shares, (entities, relations))
    return joined([share[0] for share in shares]), joined([share[1] for share in shares])


def _with_entities(scored: Scored, prediction: Prediction, document: Document) -> Scored:
    if document.entities is None:
        return scored
    gold = set(document.entities)
    scored.scores.extend(entity.score or 0.0 for entity in prediction.entities)
    scored.is_right.extend(entity[:3] in gold for entity in prediction.entities)
    return scored._replace(gold=scored.gold + len(gold))


def _with_relations(
    scored: Scored, prediction: Prediction, document: Document, symmetric: "frozenset[str]"
) -> Scored:
    if document.relations is None or prediction.relations is None:
        return scored
    gold = relation_sets(document.relations, document.entities or [], symmetric)["rel"]
    for relation in prediction.relations:
        head, tail, label = prediction.in_words(relation).directed(symmetric)
        scored.scores.append(relation.score or 0.0)
        scored.is_right.append(((head, tail), label) in gold)
    return scored._replace(gold=scored.gold + len(gold))


def joined(shares: Sequence[Scored]) -> Scored:
    """Return the predictions of several parts of the data as one."""
    return Scored(
        [score for share in shares for score in share.scores],
        [right for share in shares for right in share.is_right],
        sum(share.gold for share in shares),
    )


def fit(scored: Scored) -> Calibration:
    """
    Fit a calibration, and count the predictions at each threshold of the calibrated score.

    It is the logistic regression of "is right" on the log-odds of scores, by Newton's method. The
    targets are a little less than 1 and more than 0, so that a perfect model has finite parameters
    (Platt 1999, section 2.2).

    With fewer than 20 predictions, and if a higher score does not mean that a prediction is more
    likely right, scores stay as they are.
    """
    scores, is_right = np.array(scored.scores, float), np.array(scored.is_right, bool)
    calibration = Calibration()
    if len(scores) >= _MIN_PREDICTIONS:
        slope, bias = _logistic_regression(log_odds(scores), is_right)
        if slope >= _MIN_SLOPE:
            calibration = Calibration(1.0 / slope, bias)
        else:
            logger.warning("Scores do not tell right predictions from wrong ones: not calibrated.")
    thresholds = np.arange(THRESHOLD_STEPS + 1) / THRESHOLD_STEPS
    # Shape: (number of predictions, THRESHOLD_STEPS + 1)
    reached = calibration(scores)[:, None] >= thresholds
    return replace(
        calibration,
        right=(reached & is_right[:, None]).sum(axis=0).tolist(),
        predicted=reached.sum(axis=0).tolist(),
        gold=scored.gold,
    )


def _logistic_regression(
    x: NDArray[np.floating], is_right: NDArray[np.bool_]
) -> Tuple[float, float]:
    """Return the slope and the bias of the log-odds of being right."""
    num_right = int(is_right.sum())
    high, low = (num_right + 1) / (num_right + 2), 1 / (len(x) - num_right + 2)
    targets = np.where(is_right, high, low)
    # Shape: (number of predictions, 2)
    features = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.zeros(2)
    for _ in range(_NUM_NEWTON_STEPS):
        probabilities = 0.5 * (1.0 + np.tanh(0.5 * features @ weights))
        gradient = features.T @ (probabilities - targets)
        curvature = features.T @ (features * (probabilities * (1.0 - probabilities))[:, None])
        # A tiny ridge, because equal scores have no slope.
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        # Newton's method may overshoot where probabilities are near 0 or 1.
        weights -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    slope, bias = weights.tolist()
    return slope, bias
