"""The server over real connections: slow, half-closed and broken ones."""

import json
import socket
import threading
import time
from typing import Any, Iterator, List, Sequence, Tuple

import pytest

from sept_runtime.documents import Document, Prediction
from sept_runtime.options import Decoding
from sept_runtime.serving.app import ServedModel, make_app
from sept_runtime.serving.limits import Limits
from tests.sept_runtime.word_predictor import WordPredictor

uvicorn = pytest.importorskip("uvicorn")

TEXT = "We train a parser on a corpus."


class GatedPredictor(WordPredictor):
    """Waits in each batch until its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.num_documents = 0

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        self.entered.set()
        assert self.gate.wait(60)
        self.num_documents += len(documents)
        return super().predict_batch(documents, decoding)


class Running:
    """A server on a free port."""

    def __init__(self, predictor: Any, limits: Limits) -> None:
        app = make_app(ServedModel(predictor, Decoding(), "words", "1.0"), limits)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: Tuple[str, int] = self._listening.getsockname()
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=30)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, args=([self._listening],), daemon=True
        )
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()
        self._listening.close()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=60)
        return connection


@pytest.fixture
def predictor() -> GatedPredictor:
    return GatedPredictor()


@pytest.fixture
def running(predictor) -> Iterator[Running]:
    server = Running(predictor, Limits(idle_seconds=2, request_seconds=20))
    yield server
    predictor.gate.set()
    server.stop()


def head(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def whole(path: str, body: bytes) -> bytes:
    return head(path, f"Content-Length: {len(body)}", "Connection: close") + body


def read_all(connection: socket.socket) -> bytes:
    content = b""
    while data := connection.recv(65536):
        content += data
    return content


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def is_well(running: Running) -> bool:
    """Tell whether the next request is answered right."""
    with running.connect() as connection:
        connection.sendall(whole("/predict", json.dumps({"text": TEXT}).encode()))
        answer = read_all(connection)
    return status_of(answer) == 200 and b'"corpus"' in answer


def lines_of(answer: bytes) -> List[Any]:
    """Return the JSON lines of an answer in chunks."""
    content, rest = b"", answer.split(b"\r\n\r\n", 1)[1]
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        length = int(size, 16)
        content, rest = content + rest[:length], rest[length + 2 :]
        if not length:
            break
    return [json.loads(line) for line in content.splitlines()]


def test_a_client_may_send_everything_before_it_reads(running):
    # More than the buffers of both sockets hold, in both directions.
    number, title = 400, "x" * 50_000
    body = b"".join(
        json.dumps({"id": str(n), "title": title, "text": "a parser"}).encode() + b"\n"
        for n in range(number)
    )
    with running.connect() as connection:
        connection.sendall(whole("/predict/stream", body))
        outputs = lines_of(read_all(connection))
    assert [output["id"] for output in outputs] == [str(n) for n in range(number)]
    assert all(len(output["entities"]) == 1 for output in outputs)


def test_a_line_is_answered_before_the_next_is_sent(running):
    with running.connect() as connection:
        connection.sendall(head("/predict/stream", "Transfer-Encoding: chunked"))
        for number in range(3):
            line = json.dumps({"id": str(number), "text": TEXT}).encode() + b"\n"
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            answer = b""
            while b'"id": "%d"' % number not in answer:
                answer += connection.recv(65536)
        connection.sendall(b"0\r\n\r\n")
    assert is_well(running)


def test_an_idle_stream_ends_with_an_error(running):
    with running.connect() as connection:
        connection.sendall(head("/predict/stream", "Transfer-Encoding: chunked"))
        answer = read_until(connection, b"no data arrived")
    assert b"no data arrived for 2 seconds" in answer
    assert is_well(running)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    content = b""
    while wanted not in content:
        data = connection.recv(65536)
        assert data, content
        content += data
    return content


def test_a_half_closed_connection_is_answered_or_closed(running):
    with running.connect() as connection:
        connection.sendall(whole("/predict", json.dumps({"text": TEXT}).encode()))
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)
    with running.connect() as connection:
        connection.sendall(head("/predict", "Content-Length: 100") + b'{"te')
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)
    assert is_well(running)


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /predict HTTP/1.1\r\n\r\n", b"\0" * 1000],
)
def test_invalid_http_does_not_affect_other_clients(running, garbage):
    with running.connect() as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)
    assert is_well(running)


def test_a_client_that_leaves_frees_its_place(running, predictor):
    predictor.gate.clear()
    with running.connect() as first:
        first.sendall(whole("/predict", json.dumps({"text": TEXT}).encode()))
        assert predictor.entered.wait(60)
        leaving = [running.connect() for _ in range(5)]
        for connection in leaving:
            connection.sendall(whole("/predict", json.dumps([{"text": TEXT}] * 10).encode()))
        queued = lambda: metric(running, "sept_queued_documents")  # noqa: E731
        wait_for(lambda: queued() == 51)
        for connection in leaving:
            connection.close()
        wait_for(lambda: queued() == 1)
        predictor.gate.set()
        assert status_of(read_all(first)) == 200
    assert is_well(running)
    assert predictor.num_documents == 2


@pytest.mark.parametrize(
    "address, body",
    [
        ("/predict/file?format=csv", b"id,text\n" + b"1,A parser.\n" * 500),
        ("/predict/stream", b'{"text": "A parser."}\n' * 500),
    ],
)
def test_a_client_that_leaves_many_documents_frees_its_place(running, predictor, address, body):
    predictor.gate.clear()
    connection = running.connect()
    connection.sendall(whole(address, body))
    assert predictor.entered.wait(60)
    connection.close()
    wait_for(lambda: metric(running, "sept_queued_documents") == 0)
    predictor.gate.set()
    assert is_well(running)
    # What was being computed, and the text of `is_well`.
    assert predictor.num_documents <= 33


def test_a_large_file_may_be_sent_before_an_answer_is_read(running):
    text = "a parser " + "x" * 20_000
    body = b"id,text\n" + b"".join(b"%d,%s\n" % (n, text.encode()) for n in range(400))
    with running.connect() as connection:
        connection.sendall(whole("/predict/file?format=csv", body))
        outputs = lines_of(read_all(connection))
    assert [output["id"] for output in outputs] == [str(n) for n in range(400)]
    assert all(len(output["entities"]) == 1 for output in outputs)
    assert is_well(running)


def metric(running: Running, name: str) -> float:
    with running.connect() as connection:
        request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        lines = read_all(connection).decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name + " ")))


def wait_for(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("this did not happen within 30 seconds")


def test_a_server_that_stops_finishes_what_it_has_begun(predictor):
    server = Running(predictor, Limits())
    predictor.gate.clear()
    with server.connect() as connection:
        connection.sendall(whole("/predict", json.dumps({"text": TEXT}).encode()))
        assert predictor.entered.wait(60)
        server.server.should_exit = True
        predictor.gate.set()
        assert status_of(read_all(connection)) == 200
    server.stop()
