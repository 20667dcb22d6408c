"""
`_pretrained` for parameters that are `Lazy`.

AllenNLP takes a part of a model from an archive with
`{"_pretrained": {"archive_file": ..., "module_path": ...}}`, but fails if the constructor takes the
part as `Lazy`, as our models take span extractors and feedforward layers.
"""

from typing import Any, Optional, Union, get_args, get_origin

from allennlp.common import Lazy, Params, from_params

_pop_and_construct_arg = from_params.pop_and_construct_arg


def pop_and_construct_arg(
    class_name: str,
    argument_name: str,
    annotation: Any,
    default: Any,
    params: Params,
    **extras: Any,
) -> Any:
    """Construct an argument as AllenNLP does, and wrap it if it is pretrained and to be lazy."""
    part = params.get(argument_name, None)
    inner = _type_of_lazy(annotation)
    if inner is None or not isinstance(part, Params) or "_pretrained" not in part:
        return _pop_and_construct_arg(
            class_name, argument_name, annotation, default, params, **extras
        )
    module = _pop_and_construct_arg(class_name, argument_name, inner, default, params, **extras)
    return Lazy(lambda **kwargs: module)


def _type_of_lazy(annotation: Any) -> Optional[Any]:
    """Return what a `Lazy` or optional `Lazy` parameter is to be; `None` for others."""
    if get_origin(annotation) is Lazy:
        return get_args(annotation)[0]
    if get_origin(annotation) is Union:
        return next(filter(None, map(_type_of_lazy, get_args(annotation))), None)
    return None


def install() -> None:
    """Have AllenNLP construct arguments by `pop_and_construct_arg`."""
    from_params.pop_and_construct_arg = pop_and_construct_arg
