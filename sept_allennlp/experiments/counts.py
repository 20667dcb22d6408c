"""Counts of right, predicted and gold entities or relations for each document of a run."""

import json
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Iterator, List, Literal, Optional, Tuple, Union

import pandas as pd

from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.folds import fold_folders
from sept_allennlp.training.calibration import Scored
from sept_allennlp.training.callbacks.keep_predictions import PREDICTIONS
from sept_allennlp.training.metrics.relation_sets import SENSES, Sense, relation_sets
from sept_runtime.documents import AnnotatedSpan, DocumentError, ScoredSpan
from sept_runtime.formats.predictions import FailedInput, PredictedDocument, read_predictions
from sept_runtime.formats.scierc import SYMMETRIC_LABELS

COUNTS = ["right", "predicted", "gold"]

SCORES = ["precision", "recall", "f1"]

RELATION_SCORES = [f"{sense}_{name}" for sense in SENSES for name in SCORES]

# The columns of tables.
HEADINGS = {
    "precision": "P",
    "recall": "R",
    "f1": "F1",
    "rel_precision": "Rel P",
    "rel_recall": "Rel R",
    "rel_f1": "Rel F1",
    "rel_plus_precision": "Rel+ P",
    "rel_plus_recall": "Rel+ R",
    "rel_plus_f1": "Rel+ F1",
    # The validation metric of runs that report no F1.
    "score": "score",
}

# What to count: entities, or relations in one of the senses of `relation_sets`.
Counted = Union[Literal["entities"], Sense]

# Predicted and gold.
_Sets = Tuple[AbstractSet[Hashable], AbstractSet[Hashable]]


def count_run(folder: Path, min_score: float = 0.0, counted: Counted = "entities") -> pd.DataFrame:
    """
    Count the entities or relations in the predictions that a run has kept.

    The predictions of all folds are counted together if the run was trained in folds.

    # Parameters

    folder : `Path`
        The folder of a run with one seed.
    min_score : `float`, optional (default = `0.0`)
        Ignore predictions with a lower probability. The counts are then those of the run with this
        `decoding.min_score` (for relations `decoding.min_relation_score`), unless the run's own is
        higher.
    counted : `Counted`, optional (default = `"entities"`)

    # Returns

    `pandas.DataFrame` with a row for each document and the columns `COUNTS`. Its index, "document",
    holds the documents' keys. Documents without annotated relations are left out when relations are
    counted, as in `StrictRelationF1`.

    # Raises

    `RunError` for a run without predictions, and as in `count_predictions`.
    """
    files = [fold / PREDICTIONS for fold in fold_folders(folder) or [folder]]
    return count_predictions(files, min_score, counted)


def count_predictions(
    files: List[Path], min_score: float = 0.0, counted: Counted = "entities"
) -> pd.DataFrame:
    """
    Count the entities or relations in files that `allennlp predict` wrote for annotated documents.

    The predictions name the relation labels without direction. If they do not, the `config.json`
    beside the file does, and SciERC's are used without either.

    # Raises

    `RunError` if a file is missing or damaged, if a document is not annotated, not predicted or
    predicted twice, and if there are no scores to compare with `min_score`.
    """
    symmetric = {} if counted == "entities" else {each: _symmetric_labels(each) for each in files}
    rows = {}
    for file, line in _read(files):
        if counted == "entities":
            row = _counts(_entities(line, min_score))
        else:
            row = _counts(_relations(line, min_score, counted, symmetric[file]))
        rows[line.document.key] = row
    counts = {key: row for key, row in rows.items() if row is not None}
    table = pd.DataFrame.from_dict(counts, orient="index", columns=COUNTS)
    return table.rename_axis("document")


