import asyncio
import tempfile
from typing import AsyncIterator, List, Optional, Tuple

from starlette.types import Receive, Send

from sept_runtime.documents import Document
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.inference.json_lines import Request
from sept_runtime.options import Decoding
from sept_runtime.serving.answers import answer, documents_of, limited, paired
from sept_runtime.serving.limits import Limits
from sept_runtime.serving.queue import Outcome, PredictionQueue, QueueFullError

# Answers up to this size lie in memory, larger ones in a temporary file.
_SPOOL_IN_MEMORY = 1_000_000
_READ_SIZE = 65_536
_BATCH_SIZE = 32


async def predict_stream(
    receive: Receive, send: Send, queue: PredictionQueue, decoding: Decoding, limits: Limits
) -> None:
    """
    Answer JSON lines by JSON lines, in order, each as soon as it is computed.

    Reading, computing and sending do not wait for one another beyond `limits`: a client that sends
    all its lines before it reads an answer finds the answers in a temporary file. A stream that
    ends early, or breaks a limit, ends with a line that holds `error`.
    """
    spool = _Spool(limits.max_spool_bytes)
    headers = [(b"content-type", b"application/jsonl"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    sending = asyncio.create_task(_send_answers(send, spool, limits))
    computing = asyncio.create_task(_compute_answers(receive, queue, decoding, limits, spool))
    try:
        await asyncio.wait({sending, computing}, return_when=asyncio.FIRST_EXCEPTION)
        await asyncio.gather(sending, computing)
    finally:
        sending.cancel()
        computing.cancel()
        spool.close()


class _StreamError(Exception):
    """A stream that cannot go on, with the reason for its last line."""


class _Disconnected(Exception):
    """A client that is gone."""


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
            # What was read needs no room any more.
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
    receive: Receive, queue: PredictionQueue, decoding: Decoding, limits: Limits, spool: _Spool
) -> None:
    number = 0
    lines = _lines(receive, limits)
    # As many as have arrived are computed together; the next ones are read meanwhile.
    arrived: asyncio.Queue[Optional[bytes]] = asyncio.Queue(limits.max_lines_in_flight)
    reading = asyncio.create_task(_read_into(lines, arrived))
    try:
        while True:
            batch, is_last = await _next_lines(arrived)
            for answer in await _answers(batch, number, queue, decoding, limits):
                spool.write(answer)
            number += len(batch)
            if is_last:
                await reading
                break
    except _StreamError as error:
        spool.write(dump_line({"error": str(error), "line": number + 1}).encode())
    finally:
        reading.cancel()
        spool.end()


async def _read_into(
    lines: AsyncIterator[bytes], arrived: "asyncio.Queue[Optional[bytes]]"
) -> None:
    try:
        async for line in lines:
            await arrived.put(line)
    finally:
        await arrived.put(None)


async def _next_lines(arrived: "asyncio.Queue[Optional[bytes]]") -> Tuple[List[bytes], bool]:
    batch: List[bytes] = []
    line = await arrived.get()
    while line is not None:
        batch.append(line)
        if len(batch) == _BATCH_SIZE or arrived.empty():
            return batch, False
        line = arrived.get_nowait()
    return batch, True


async def _lines(receive: Receive, limits: Limits) -> AsyncIterator[bytes]:
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


async def _answers(
    lines: List[bytes], number: int, queue: PredictionQueue, decoding: Decoding, limits: Limits
) -> List[bytes]:
    requests = await asyncio.to_thread(
        lambda: [limited(Request.from_line(line), limits) for line in lines]
    )
    outcomes = await _computed(queue, documents_of(requests), decoding)
    answers = []
    for index, pair in enumerate(paired(requests, outcomes), start=number + 1):
        output = answer(*pair)
        if "error" in output:
            output["line"] = index
        answers.append(dump_line(output).encode())
    return answers


async def _computed(
    queue: PredictionQueue, documents: List[Document], decoding: Decoding
) -> List[Outcome]:
    # A stream has a bounded number of lines in flight, so it waits for its turn.
    while True:
        try:
            return await queue.predict(documents, decoding)
        except QueueFullError:
            await asyncio.sleep(0.05)
