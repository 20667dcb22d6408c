"""Read and write files with one JSON value a line."""

import json
import math
from typing import Any, Dict, Iterator, Optional, Tuple

from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import (
    STANDARD_INPUT_NAME,
    STANDARD_STREAM,
    DamagedInputError,
    open_input,
)

JsonObject = Dict[str, Any]
_TYPES = (
    (bool, "true or false"),
    (dict, "an object"),
    (list, "a list"),
    (str, "a string"),
    (int, "a number"),
    (float, "a number"),
)


def read_json_lines(path: str, name: Optional[str] = None) -> Iterator[Tuple[str, Any]]:
    """
    Yield the JSON value of each line, with the "file, line" that messages name it by.

    Empty lines are skipped.

    # Parameters

    path : `str`
        `-` for standard input.
    name : `str`, optional (default = `path`)
        The file's name in messages: for a downloaded file its address.

    # Raises

    `DocumentError` if the file is missing or empty, and at the first line that is not JSON in
    UTF-8.
    """
    found = False
    for origin, line in read_lines(path, name):
        if not line.strip():
            continue
        try:
            value = parse_line(line)
        except DocumentError as error:
            raise DocumentError(f"{origin}: {error}") from None
        found = True
        yield origin, value
    if not found:
        raise DocumentError(f"{name or path}: the file holds no document")


def read_lines(path: str, name: Optional[str] = None) -> Iterator[Tuple[str, bytes]]:
    """
    Yield the lines of any file, each with the "file, line" that messages name it by.

    The parameters are those of `open_input`, which decompresses the file where necessary.

    # Raises

    `DocumentError` if the file is missing or damaged; the whole lines before the damage are yielded
    first.
    """
    number = 0
    shown = STANDARD_INPUT_NAME if path == STANDARD_STREAM else name or path
    with open_input(path, name) as lines:
        try:
            for number, line in enumerate(lines, start=1):
                yield f"{shown}, line {number}", line
        except DamagedInputError as error:
            raise error.after_lines(number) from None


def parse_line(line: bytes) -> Any:
    """
    Return the JSON value of a line.

    # Raises

    `DocumentError` if the line is empty, or not JSON in UTF-8.
    """
    if not line.strip():
        raise DocumentError("the line is empty")
    try:
        return json.loads(
            line.decode("utf-8-sig"), parse_constant=not_json, parse_float=finite_number
        )
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 text ({error})") from None
    # `ValueError` for malformed JSON, and for numbers of thousands of digits.
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not valid JSON ({error})") from None


def dump_line(value: Any) -> str:
    """Return a value as a line of JSON, which can always be encoded as UTF-8."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate, which JSON's \\u notation can express and UTF-8 cannot.
        line = json.dumps(value)
    return line + "\n"


def json_type(value: Any) -> str:
    """Return JSON's name of a value's type, for messages."""
    if value is None:
        return "nothing (null)"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), type(value).__name__)


def is_index(value: Any) -> bool:
    """Tell whether a value is a whole number of at least 0; `true` is not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def not_json(name: str) -> None:
    """Refuse `NaN` and `Infinity`, for `parse_constant` of the package `json`."""
    raise ValueError(f"{name} is not a number in JSON")


def finite_number(digits: str) -> float:
    """Return a number that is not too large, for `parse_float` of the package `json`."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number
