"""Run `sept` and fail at the first socket."""

import sys
from typing import Any, Tuple


def refuse(event: str, arguments: Tuple[Any, ...]) -> None:
    """Stop the process at an event of sockets."""
    if event.startswith("socket."):
        raise SystemExit(f"a socket was used: {event}")


sys.addaudithook(refuse)

from sept_runtime.commands import main  # noqa: E402

main()
