"""
What a command of AllenNLP prints: results and warnings, with the details in the log file.

AllenNLP prints each parameter of the configuration, each weight's name and each batch's metrics.
"""

import logging
import os
import sys
from types import TracebackType
from typing import Optional, Type

from allennlp.common import logging as allennlp_logging
from allennlp.common import tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import SigTermReceived
from typing_extensions import override

from sept_allennlp.archives.loading import ArchiveError
from sept_runtime.documents import DocumentError

# The log of a training, in its folder. In distributed training each process has its own.
LOG = "out.log"

# Its messages are meant for the terminal.
progress = logging.getLogger("sept_allennlp.progress")

# The errors whose message is for the user, so that the traceback only goes to the log.
EXPLAINED = (ConfigurationError, ArchiveError, DocumentError, FileNotFoundError)

# Loggers whose messages are hidden in other commands than `train`, which has a log file.
_DETAILS = (
    "allennlp.common.params",
    "allennlp.common.plugins",
    "allennlp.common.registrable",
    "allennlp.data.vocabulary",
    "allennlp.models.archival",
    "allennlp.nn.initializers",
    "cached_path",
)

# A warning about what the configurations intend.
_INTENDED = "You provided a validation dataset but patience was set to None"

_prepare_global_logging = allennlp_logging.prepare_global_logging


class _Terminal(logging.Handler):
    """Handler that prints the progress to stdout, and warnings and errors to stderr."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name == progress.name:
            print(record.getMessage(), flush=True)
        elif record.levelno >= logging.WARNING and not str(record.msg).startswith(_INTENDED):
            print(f"{record.levelname.lower()}: {record.getMessage()}", file=sys.stderr, flush=True)


def prepare_global_logging(
    serialization_dir: "str | os.PathLike[str]", rank: int = 0, world_size: int = 1
) -> None:
    """
    Log a training to a file as AllenNLP does, and print progress, warnings and errors only.

    With the environment variable `ALLENNLP_DEBUG`, everything is printed as well.
    """
    _prepare_global_logging(serialization_dir, rank, world_size)
    root = logging.getLogger()
    if not os.environ.get("ALLENNLP_DEBUG"):
        root.handlers = [
            handler for handler in root.handlers if isinstance(handler, logging.FileHandler)
        ]
        if rank == 0:
            root.addHandler(_Terminal())
    name = LOG if world_size == 1 else f"out_worker{rank}.log"
    log = os.path.join(serialization_dir, name)

    def excepthook(
        kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]
    ) -> None:
        if issubclass(kind, (KeyboardInterrupt, SigTermReceived)):
            sys.__excepthook__(kind, error, traceback)
            return
        # The terminal gets one line and the place of the others.
        terminal = [handler for handler in root.handlers if isinstance(handler, _Terminal)]
        for handler in terminal:
            root.removeHandler(handler)
        root.critical("Uncaught exception", exc_info=(kind, error, traceback))
        message = f"error: {error}" if issubclass(kind, EXPLAINED) else f"{kind.__name__}: {error}"
        print(f"{message}\n(traceback: {log})", file=sys.stderr, flush=True)

    sys.excepthook = excepthook


class LogWriter(tqdm.TqdmToLogsWriter):
    """AllenNLP's writer of progress bars, which prints them only on a terminal."""

    @override
    def write(self, message: str) -> None:
        if allennlp_logging.FILE_FRIENDLY_LOGGING or sys.stderr.isatty():
            super().write(message)
        else:
            line = tqdm.replace_cr_with_newline(message).strip()
            if "100%" in line:
                tqdm.logger.info(line)

    @override
    def flush(self) -> None:
        sys.stderr.flush()


def print_error(
    kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]
) -> None:
    """Print an error that explains itself in one line, and any other with its traceback."""
    if issubclass(kind, EXPLAINED) and not os.environ.get("ALLENNLP_DEBUG"):
        print(f"error: {error}", file=sys.stderr, flush=True)
    else:
        sys.__excepthook__(kind, error, traceback)


def is_detail(record: logging.LogRecord) -> bool:
    """Tell whether a record is a detail that only a log file should hold."""
    return record.levelno < logging.WARNING and record.name.startswith(_DETAILS)


def install() -> None:
    """Have AllenNLP's commands print results and warnings."""
    allennlp_logging.prepare_global_logging = prepare_global_logging
    tqdm.TqdmToLogsWriter = LogWriter  # type: ignore[misc]
    if "allennlp.__main__" in sys.modules or "allennlp" in sys.argv[0]:
        sys.excepthook = print_error
        for handler in logging.getLogger().handlers:
            handler.addFilter(lambda record: not is_detail(record))
