"""What was right in the predictions of a run, document by document."""

from pathlib import Path
from typing import List

import pandas

from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.folds import fold_folders
from sept_allennlp.training.keep_predictions import PREDICTIONS
from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, read_predictions

# Entities: predicted as they are annotated, predicted, and annotated.
COUNTS = ["right", "predicted", "gold"]


def count_run(folder: Path, min_score: float = 0.0) -> pandas.DataFrame:
    """
    Counts the entities in the predictions that a run has kept; of one that was trained in folds, in
    those of all folds.

    # Parameters

    folder : `Path`
        Of a run with one seed.
    min_score : `float`, optional (default = `0.0`)
        A probability; predicted entities below it do not count as predicted. So the counts are
        those that the run would have with this `decoding.min_score`, if that is no lower than the
        run's own.

    # Returns

    `pandas.DataFrame` with a row for each document and the columns of `COUNTS`; its index,
    "document", has the documents' keys.

    # Raises

    `RunError` for a run without predictions, and for what `count_predictions` does not take.
    """
    files = [fold / PREDICTIONS for fold in fold_folders(folder) or [folder]]
    return count_predictions(files, min_score)


def count_predictions(files: List[Path], min_score: float = 0.0) -> pandas.DataFrame:
    """
    `count_run` for files as `allennlp predict` writes them, of annotated documents.

    # Raises

    `RunError` for a file that is missing or damaged, a document that is not annotated or not
    predicted, one that is there twice, and for predictions without scores where there is a
    `min_score`.
    """
    rows = {}
    for file in files:
        if not file.is_file():
            raise RunError(f"{file}: there is no such file, and so no predictions")
        try:
            for line in read_predictions(str(file)):
                if isinstance(line, FailedInput):
                    raise RunError(f"{file}: a document was not predicted: {line}")
                where = line.document.describe()
                if line.predicted is None or line.document.entities is None:
                    raise RunError(f"{where} has no 'ner' or no predictions, and needs both")
                if line.document.key in rows:
                    raise RunError(f"{where} has been predicted before; which of the two counts?")
                gold = {tuple(entity) for entity in line.document.entities}
                entities = line.predicted.entities
                if min_score and any(entity.score is None for entity in entities):
                    raise RunError(f"{where} is predicted without scores, so none can be too low")
                # The scores of all that count are at hand, or none is asked for.
                predicted = {entity[:3] for entity in entities if (entity.score or 0) >= min_score}
                counts = (len(gold & predicted), len(predicted), len(gold))
                rows[line.document.key] = counts
        except DocumentError as error:
            raise RunError(str(error)) from None
    table = pandas.DataFrame.from_dict(rows, orient="index", columns=COUNTS)
    return table.rename_axis("document")
