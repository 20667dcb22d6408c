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


def count_run(folder: Path) -> pandas.DataFrame:
    """
    Counts the entities in the predictions that a run has kept; of one that was trained in folds, in
    those of all folds.

    # Parameters

    folder : `Path`
        Of a run with one seed.

    # Returns

    `pandas.DataFrame` with a row for each document and the columns of `COUNTS`; its index,
    "document", has the documents' keys.

    # Raises

    `RunError` for a run without predictions, and for what `count_predictions` does not take.
    """
    return count_predictions([fold / PREDICTIONS for fold in fold_folders(folder) or [folder]])


def count_predictions(files: List[Path]) -> pandas.DataFrame:
    """
    `count_run` for files as `allennlp predict` writes them, of annotated documents.

    # Raises

    `RunError` for a file that is missing or damaged, a document that is not annotated or not
    predicted, and one that is there twice.
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
                predicted = {entity[:3] for entity in line.predicted.entities}
                counts = (len(gold & predicted), len(predicted), len(gold))
                rows[line.document.key] = counts
        except DocumentError as error:
            raise RunError(str(error)) from None
    table = pandas.DataFrame.from_dict(rows, orient="index", columns=COUNTS)
    return table.rename_axis("document")
