"""Files of one JSON value a line: reading them, with errors that name the line, and writing."""

import gzip
import json
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, Optional, Tuple, cast

from sept_runtime.documents import DocumentError

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
    The values of a file that holds one in JSON a line, each after the "file, line" that messages
    call it by; empty lines are passed over.

    # Parameters

    path : `str`
        The file, on this machine.
    name : `str`, optional (default = `path`)
        What messages call the file: for a downloaded one its address.

    # Raises

    `DocumentError` where the file is missing or holds nothing, and at the first line that is not
    JSON in UTF-8.
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
    The lines of any file, each after the "file, line" that messages call it by. One whose name ends
    in `.gz` is decompressed. The parameters are those of `read_json_lines`.

    # Raises

    `DocumentError` where the file is missing, or damaged and compressed.
    """
    name = name or path
    if not Path(path).is_file():
        raise DocumentError(f"{name}: there is no such file")
    number = 0
    try:
        with open_lines(path, name) as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{name}, line {number}", line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DocumentError(f"{name}: the file is damaged after line {number} ({error})") from None


def open_lines(path: str, name: Optional[str] = None) -> BinaryIO:
    """Opens a file; one whose name ends in `.gz` is decompressed."""
    # What was downloaded lies under another name.
    if (name or path).endswith(".gz"):
        return cast(BinaryIO, gzip.open(path))
    return open(path, "rb")


def parse_line(line: bytes) -> Any:
    """
    The value that a line holds.

    # Raises

    `DocumentError` if the line is empty, or not JSON in UTF-8.
    """
    if not line.strip():
        raise DocumentError("the line is empty")
    try:
        return json.loads(
            line.decode("utf-8-sig"), parse_constant=_not_json, parse_float=_finite_number
        )
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 text ({error})") from None
    # `ValueError` where JSON is malformed and where a number has thousands of digits.
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not valid JSON ({error})") from None


def dump_line(value: Any) -> str:
    """One line of JSON, in plain characters where a file can hold them."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        # Half a character, which JSON's \\u notation can express and UTF-8 cannot.
        line = json.dumps(value)
    return line + "\n"


def json_type(value: Any) -> str:
    """What JSON calls a value's type, for messages."""
    if value is None:
        return "nothing (null)"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), type(value).__name__)


def is_index(value: Any) -> bool:
    """Whether a value is a whole number and not negative; `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is Python's and not JSON's")


def _finite_number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number
