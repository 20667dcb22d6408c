"""Arguments that several commands share."""

import argparse
import contextlib
import json
from typing import TYPE_CHECKING, Any, Callable, Dict, Union

from sept_runtime.documents import DocumentError
from sept_runtime.formats.records import FORMATS, FieldOptions
from sept_runtime.options import (
    COUNT,
    ENGINES,
    PRECISIONS,
    PROBABILITY,
    SWITCH,
    Kind,
    decoding_options,
)

if TYPE_CHECKING:
    # It loads numpy, which most commands do not need.
    from sept_runtime.calibration import Calibration

Parser = Union[argparse.ArgumentParser, argparse._ArgumentGroup]


def add_engine_arguments(parser: Parser) -> None:
    """Add `--engine` and `--precision`."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="the engine that runs an exported model; openvino is an extra "
        f"(default = {ENGINES[0]})",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="the precision of the encoder; bfloat16 is faster with openvino on processors that "
        f"support it, int8 needs a model exported with --int8 (default = {PRECISIONS[0]})",
    )


def add_decoding_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option of `Decoding`, and `--predictor-args`."""
    group = parser.add_argument_group("options of prediction", "Default: as the model was trained.")
    names = []
    for name, option in decoding_options().items():
        kind: Kind = option.metadata["kind"]
        flag = f"--{name.replace('_', '-')}"
        names.append(name)
        if kind is SWITCH:
            group.add_argument(
                flag, action=argparse.BooleanOptionalAction, help=option.metadata["help"]
            )
        else:
            group.add_argument(
                flag, type=number_of(kind), metavar="N", help=option.metadata["help"]
            )
    group.add_argument(
        "--predictor-args",
        type=json_object,
        default={},
        metavar="JSON",
        help=f"the same options ({', '.join(names)}) as one JSON object, such as "
        "'{\"min_score\": 0.5}'",
    )


def decoding_arguments(args: argparse.Namespace) -> Dict[str, Any]:
    """Return the options that were given; `--min-score` overrides `min_score` in JSON."""
    given = {name: getattr(args, name) for name in decoding_options()}
    return {**args.predictor_args, **{k: value for k, value in given.items() if value is not None}}


def add_calibrated_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--min-precision` and `--min-recall`."""
    group = parser.add_argument_group("thresholds from the model's calibration data")
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--min-precision",
        type=probability,
        metavar="N",
        help="use the lowest min_score with this precision on the calibration data",
    )
    either.add_argument(
        "--min-recall",
        type=probability,
        metavar="N",
        help="use the highest min_score with this recall on the calibration data",
    )


def calibrated_arguments(args: argparse.Namespace, calibration: "Calibration") -> Dict[str, Any]:
    """
    Return the `min_score` that `--min-precision` or `--min-recall` asks for, if one is given.

    # Raises

    `DocumentError` if there is a `--min-score`, too, and if the model cannot reach the value.
    """
    wanted = {name: getattr(args, name) for name in ("min_precision", "min_recall")}
    given = [name for name, value in wanted.items() if value is not None]
    if not given:
        return {}
    option = f"--{given[0].replace('_', '-')}"
    if "min_score" in decoding_arguments(args):
        raise DocumentError(f"{option} chooses the min_score, so --min-score must not be given.")
    try:
        return {"min_score": calibration.min_score(**wanted)}
    except ValueError as error:
        raise DocumentError(str(error).replace(given[0], option)) from None


def json_object(text: str) -> Dict[str, Any]:
    """Parse an argument that is a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r} ({error})") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r}")
    return value


def number_of(kind: Kind) -> Callable[[str], Any]:
    """Return a parser of arguments that are numbers of a kind."""

    def parse(text: str) -> Any:
        value: Any = None
        for type_ in (float, int):
            with contextlib.suppress(ValueError):
                value = type_(text)
        if value is None or not kind.accepts(value):
            raise argparse.ArgumentTypeError(f"must be {kind.description}, got {text!r}")
        return value

    return parse


positive_int = number_of(
    Kind("a whole number, 1 or more", lambda value: isinstance(value, int) and value > 0)
)
count = number_of(COUNT)
probability = number_of(PROBABILITY)


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that tell how records are read."""
    group = parser.add_argument_group("records")
    group.add_argument(
        "--format",
        choices=FORMATS,
        help="the format of the inputs (default = recognized from name and content)",
    )
    group.add_argument(
        "--text-field",
        metavar="NAME",
        help="the field of the text, such as abstract or abstract.value (default = a field with a "
        "usual name, such as text or abstract)",
    )
    group.add_argument(
        "--id-field",
        metavar="NAME",
        help="the field of the id (default = a field with a usual name)",
    )
    group.add_argument(
        "--title-field",
        metavar="NAME",
        help="the field of the title (default = a field with a usual name)",
    )
    group.add_argument(
        "--with-title", action="store_true", help="also annotate the title, as the first sentence"
    )
    group.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="FIELD",
        help="copy these fields of the records to the output, such as year, which is also found in "
        "the dates of common sources",
    )
    group.add_argument(
        "--one-per-line", action="store_true", help="read each line of a text file as a document"
    )


def record_fields(args: argparse.Namespace) -> FieldOptions:
    """Return the fields that `add_record_arguments` has asked for."""
    return FieldOptions(
        args.text_field, args.id_field, args.title_field, tuple(args.keep), args.with_title
    )
