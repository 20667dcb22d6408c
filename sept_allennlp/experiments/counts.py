"""What was right in the predictions of a run, document by document."""

import json
from pathlib import Path
from typing import AbstractSet, Hashable, List, Literal, Optional, Tuple, Union

import pandas

from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.folds import fold_folders
from sept_allennlp.training.callbacks.keep_predictions import PREDICTIONS
from sept_allennlp.training.metrics.relation_sets import Sense, relation_sets
from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, PredictedDocument, read_predictions
from sept_runtime.formats.scierc import SYMMETRIC_LABELS

# Entities or relations: predicted as they are annotated, predicted, and annotated.
COUNTS = ["right", "predicted", "gold"]

# What may be counted: the entities, or the relations in a sense of `relation_sets`.
Counted = Union[Literal["entities"], Sense]

# What is predicted and what is annotated.
_Sets = Tuple[AbstractSet[Hashable], AbstractSet[Hashable]]


def count_run(
    folder: Path, min_score: float = 0.0, counted: Counted = "entities"
) -> pandas.DataFrame:
    """
    Counts the entities in the predictions that a run has kept, or the relations; of one that was
    trained in folds, in those of all folds.

    # Parameters

    folder : `Path`
        Of a run with one seed.
    min_score : `float`, optional (default = `0.0`)
        A probability; what is predicted with a lower one does not count as predicted. So the counts
        are those that the run would have with this `decoding.min_score`, or for relations this
        `decoding.min_relation_score`, if that is no lower than the run's own.
    counted : `Counted`, optional (default = `"entities"`)

    # Returns

    `pandas.DataFrame` with a row for each document and the columns of `COUNTS`; its index,
    "document", has the documents' keys. Of relations, without the documents whose relations nobody
    has annotated, as `StrictRelationF1` counts.

    # Raises

    `RunError` for a run without predictions, and for what `count_predictions` does not take.
    """
    files = [fold / PREDICTIONS for fold in fold_folders(folder) or [folder]]
    return count_predictions(files, min_score, counted)


def count_predictions(
    files: List[Path], min_score: float = 0.0, counted: Counted = "entities"
) -> pandas.DataFrame:
    """
    `count_run` for files as `allennlp predict` writes them, of annotated documents. Which relations
    have no direction the predictions say; where they do not, the `config.json` beside the file, and
    where there is none they are SciERC's.

    # Raises

    `RunError` for a file that is missing or damaged, a document that is not annotated or not
    predicted, one that is there twice, and for predictions without scores where there is a
    `min_score`.
    """
    rows = {}
    for file in files:
        if not file.is_file():
            raise RunError(f"{file}: there is no such file, and so no predictions")
        symmetric = frozenset() if counted == "entities" else _symmetric_labels(file)
        try:
            for line in read_predictions(str(file)):
                if isinstance(line, FailedInput):
                    raise RunError(f"{file}: a document was not predicted: {line}")
                where, key = line.document.describe(), line.document.key
                if key in rows:
                    raise RunError(f"{where} has been predicted before; which of the two counts?")
                if counted == "entities":
                    rows[key] = _counts(_entities(line, min_score))
                else:
                    rows[key] = _counts(_relations(line, min_score, counted, symmetric))
        except DocumentError as error:
            raise RunError(str(error)) from None
    counts = {key: row for key, row in rows.items() if row is not None}
    table = pandas.DataFrame.from_dict(counts, orient="index", columns=COUNTS)
    return table.rename_axis("document")


def _counts(sets: Optional[_Sets]) -> Optional[Tuple[int, int, int]]:
    if sets is None:
        return None
    predicted, gold = sets
    return len(predicted & gold), len(predicted), len(gold)


def _entities(line: PredictedDocument, min_score: float) -> _Sets:
    where = line.document.describe()
    if line.predicted is None or line.document.entities is None:
        raise RunError(f"{where} has no 'ner' or no predictions, and needs both")
    entities = line.predicted.entities
    if min_score and any(entity.score is None for entity in entities):
        raise RunError(f"{where} is predicted without scores, so none can be too low")
    # The scores of all that count are at hand, or none is asked for.
    predicted = {entity[:3] for entity in entities if (entity.score or 0) >= min_score}
    return predicted, {tuple(entity) for entity in line.document.entities}


def _relations(
    line: PredictedDocument, min_score: float, sense: Sense, symmetric: AbstractSet[str]
) -> Optional[_Sets]:
    """
    None where nobody has annotated the document's relations. `symmetric` are the labels of those
    without a direction, if the predictions do not say.
    """
    predicted, document = line.predicted, line.document
    if predicted is None or predicted.relations is None:
        raise RunError(f"{document.describe()} has no predicted relations")
    if document.relations is None:
        return None
    if predicted.symmetric_labels is not None:
        symmetric = frozenset(predicted.symmetric_labels)
    if min_score and any(relation.score is None for relation in predicted.relations):
        raise RunError(f"{document.describe()} is predicted without scores of relations")
    sure = [relation for relation in predicted.relations if (relation.score or 0) >= min_score]
    found = relation_sets(map(predicted.in_words, sure), predicted.entities, symmetric)
    gold = relation_sets(document.relations, document.entities or [], symmetric)
    return found[sense], gold[sense]


def _symmetric_labels(predictions: Path) -> AbstractSet[str]:
    file = predictions.with_name("config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SYMMETRIC_LABELS
    except ValueError as error:
        raise RunError(f"{file}: not JSON: {error}") from None
    try:
        return frozenset(config["model"]["relations"].get("symmetric_labels") or ())
    except (KeyError, TypeError, AttributeError):
        # Of something else than the training of a model with such a part.
        return SYMMETRIC_LABELS
