"""Reading JSON whose every key is checked, with messages that name it."""

import base64
import binascii
import json
import math
from typing import Any, Dict, List, Mapping, TypeVar

import numpy as np
from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.json_lines import JsonObject, is_index

FloatArray = NDArray[np.float32]
Indices = NDArray[np.int64]

T = TypeVar("T")


class Fields:
    """
    A JSON object of a configuration.

    # Parameters

    fields : `JsonObject`
    where : `str`
        What messages call it: the file, and the key that it stands under.
    """

    def __init__(self, fields: Any, where: str) -> None:
        self._where = where
        if not isinstance(fields, dict):
            raise self._fault("is no object")
        self._fields: JsonObject = fields

    def __contains__(self, key: str) -> bool:
        return self._fields.get(key) is not None

    def keys(self) -> List[str]:
        """In the order of the file."""
        return list(self._fields)

    def object(self, key: str) -> "Fields":
        """An object's fields."""
        return Fields(self._value(key), f"{self._where}, {key!r}")

    def objects(self, key: str) -> List["Fields"]:
        """The fields of each object of a list."""
        return [
            Fields(value, f"{self._where}, {key!r}, {index}")
            for index, value in enumerate(self._list(key))
        ]

    def text(self, key: str) -> str:
        """A string."""
        value = self._value(key)
        if not isinstance(value, str):
            raise self._fault(f"must be a string, found {_shown(value)}", key)
        return value

    def texts(self, key: str) -> List[str]:
        """A list of strings."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise self._fault("must hold strings", key)
        return values

    def one_of(self, key: str, choices: Mapping[str, T]) -> T:
        """What a name stands for."""
        name = self.text(key)
        if name not in choices:
            raise self._fault(f"{name!r} is not known here: is it of a newer release", key)
        return choices[name]

    def truth(self, key: str) -> bool:
        """`true` or `false`."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self._fault(f"must be true or false, found {_shown(value)}", key)
        return value

    def number(self, key: str) -> float:
        """A number, whole or not."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            raise self._fault(f"must be a number, found {_shown(value)}", key)
        return float(value)

    def whole(self, key: str, least: int = 0) -> int:
        """A whole number, not below `least`."""
        value = self._value(key)
        if not (is_index(value) and value >= least):
            raise self._fault(f"must be a whole number from {least} on, found {_shown(value)}", key)
        assert isinstance(value, int)
        return value

    def wholes(self, key: str) -> List[int]:
        """A list of whole numbers, not negative."""
        values = self._list(key)
        if not all(map(is_index, values)):
            raise self._fault("must hold whole numbers", key)
        return values

    def array(self, key: str, *shape: int) -> FloatArray:
        """An array as `array_to_json` gives it; of a `shape`, where -1 stands for any number."""
        fields = self.object(key)
        found = fields.wholes("shape")
        fits = len(found) == len(shape) and all(
            wanted in (-1, length) for wanted, length in zip(shape, found)
        )
        if not fits:
            raise self._fault(f"has the shape {found} and should have {list(shape)}", key)
        try:
            data = base64.b64decode(fields.text("float32"), validate=True)
        except (binascii.Error, ValueError):
            raise self._fault("is not in base64", key) from None
        if len(data) != 4 * math.prod(found):
            raise self._fault(f"has not as many numbers as its shape {found}", key)
        return np.frombuffer(data, "<f4").reshape(found).astype(np.float32)

    def fault(self, reason: str, key: str) -> ExportedModelError:
        """The error to raise for the value of a key."""
        return self._fault(reason, key)

    def _list(self, key: str) -> List[Any]:
        value = self._value(key)
        if not isinstance(value, list):
            raise self._fault(f"must be a list, found {_shown(value)}", key)
        return value

    def _value(self, key: str) -> Any:
        if key not in self._fields:
            raise self._fault("is missing", key)
        return self._fields[key]

    def _fault(self, reason: str, key: str = "") -> ExportedModelError:
        what = f"{self._where}: {key!r} " if key else f"{self._where} "
        return ExportedModelError(f"{what}{reason}; export the model again")


def array_to_json(array: FloatArray) -> Dict[str, Any]:
    """An array's numbers exactly, in little space."""
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(data).decode()}


def _shown(value: Any) -> str:
    return json.dumps(value)[:40]
