"""What commands that load an exported model are told of how to run it."""

import argparse
from typing import Union

from sept_runtime.engines import ENGINES, PRECISIONS


def add_engine_arguments(
    parser: Union[argparse.ArgumentParser, argparse._ArgumentGroup],
) -> None:
    """Adds `engine` and `precision`, of `sept_runtime.engines`."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help=f"what runs an exported model; openvino is an extra (default = {ENGINES[0]})",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="in which numbers; bfloat16 is faster with openvino on processors that have it, int8 "
        f"with models that were exported with --int8 (default = {PRECISIONS[0]})",
    )
