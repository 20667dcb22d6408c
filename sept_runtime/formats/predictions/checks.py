"""Checks that entities and relations of JSON objects have in common."""

import json
from typing import Any, List

from sept_runtime.documents import DocumentError


def check_label(label: Any, score: Any, where: str) -> None:
    """
    Check a label, and a score if there is one.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not (isinstance(label, str) and label):
        raise DocumentError(f"{where}: the label must be a string, found {shown(label)}")
    if score is not None and not is_probability(score):
        raise DocumentError(
            f"{where}: the score must be a number from 0 to 1, found {shown(score)}"
        )


def is_probability(value: Any) -> bool:
    """Tell whether a value is a number from 0 to 1, give or take a rounding error."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -1e-6 <= value <= 1 + 1e-6


def shown(value: Any) -> str:
    """Return a JSON value for a message, at most 60 characters of it."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked_list(value: Any, what: str) -> List[Any]:
    """
    Return a value after checking that it is a list.

    # Raises

    `DocumentError`, with a message that begins with `what`.
    """
    if not isinstance(value, list):
        raise DocumentError(f"{what} must be a list")
    return value
