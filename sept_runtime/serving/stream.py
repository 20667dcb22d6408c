import asyncio
import tempfile
from itertools import islice
from typing import AsyncIterator, Awaitable, Callable, Iterator, List, Optional, Tuple, TypeVar

from starlette.types import Receive, Send

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.records import Record
from sept_runtime.inference.json_lines import Request
from sept_runtime.options import Decoding
from sept_runtime.serving.answers import answer, documents_of, limited, paired
from sept_runtime.serving.limits import Limits
from sept_runtime.serving.queue import Outcome, PredictionQueue, QueueFullError

T = TypeVar("T")

# Answers up to this size lie in memory, larger ones in a temporary file.
_SPOOL_IN_MEMORY = 1_000_000
_READ_SIZE = 65_536
_BATCH_SIZE = 32


async def predict_stream(
    inputs: AsyncIterator[T],
    read: Callable[[T], Request],
    send: Send,
    queue: PredictionQueue,
    decoding: Decoding,
    limits: Limits,
    answer: Callable[[Request, Optional[Outcome]], JsonObject] = answer,
) -> None:
    """
    Answer inputs by JSON lines, in order, each as soon as it is computed.

    Reading, computing and sending do not wait for one another beyond `limits`: a client that sends
    all its lines before it reads an answer finds the answers in a temporary file. A stream that
    ends early, or breaks a limit, ends with a line that holds `error`.

    # Parameters

    inputs : `AsyncIterator[T]`
        See `body_lines` and `file_records`.
    read : `Callable[[T], Request]`
        Returns the request in an input; called in a thread.
    send, queue, decoding, limits :
        Where the answers go, and how they are computed.
    answer : `Callable[[Request, Optional[Outcome]], JsonObject]`, optional
        Returns the line of an answer.
    """
    spool = _Spool(limits.max_spool_bytes)
    headers = [(b"content-type", b"application/jsonl"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def answers(batch: List[T], number: int) -> List[bytes]:
        """Return the lines for inputs, of which the first has the number after this one."""
        requests = await asyncio.to_thread(lambda: [limited(read(each), limits) for each in batch])
        outcomes = await _computed(queue, documents_of(requests), decoding)
        lines = []
        for index, (request, outcome) in enumerate(paired(requests, outcomes), start=number + 1):
            output = answer(request, outcome)
            if "error" in output:
                output["line"] = request.line or index
            lines.append(dump_line(output).encode())
        return lines

    sending = asyncio.create_task(_send_answers(send, spool, limits))
    computing = asyncio.create_task(_compute_answers(inputs, answers, limits, spool))
    try:
        await asyncio.wait({sending, computing}, return_when=asyncio.FIRST_EXCEPTION)
        await asyncio.gather(sending, computing)
    finally:
        sending.cancel()
        computing.cancel()
        spool.close()


class _StreamError(Exception):
    """A stream that cannot continue, with the reason for its last line."""


class _Disconnected(Exception):
    """A client that has disconnected."""


class _Spool:
    """Bytes written at one end and read at the other, on disk if there are many of them."""

    def __init__(self, max_bytes: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY)
        self._max_bytes = max_bytes
        self._read_to = self._written_to = 0
        self._changed = asyncio.Event()
        self._ended = False

    def write(self, data: bytes) -> None:
        """
        Append bytes.

        # Raises

        `_StreamError` if more bytes than allowed have not been read.
        """
        if self._written_to - self._read_to + len(data) > self._max_bytes:
            raise _StreamError("too many answers were not read; read them while you send")
        self._file.seek(self._written_to)
        self._file.write(data)
        self._written_to += len(data)
        self._changed.set()

    def end(self) -> None:
        """Say that no more bytes will be written."""
        self._ended = True
        self._changed.set()

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        while self._read_to == self._written_to:
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        self._file.seek(self._read_to)
        data = self._file.read(min(_READ_SIZE, self._written_to - self._read_to))
        self._read_to += len(data)
        if self._read_to == self._written_to:
            # Read data is freed.
            self._file.seek(0)
            self._file.truncate()
            self._read_to = self._written_to = 0
        return data

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()


async def _send_answers(send: Send, spool: _Spool, limits: Limits) -> None:
    while data := await spool.read():
        message = {"type": "http.response.body", "body": data, "more_body": True}
        # A client that reads nothing for so long has forgotten its answers.
        async with asyncio.timeout(limits.idle_seconds):
            await send(message)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _compute_answers(
    inputs: AsyncIterator[T],
    answers: Callable[[List[T], int], Awaitable[List[bytes]]],
    limits: Limits,
    spool: _Spool,
) -> None:
    number = 0
    # As many as have arrived are computed together; the next ones are read meanwhile.
    arrived: asyncio.Queue[Optional[T]] = asyncio.Queue(limits.max_lines_in_flight)
    reading = asyncio.create_task(_read_into(inputs, arrived))
    try:
        while True:
            batch, is_last = await _next_inputs(arrived)
            for line in await answers(batch, number):
                spool.write(line)
            number += len(batch)
            if is_last:
                await reading
                break
    except _StreamError as error:
        spool.write(dump_line({"error": str(error), "line": number + 1}).encode())
    finally:
        reading.cancel()
        spool.end()


async def _read_into(inputs: AsyncIterator[T], arrived: "asyncio.Queue[Optional[T]]") -> None:
    try:
        async for each in inputs:
            await arrived.put(each)
    finally:
        await arrived.put(None)


async def _next_inputs(arrived: "asyncio.Queue[Optional[T]]") -> Tuple[List[T], bool]:
    batch: List[T] = []
    each = await arrived.get()
    while each is not None:
        batch.append(each)
        if len(batch) == _BATCH_SIZE or arrived.empty():
            return batch, False
        each = arrived.get_nowait()
    return batch, True


async def file_records(
    records: Iterator[Record], limits: Limits, max_documents: Optional[int] = None
) -> AsyncIterator[Record]:
    """
    Yield the records of a file, which are read in a thread.

    # Parameters

    records : `Iterator[Record]`
    limits : `Limits`
    max_documents : `int`, optional (default = `None`)
        The stream ends with an error after this number of records.
    """
    number = 0
    while True:
        chunk: List[Record] = []
        damage = None
        try:
            # A file that takes so long was made for that. Its thread ends with these records.
            async with asyncio.timeout(limits.request_seconds):
                damage = await asyncio.to_thread(_next_records, records, chunk)
        except TimeoutError:
            raise _StreamError(
                f"reading the file took more than {limits.request_seconds:g} seconds"
            ) from None
        for record in chunk:
            if number == max_documents:
                raise _StreamError(f"the rest is left out: only {number} documents are accepted")
            number += 1
            yield record
        if damage is not None:
            raise _StreamError(damage)
        if len(chunk) < _BATCH_SIZE:
            return


def _next_records(records: Iterator[Record], chunk: List[Record]) -> Optional[str]:
    """Append the next records, and return the reason if there is damage after them."""
    try:
        for record in islice(records, _BATCH_SIZE):
            chunk.append(record)
    except DocumentError as error:
        return str(error)
    return None


async def body_lines(receive: Receive, limits: Limits) -> AsyncIterator[bytes]:
    """Yield the lines of a request's body; blank ones, too."""
    buffer = bytearray()
    more = True
    while more:
        try:
            async with asyncio.timeout(limits.idle_seconds):
                message = await receive()
        except TimeoutError:
            raise _StreamError(f"no data arrived for {limits.idle_seconds:g} seconds") from None
        if message["type"] == "http.disconnect":
            raise _Disconnected
        buffer += message.get("body", b"")
        more = message.get("more_body", False)
        start = 0
        while (end := buffer.find(b"\n", start)) >= 0:
            yield bytes(buffer[start:end])
            start = end + 1
        del buffer[:start]
        if len(buffer) > limits.max_body_bytes:
            raise _StreamError(f"a line has more than {limits.max_body_bytes} bytes")
    if buffer.strip():
        yield bytes(buffer)


async def _computed(
    queue: PredictionQueue, documents: List[Document], decoding: Decoding
) -> List[Outcome]:
    # A stream has a bounded number of lines in flight, so it waits for its turn.
    while True:
        try:
            return await queue.predict(documents, decoding)
        except QueueFullError:
            await asyncio.sleep(0.05)