def read_scored(folder: Path) -> List[List[Scored]]:
    """
    Return the entities that each training of a run has predicted, with their scores.

    # Parameters

    folder : `Path`
        The folder of a run with one seed, trained in folds or not.

    # Returns

    `List[List[Scored]]`
        For each fold, or for the only training, its documents.

    # Raises

    `RunError` as in `count_run`, and if an entity has no score, or nothing is predicted.
    """
    trainings = []
    for file in [fold / PREDICTIONS for fold in fold_folders(folder) or [folder]]:
        documents = []
        for _, line in _read([file]):
            entities, gold = _annotated(line)
            if any(entity.score is None for entity in entities):
                raise RunError(f"{line.document.describe()} has entities without scores.")
            documents.append(
                Scored(
                    [entity.score or 0.0 for entity in entities],
                    [entity[:3] in gold for entity in entities],
                    len(gold),
                )
            )
        trainings.append(documents)
    if not any(document.scores for documents in trainings for document in documents):
        raise RunError(f"{folder} has no predicted entities, so their scores cannot be measured.")
    return trainings


def _read(files: List[Path]) -> Iterator[Tuple[Path, PredictedDocument]]:
    # Each prediction, and its file.
    keys = set()
    for file in files:
        if not file.is_file():
            raise RunError(f"{file} does not exist, so there are no predictions to count.")
        try:
            for line in read_predictions(str(file)):
                if isinstance(line, FailedInput):
                    raise RunError(f"{file}: a document was not predicted: {line}")
                if line.document.key in keys:
                    where = line.document.describe()
                    raise RunError(f"{where} occurs twice in the predictions.")
                keys.add(line.document.key)
                yield file, line
        except DocumentError as error:
            raise RunError(str(error)) from None


def _annotated(line: PredictedDocument) -> Tuple[List[ScoredSpan], AbstractSet[AnnotatedSpan]]:
    # Predicted and gold entities.
    predicted, gold = line.predicted, line.document.entities
    if predicted is None or gold is None:
        raise RunError(f"{line.document.describe()} needs both 'ner' and predicted entities.")
    return predicted.entities, set(gold)


def _counts(sets: Optional[_Sets]) -> Optional[Tuple[int, int, int]]:
    if sets is None:
        return None
    predicted, gold = sets
    return len(predicted & gold), len(predicted), len(gold)


def _entities(line: PredictedDocument, min_score: float) -> _Sets:
    entities, gold = _annotated(line)
    if min_score and any(entity.score is None for entity in entities):
        where = line.document.describe()
        raise RunError(f"{where} has no scores, so --min-score cannot be applied.")
    return {entity[:3] for entity in entities if (entity.score or 0) >= min_score}, gold


def _relations(
    line: PredictedDocument, min_score: float, sense: Sense, symmetric: AbstractSet[str]
) -> Optional[_Sets]:
    # `None` if the document's relations are not annotated. The predictions' own list of labels
    # without direction takes precedence over `symmetric`.
    predicted, document = line.predicted, line.document
    if predicted is None or predicted.relations is None:
        raise RunError(f"{document.describe()} has no predicted relations.")
    if document.relations is None:
        return None
    if predicted.symmetric_labels is not None:
        symmetric = frozenset(predicted.symmetric_labels)
    if min_score and any(relation.score is None for relation in predicted.relations):
        raise RunError(
            f"{document.describe()} has no scores of relations, so --min-score cannot be applied."
        )
    kept = [relation for relation in predicted.relations if (relation.score or 0) >= min_score]
    found = relation_sets(map(predicted.in_words, kept), predicted.entities, symmetric)
    gold = relation_sets(document.relations, document.entities or [], symmetric)
    return found[sense], gold[sense]


def _symmetric_labels(predictions: Path) -> AbstractSet[str]:
    file = predictions.with_name("config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SYMMETRIC_LABELS
    except ValueError as error:
        raise RunError(f"{file} is not valid JSON: {error}") from None
    try:
        return frozenset(config["model"]["relations"].get("symmetric_labels") or ())
    except (KeyError, TypeError, AttributeError):
        # The configuration of a model without relations.
        return SYMMETRIC_LABELS
