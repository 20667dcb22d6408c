"""The ASGI application of `sept serve`."""

import asyncio
import base64
import contextlib
import hmac
import ipaddress
import json
from dataclasses import replace
from importlib.resources import files
from typing import (
    Any,
    AsyncIterator,
    Callable,
    Coroutine,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sept_runtime.documents import Document, DocumentError, Prediction
from sept_runtime.errors import needs_extra
from sept_runtime.formats.exchange import character_document
from sept_runtime.formats.json_lines import JsonObject, parse_line
from sept_runtime.formats.predictions import PredictedDocument, failure_to_json
from sept_runtime.inference.json_lines import Request
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding
from sept_runtime.serving import label_studio
from sept_runtime.serving.answers import answer, documents_of, limited, paired
from sept_runtime.serving.limits import Limits
from sept_runtime.serving.metrics import Metrics
from sept_runtime.serving.openapi import openapi
from sept_runtime.serving.queue import Outcome, PredictionQueue, QueueFullError
from sept_runtime.serving.stream import body_lines, file_records, predict_stream
from sept_runtime.serving.uploads import UploadOptions, read_upload
from sept_runtime.version import VERSION
from sept_runtime.views.html.colors import colors_of
from sept_runtime.views.html.page import render_document, style_sheet

T = TypeVar("T")

_OPTIONS: Dict[str, Callable[[str], Any]] = {
    "min_score": float,
    "min_relation_score": float,
    "top_labels": int,
    "flat": lambda text: {"true": True, "false": False}[text.lower()],
}

# The page's own files are the only resources that a browser may load for it. Colors and rows of
# entities are style attributes.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class ServedModel(NamedTuple):
    """
    The model that a server answers with.

    # Parameters

    predictor : `SpanPredictor`
    decoding : `Decoding`
        Used where a request does not say otherwise.
    name, version : `str`
    """

    predictor: SpanPredictor
    decoding: Decoding
    name: str
    version: str

    @property
    def labels(self) -> Sequence[str]:
        """Return the entity labels that the model knows."""
        return self.predictor.labels


class _Refused(Exception):
    """A request that is answered with an error and its reason."""

    def __init__(self, status: int, reason: str, fields: Any = None) -> None:
        super().__init__(reason)
        self.status = status
        self.body = failure_to_json(reason, fields)


class _ClientLeftError(Exception):
    """A client that has closed its connection."""


def make_app(
    model: ServedModel,
    limits: Optional[Limits] = None,
    token: Optional[str] = None,
    allowed_hosts: Sequence[str] = (),
    cors_origins: Sequence[str] = (),
) -> Starlette:
    """
    Make the server's application.

    # Parameters

    model : `ServedModel`
    limits : `Limits`, optional (default = `Limits()`)
    token : `str`, optional (default = `None`)
        Clients must send it, as a bearer token or as the password of HTTP Basic authentication.
    allowed_hosts : `Sequence[str]`, optional (default = `()`)
        Host names under which the server may be addressed, beside `localhost` and IP addresses.
        Others are refused, so that a page on the web cannot reach the server by DNS rebinding.
    cors_origins : `Sequence[str]`, optional (default = `()`)
        Origins whose pages may call the server from a browser.
    """
    middleware = [Middleware(_Guard, token=token, allowed_hosts=allowed_hosts)]
    if cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
        middleware.insert(0, cors)
    server = _Server(model, limits or Limits())
    return Starlette(
        routes=server.routes(),
        middleware=middleware,
        lifespan=server.lifespan,
        exception_handlers={
            _Refused: _answer_refused,
            404: _answer_http_error,
            405: _answer_http_error,
            Exception: _answer_fault,
        },
    )


class _Server:
    def __init__(self, model: ServedModel, limits: Limits) -> None:
        self._model = model
        self._limits = limits
        self._queue = PredictionQueue(model.predictor, limits.max_queued)
        self._metrics = Metrics(self._queue)
        self._num_streams = 0

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        computing = asyncio.create_task(self._queue.run())
        yield
        computing.cancel()

    def routes(self) -> List[Route]:
        page = files("sept_runtime.serving") / "page"
        served = {
            "/page.js": ("page.js", "text/javascript"),
            "/page.css": ("page.css", "text/css"),
        }
        contents = {path: (page / name).read_bytes() for path, (name, _) in served.items()}
        contents["/page.css"] = style_sheet(self._model.labels).encode() + contents["/page.css"]
        self._page = (page / "index.html").read_bytes()

        def static(path: str) -> Route:
            async def serve(request: HttpRequest) -> Response:
                return Response(contents[path], media_type=served[path][1])

            return Route(path, serve)

        routes = [
            Route("/", self._index),
            *map(static, served),
            Route("/predict", self._predict, methods=["POST"]),
            Route("/predict/stream", _Endpoint(self._predict_stream), methods=["POST"]),
            Route("/predict/file", _Endpoint(self._predict_file), methods=["POST"]),
            Route("/page/predict", self._predict_page, methods=["POST"]),
            Route("/page/file", _Endpoint(self._draw_file), methods=["POST"]),
            Route("/page/brat", self._download_brat, methods=["POST"]),
            Route("/inception/predict", self._inception, methods=["POST"]),
            Route("/model", self._describe_model),
            Route("/metrics", self._show_metrics),
            Route("/openapi.json", self._openapi),
        ]
        # Label Studio calls these below the address that it was given, which may be the root.
        for prefix in ("", "/label-studio"):
            routes += [
                Route(prefix + "/health", self._health),
                Route(prefix + "/setup", self._label_studio_setup, methods=["POST"]),
                Route(prefix + "/webhook", self._label_studio_webhook, methods=["POST"]),
            ]
        routes += [
            Route("/label-studio", self._health),
            Route("/label-studio/", self._health),
            Route("/label-studio/predict", self._label_studio_predict, methods=["POST"]),
        ]
        return routes

    # Predictions ------------------------------------------------------------------------------

    async def _predict(self, request: HttpRequest) -> Response:
        body = await self._json_body(request)
        if isinstance(body, dict) and isinstance(body.get("tasks"), list):
            return await self._answer_label_studio(body, request)
        fields = body if isinstance(body, list) else [body]
        outputs = await self._outputs(fields, self._decoding(request.query_params), request)
        if isinstance(body, list):
            return _json(outputs)
        return _json(outputs[0], 422 if "error" in outputs[0] else 200)

    async def _predict_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        decoding = self._decoding(QueryParams(scope["query_string"]))
        body_ended = asyncio.Event()

        async def receive_body() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                body_ended.set()
            return message

        async def left() -> None:
            # Before the end of the body, who reads it notices that the client left.
            await body_ended.wait()
            await _disconnected(receive)

        with self._stream():
            lines = body_lines(receive_body, self._limits)
            streaming = predict_stream(
                lines, Request.from_line, send, self._queue, decoding, self._limits
            )
            with contextlib.suppress(_ClientLeftError):
                await _while_connected(streaming, left())

    async def _predict_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer_file(HttpRequest(scope, receive), send, answer)

    async def _draw_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        await self._answer_file(request, send, self._drawn, self._limits.max_documents)

    async def _answer_file(
        self,
        request: HttpRequest,
        send: Send,
        answer: Callable[[Request, Optional[Outcome]], JsonObject],
        max_documents: Optional[int] = None,
    ) -> None:
        """Answer each record of a file by a line; other files are refused."""
        with self._stream():
            query = dict(request.query_params)
            try:
                options = UploadOptions.of(query, request.headers.get("content-type", ""))
                decoding = self._decoding(query)
                body = await self._body(request)
                async with asyncio.timeout(self._limits.request_seconds):
                    records = await asyncio.to_thread(
                        read_upload, body, options, self._limits.max_body_bytes
                    )
            except DocumentError as error:
                raise _Refused(422, str(error)) from None
            except TimeoutError:
                raise _Refused(422, "reading the file took too long") from None
            streaming = predict_stream(
                file_records(records, self._limits, max_documents),
                lambda record: Request.from_record(record, options.fields),
                send,
                self._queue,
                decoding,
                self._limits,
                answer,
            )
            with contextlib.suppress(_ClientLeftError):
                await _while_connected(streaming, _disconnected(request.receive))

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        """Count an open stream, or refuse it."""
        if self._num_streams >= self._limits.max_streams:
            raise _Refused(429, f"the server already has {self._num_streams} open streams")
        self._num_streams += 1
        try:
            yield
        finally:
            self._num_streams -= 1

    async def _predict_page(self, request: HttpRequest) -> Response:
        """Answer with what `/predict` gives, and the drawing of each document."""
        body = await self._json_body(request)
        fields = body if isinstance(body, list) else [body]
        decoding = self._decoding(request.query_params)
        return _json(
            [self._drawn(*each) for each in await self._outcomes(fields, decoding, request)]
        )

    def _drawn(self, asked: Request, outcome: Optional[Outcome]) -> JsonObject:
        html = None
        if isinstance(outcome, Prediction):
            # Without the gold annotation that a document may have: nothing is judged here.
            document = replace(asked.document, entities=None, relations=None)
            html = render_document(PredictedDocument(document, outcome), self._model.labels)
        return {"prediction": answer(asked, outcome), "html": html}

    async def _outputs(
        self, fields: Sequence[Any], decoding: Decoding, http: HttpRequest
    ) -> List[JsonObject]:
        """Predict JSON values, in order; one that cannot be predicted gives its error."""
        return [answer(*pair) for pair in await self._outcomes(fields, decoding, http)]

    async def _outcomes(
        self, fields: Sequence[Any], decoding: Decoding, http: HttpRequest
    ) -> List[Tuple[Request, Optional[Outcome]]]:
        if len(fields) > self._limits.max_documents:
            raise _Refused(
                413,
                f"{len(fields)} documents in one request; at most {self._limits.max_documents} "
                "are accepted, or any number by POST /predict/stream",
            )
        requests = await asyncio.to_thread(self._read, fields)
        return paired(requests, await self._computed(documents_of(requests), decoding, http))

    def _read(self, fields: Sequence[Any]) -> List[Request]:
        return [limited(Request.from_json(value), self._limits) for value in fields]

    async def _computed(
        self, documents: Sequence[Document], decoding: Decoding, http: HttpRequest
    ) -> List[Outcome]:
        """Compute predictions; a client that leaves gives up its place in the queue."""
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                computing = self._queue.predict(documents, decoding)
                return await _while_connected(computing, _disconnected(http.receive))
        except QueueFullError as error:
            raise _Refused(503, str(error)) from None
        except TimeoutError:
            raise _Refused(
                503, f"the prediction took more than {self._limits.request_seconds:g} seconds"
            ) from None
        except _ClientLeftError:
            raise _Refused(499, "the client closed the connection") from None

    # What the server is -----------------------------------------------------------------------

    async def _index(self, request: HttpRequest) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return _json(label_studio.status())
        headers = {"content-security-policy": _CONTENT_SECURITY_POLICY}
        return Response(self._page, media_type="text/html", headers=headers)

    async def _health(self, request: HttpRequest) -> Response:
        return _json(label_studio.status())

    async def _describe_model(self, request: HttpRequest) -> Response:
        decoding = self._model.decoding
        return _json(
            {
                "name": self._model.name,
                "version": self._model.version,
                "labels": list(self._model.labels),
                # The page's style sheet numbers the colors of labels.
                "colors": {label: n for n, label in enumerate(colors_of(self._model.labels))},
                "finds_relations": self._model.predictor.finds_relations,
                "min_score": decoding.min_score,
                "flat": decoding.flat,
                "sept_version": VERSION,
            }
        )

    async def _show_metrics(self, request: HttpRequest) -> Response:
        return PlainTextResponse(
            self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    async def _openapi(self, request: HttpRequest) -> Response:
        return _json(openapi(self._model.labels))

    # Other tools ------------------------------------------------------------------------------

    async def _download_brat(self, request: HttpRequest) -> Response:
        from sept_runtime.serving.downloads import brat_archive

        body = await self._json_body(request)
        if not isinstance(body, list):
            raise _Refused(422, "expected a list of predictions")
        try:
            content = await asyncio.to_thread(brat_archive, body)
        except DocumentError as error:
            raise _Refused(422, str(error)) from None
        headers = {"content-disposition": 'attachment; filename="brat.zip"'}
        return Response(content, media_type="application/zip", headers=headers)

    async def _inception(self, request: HttpRequest) -> Response:
        try:
            from sept_runtime.serving import inception
        except ImportError:
            message = needs_extra("INCEpTION's protocol", "inception")
            raise _Refused(501, message) from None
        body = await self._json_body(request)
        try:
            asked = await asyncio.to_thread(inception.read_request, body)
        except DocumentError as error:
            raise _Refused(422, str(error)) from None
        limited_request = limited(Request(None, asked.document), self._limits)
        if limited_request.error is not None:
            raise _Refused(413, limited_request.error)
        (outcome,) = await self._computed([asked.document], self._model.decoding, request)
        if isinstance(outcome, Exception):
            raise _Refused(422, str(outcome))
        return _json(await asyncio.to_thread(inception.answer, asked, outcome))

    async def _label_studio_setup(self, request: HttpRequest) -> Response:
        await self._json_body(request)
        return _json({"model_version": f"{self._model.name}-{self._model.version}"})

    async def _label_studio_webhook(self, request: HttpRequest) -> Response:
        body = await self._json_body(request)
        action = body.get("action") if isinstance(body, dict) else None
        is_known = isinstance(action, str) and action in label_studio.EVENTS
        return _json({}, 201 if is_known else 200)

    async def _label_studio_predict(self, request: HttpRequest) -> Response:
        return await self._answer_label_studio(await self._json_body(request), request)

    async def _answer_label_studio(self, body: Any, request: HttpRequest) -> Response:
        try:
            asked = label_studio.read_request(body)
        except DocumentError as error:
            raise _Refused(422, str(error)) from None
        decoding = self._decoding(request.query_params)
        documents = [
            character_document(PredictedDocument(each.document, outcome))
            if isinstance(outcome, Prediction)
            else None
            for each, outcome in await self._outcomes(asked.inputs, decoding, request)
        ]
        version = f"{self._model.name}-{self._model.version}"
        return _json(label_studio.answer(asked, documents, version))

    # Reading requests -------------------------------------------------------------------------

    async def _json_body(self, request: HttpRequest) -> Any:
        try:
            return await asyncio.to_thread(parse_line, await self._body(request))
        except DocumentError as error:
            raise _Refused(422, f"the body is not JSON: {error}") from None

    async def _body(self, request: HttpRequest) -> bytes:
        limit = self._limits.max_body_bytes
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            raise _Refused(413, f"the body has {declared} bytes; at most {limit} are accepted")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise _Refused(413, f"the body has more than {limit} bytes")
        except TimeoutError:
            raise _Refused(408, "the body did not arrive in time") from None
        return bytes(body)

    def _decoding(self, query: Mapping[str, str]) -> Decoding:
        options: Dict[str, Any] = {}
        for name, text in query.items():
            if name not in _OPTIONS:
                known = ", ".join(sorted(_OPTIONS))
                raise _Refused(422, f"unknown option {name!r}; the options are {known}")
            try:
                options[name] = _OPTIONS[name](text)
            except (ValueError, KeyError):
                raise _Refused(
                    422, f"{text!r} is not a valid value of the option {name!r}"
                ) from None
        try:
            return self._model.decoding.changed(**options)
        except (TypeError, ValueError) as error:
            raise _Refused(422, str(error)) from None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _while_connected(
    answering: Coroutine[Any, Any, T], leaving: Coroutine[Any, Any, None]
) -> T:
    """
    Return the result of `answering`, unless `leaving` ends before it.

    # Raises

    `_ClientLeftError` if it does.
    """
    answered, left = asyncio.ensure_future(answering), asyncio.ensure_future(leaving)
    try:
        await asyncio.wait({answered, left}, return_when=asyncio.FIRST_COMPLETED)
        if answered.done():
            return answered.result()
        raise _ClientLeftError
    finally:
        answered.cancel()
        left.cancel()


def _json(content: Any, status: int = 200) -> Response:
    # As in files: half a character has only JSON's own notation.
    text = json.dumps(content, ensure_ascii=False)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(content).encode()
    return Response(body, status, media_type="application/json")


async def _answer_refused(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, _Refused)
    response = _json(error.body, error.status)
    if error.status in (429, 503):
        response.headers["retry-after"] = "1"
    # The rest of a refused body is not read.
    if error.status in (408, 413):
        response.headers["connection"] = "close"
    return response


async def _answer_http_error(request: HttpRequest, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _json({"error": f"{request.method} {request.url.path}: not available"}, status)


async def _answer_fault(request: HttpRequest, error: Exception) -> Response:
    # The log has the traceback; the client learns nothing about the inside of the server.
    return _json({"error": "the server failed; its log says why"}, 500)


class _Endpoint:
    """An ASGI endpoint for a `Route`, which takes functions for those of a `Request`."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except _Refused as error:
            response = await _answer_refused(HttpRequest(scope), error)
            await response(scope, receive, send)


class _Guard:
    """Refuses foreign host names and clients without the token, and adds headers of safety."""

    def __init__(self, app: ASGIApp, token: Optional[str], allowed_hosts: Sequence[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = {"localhost", *(host.lower() for host in allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_allowed(headers.get("host", "")):
            await _json({"error": "unknown host name"}, 421)(scope, receive, send)
            return
        if self._token is not None and not self._has_token(headers.get("authorization", "")):
            response = _json({"error": "the token is missing or wrong"}, 401)
            response.headers["www-authenticate"] = 'Basic realm="sept", charset="UTF-8"'
            await response(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                added: List[Tuple[bytes, bytes]] = [
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"cache-control", b"no-store"),
                ]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_safely)

    def _is_allowed(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower()
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, authorization: str) -> bool:
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        elif kind.lower() != "bearer":
            return False
        assert self._token is not None
        return hmac.compare_digest(value.strip().encode(), self._token.encode())
