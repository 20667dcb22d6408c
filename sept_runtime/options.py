"""
The options of prediction: their names, types, ranges and help texts.

Importing this module loads neither numpy nor an engine, so that commands list the options quickly.
"""

import difflib
import numbers
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Callable, Dict, NamedTuple, Optional

# The engines and precisions of exported models; the first of each is the default.
ENGINES = ("onnxruntime", "openvino")
# A trained model computes in these; the others need an export.
TRAINED_PRECISIONS = ("float32", "bfloat16")
PRECISIONS = (*TRAINED_PRECISIONS, "int8")


def non_default_options(engine: str, precision: str) -> Dict[str, str]:
    """Return those of the two that differ from the defaults, by option name."""
    defaults = {"engine": ENGINES[0], "precision": PRECISIONS[0]}
    given = {"engine": engine, "precision": precision}
    return {option: value for option, value in given.items() if value != defaults[option]}


class Kind(NamedTuple):
    """The type and range of an option's value."""

    description: str
    accepts: Callable[[Any], bool]


def _is_probability(value: Any) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_whole and int(value) >= 0


SWITCH = Kind("true or false", lambda value: isinstance(value, bool))
PROBABILITY = Kind("a number between 0 and 1", _is_probability)
COUNT = Kind("a whole number, 0 or more", _is_count)


def _option(default: Any, kind: Kind, help: str) -> Any:
    return field(default=default, metadata={"kind": kind, "help": help})


@dataclass(frozen=True)
class Decoding:
    """
    Options that turn scores into entities and relations.

    # Parameters

    flat : `bool`, optional (default = `False`)
        If true, entities share no word: of overlapping ones, the most probable stays. The paper
        classifies each span independently, so that entities may nest; that is the default.
    min_score : `float`, optional (default = `0.0`)
        Drop entities with a lower probability.
    top_labels : `int`, optional (default = `0`)
        The number of labels to report for each entity.
    min_relation_score : `float`, optional (default = `0.0`)
        Drop relations with a lower probability.
    soft_labels : `float`, optional (default = `None`)
        Also report the label probabilities of every candidate that is an entity with at least this
        probability (`soft_annotation`), for training a smaller model.
    soft_relations : `float`, optional (default = `None`)
        With `soft_labels`, also report the probabilities of relations in every pair of entities,
        without those below this one.

    # Raises

    `ValueError` for a value of a wrong type or out of range.
    """

    flat: bool = _option(False, SWITCH, "let no two entities overlap")
    min_score: float = _option(0.0, PROBABILITY, "leave out entities with a lower probability")
    top_labels: int = _option(0, COUNT, "report this many labels of each entity")
    min_relation_score: float = _option(
        0.0, PROBABILITY, "leave out relations with a lower probability"
    )
    soft_labels: Optional[float] = _option(
        None,
        PROBABILITY,
        "also report the label probabilities of every span that is an entity with at least this "
        "probability, for training a smaller model",
    )
    soft_relations: Optional[float] = _option(
        None,
        PROBABILITY,
        "with soft_labels, also report the probabilities of relations for every pair of entities, "
        "if they are at least this high",
    )

    def __post_init__(self) -> None:
        for name, option in decoding_options().items():
            kind, value = option.metadata["kind"], getattr(self, name)
            if not kind.accepts(value) and not (value is None and option.default is None):
                raise ValueError(f"{name} must be {kind.description}, got {value!r}")
        if self.soft_relations is not None and self.soft_labels is None:
            raise ValueError("soft_relations needs soft_labels: give both, such as 0.01 and 0.01")

    def changed(self, **options: Any) -> "Decoding":
        """
        Return a copy with the given options replaced; `None` keeps the current value.

        # Raises

        `ValueError` for an unknown option, and for a value of a wrong type or out of range.
        """
        for name in options:
            if name not in decoding_options():
                raise ValueError(unknown_option(name))
        return replace(
            self, **{name: value for name, value in options.items() if value is not None}
        )


def decoding_options() -> "Dict[str, Field[Any]]":
    """Return the options of `Decoding` by name."""
    return {option.name: option for option in fields(Decoding)}


def unknown_option(name: str) -> str:
    """Return the message for an option name that `Decoding` lacks."""
    known = list(decoding_options())
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown option {name!r}{hint}; the options are {', '.join(known)}"
