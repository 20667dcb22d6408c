"""What entities and relations of JSON objects have in common."""

import json
from typing import Any, List

from sept_runtime.documents import DocumentError


def check_label(label: Any, score: Any, where: str) -> None:
    """
    # Raises

    `DocumentError` for a label that is none, and for a score that is one and no number.
    """
    if not (isinstance(label, str) and label):
        raise DocumentError(f"{where}: the label must be a string, found {json.dumps(label)}")
    if score is not None and not is_number(score):
        raise DocumentError(f"{where}: the score must be a number, found {json.dumps(score)}")


def is_number(value: Any) -> bool:
    """Whether a value is one; `true` is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def checked_list(value: Any, what: str) -> List[Any]:
    """
    # Raises

    `DocumentError` for what is no list; the message begins with `what`.
    """
    if not isinstance(value, list):
        raise DocumentError(f"{what} must be a list")
    return value
