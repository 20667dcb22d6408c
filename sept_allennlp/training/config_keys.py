"""
Misspelled keys of a configuration are reported with their place and the nearest known key.

AllenNLP ignores an unknown key of its trainer, and reports that of a class that passes keywords on
as an unexpected argument of the base class.
"""

import difflib
import inspect
from typing import Any, Callable, Dict, Iterable, List

from allennlp.common import Params, from_params
from allennlp.common.checks import ConfigurationError

_create_kwargs = from_params.create_kwargs


def create_kwargs(
    constructor: Callable[..., Any], cls: Any, params: Params, **extras: Any
) -> Dict[str, Any]:
    """
    Make a constructor's arguments as AllenNLP does, but check the keys first.

    # Raises

    `ConfigurationError` for a key that the class does not know. A class of another package that
    takes any keyword may know more than its signature says, so its keys are not checked.
    """
    known = from_params.infer_params(cls, constructor)
    kinds = {parameter.kind for parameter in inspect.signature(constructor).parameters.values()}
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds
    if not takes_any or cls.__module__.split(".")[0] == "sept_allennlp":
        names = [
            name
            for name, parameter in known.items()
            if name != "self" and parameter.kind != inspect.Parameter.VAR_KEYWORD
        ]
        unknown = [key for key in params.keys() if key not in names]
        if unknown:
            settable = [name for name in names if name not in extras]
            raise ConfigurationError(unknown_keys(cls, params.history, unknown, settable))
    return _create_kwargs(constructor, cls, params, **extras)


def unknown_keys(cls: Any, history: str, keys: Iterable[str], known: List[str]) -> str:
    """Return the message about keys that a class does not know, in one line."""
    phrases = []
    for key in keys:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known keys: {', '.join(sorted(known))}."
        phrases.append(f"{history}{key}: {cls.__name__} has no key '{key}'. {hint}")
    return " ".join(phrases)


def install() -> None:
    """Have AllenNLP check the keys of everything that it makes from a configuration."""
    from_params.create_kwargs = create_kwargs
