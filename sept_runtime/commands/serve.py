import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from typing_extensions import override

from sept_runtime.commands.arguments import (
    add_decoding_arguments,
    add_engine_arguments,
    decoding_arguments,
    positive_int,
)
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.errors import ExportedModelError, needs_extra
from sept_runtime.serving.limits import Limits
from sept_runtime.version import VERSION

if TYPE_CHECKING:
    from sept_runtime.serving.app import ServedModel

TOKEN_VARIABLE = "SEPT_TOKEN"

_LIMITS = {
    "max_body_bytes": "most bytes in the body of a request",
    "max_documents": "most documents in one request",
    "max_words": "most words in one document",
    "max_queued": "most documents that wait or are being predicted, of all clients together",
    "max_streams": "most streams at the same time",
    "request_seconds": "most seconds for one request",
    "idle_seconds": "most seconds that a stream may be idle",
}


class Serve(Command):
    """The command `sept serve`."""

    name = "serve"
    description = (
        "Serve predictions over HTTP: for programs, on a page for people, and for Label Studio and "
        "INCEpTION."
    )
    errors = (DocumentError, ExportedModelError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--model",
            help="the name of an installed model, the folder of an exported one, or, where the "
            "plugin is installed, an archive (default = the installed model if there is exactly "
            "one)",
        )
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="address to listen on (default = %(default)s, this machine alone)",
        )
        parser.add_argument(
            "--port", type=int, default=8000, help="port to listen on (default = %(default)s)"
        )
        parser.add_argument(
            "--token-file",
            metavar="FILE",
            help="file with a token that clients must send, as a bearer token or as the password "
            f"of HTTP Basic authentication (default = the variable {TOKEN_VARIABLE}, if set)",
        )
        parser.add_argument(
            "--allowed-host",
            action="append",
            default=[],
            metavar="NAME",
            help="a host name of this server, beside localhost and IP addresses; may be repeated",
        )
        parser.add_argument(
            "--cors-origin",
            action="append",
            default=[],
            metavar="ORIGIN",
            help="an origin whose pages may call the server, such as https://example.org; may be "
            "repeated",
        )
        parser.add_argument(
            "--threads",
            type=positive_int,
            help="the number of threads (default = one for each available core)",
        )
        add_engine_arguments(parser)
        add_decoding_arguments(parser)
        defaults = Limits()
        for field in fields(Limits):
            if field.name in _LIMITS:
                default = getattr(defaults, field.name)
                parser.add_argument(
                    "--" + field.name.replace("_", "-"),
                    type=positive_int if isinstance(default, int) else float,
                    default=default,
                    help=f"{_LIMITS[field.name]} (default = %(default)s)",
                )

    @override
    def run(self, args: argparse.Namespace) -> int:
        try:
            import uvicorn

            from sept_runtime.serving.app import make_app
        except ImportError:
            raise DocumentError(needs_extra("the server", "serve")) from None
        model = _served_model(args)
        limits = Limits(**{name: getattr(args, name) for name in _LIMITS})
        app = make_app(
            model,
            limits,
            token=_token(args.token_file),
            allowed_hosts=args.allowed_host,
            cors_origins=args.cors_origin,
        )
        uvicorn.run(
            app,
            host=args.host,
            port=args.port,
            log_level="warning",
            server_header=False,
            # A request in progress may end; then the server does.
            timeout_graceful_shutdown=int(limits.request_seconds) + 1,
            timeout_keep_alive=10,
        )
        return 0


def _served_model(args: argparse.Namespace) -> "ServedModel":
    from sept_runtime.models import find_model
    from sept_runtime.onnx.predictor import ExportedPredictor
    from sept_runtime.serving.app import ServedModel

    predictor: Any
    if args.model is not None and (Path(args.model).is_file()):
        try:
            from sept_allennlp.predictors import SEPTPredictor
        except ImportError:
            raise DocumentError(
                f"{args.model}: serving an archive needs the training half of sept_allennlp; serve "
                "the folder of an exported model, or install that half"
            ) from None
        predictor = SEPTPredictor.from_path(args.model, import_plugins=False)
        name = Path(args.model).parent.resolve().name
    else:
        folder = find_model(args.model)
        predictor = ExportedPredictor(folder, args.threads, args.engine, args.precision)
        name = args.model or folder.parent.name
    try:
        decoding = predictor.decoding.changed(**decoding_arguments(args))
    except ValueError as error:
        raise DocumentError(f"--predictor-args: {error}") from None
    return ServedModel(predictor, decoding, Path(name).name, VERSION)


def _token(file: Optional[str]) -> Optional[str]:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    with open(file, encoding="utf-8") as content:
        token = content.read().strip()
    if not token:
        raise DocumentError(f"{file}: the file with the token is empty")
    return token
