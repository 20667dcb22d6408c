import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Sequence

from sept_runtime.formats.brat import write_brat
from sept_runtime.formats.predictions import prediction_from_json


def brat_archive(predictions: Sequence[Any]) -> bytes:
    """
    Return a ZIP archive with the brat files of predictions.

    # Parameters

    predictions : `Sequence[Any]`
        JSON objects as `sept predict` writes them; failed inputs are left out.

    # Raises

    `DocumentError` for an object that is not a prediction.
    """
    documents = [
        prediction_from_json(fields, f"prediction {number}")
        for number, fields in enumerate(predictions, start=1)
        if not (isinstance(fields, dict) and "error" in fields)
    ]
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "brat"
        write_brat(documents, folder)
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder.parent))
    return content.getvalue()
