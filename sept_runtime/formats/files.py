"""
The opener of all input files and the writer of all output files.

Inputs may be plain or compressed by gzip, bzip2, xz or Zstandard; the content decides, not the
name. `-` stands for standard input and standard output. An output is written to a file of its own
beside its target and renamed at the end, so a failed or interrupted run leaves an earlier output as
it was.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import stat
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, Optional, cast

from backports import zstd
from typing_extensions import override

from sept_runtime.documents import DocumentError

STANDARD_STREAM = "-"
STANDARD_INPUT_NAME = "standard input"

PARTIAL_SUFFIX = ".partial"

_BUFFER_SIZE = 64 * 1024


class DamagedInputError(DocumentError):
    """
    A compressed input that ends too early or cannot be decompressed from some point on.

    # Parameters

    name : `str`
        The file's name in messages.
    reason : `str`
    lines : `int`, optional (default = `None`)
        How many whole lines were read before the damage.
    """

    def __init__(self, name: str, reason: str, lines: Optional[int] = None) -> None:
        after = "" if lines is None else f" after line {lines}"
        super().__init__(f"{name}: the file is damaged{after} ({reason})")
        self._name = name
        self._reason = reason

    def after_lines(self, lines: int) -> "DamagedInputError":
        """Return the same error with the number of lines that were read."""
        return DamagedInputError(self._name, self._reason, lines)


# Inputs -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_input(path: str, name: Optional[str] = None) -> Iterator[BinaryIO]:
    """
    Open a file, a pipe or, for `-`, standard input, and decompress it if necessary.

    # Parameters

    path : `str`
    name : `str`, optional (default = `path`)
        The file's name in messages: for a downloaded file its address.

    # Raises

    `DocumentError` if there is no such file. Reading raises `DamagedInputError` where the
    compressed data ends too early or is invalid, after all that could be decompressed.
    """
    name = name or path
    if path == STANDARD_STREAM:
        yield decompressed(sys.stdin.buffer, STANDARD_INPUT_NAME)
        return
    if not os.path.exists(path):
        raise DocumentError(f"{name}: there is no such file")
    if os.path.isdir(path):
        raise DocumentError(f"{name}: expected a file, found a folder")
    with open(path, "rb") as file:
        yield decompressed(file, name)


def decompressed(file: BinaryIO, name: str) -> BinaryIO:
    """
    Return the decompressed content of an open file.

    Nothing is read before the content is, and no more than needed, so that lines of a pipe can be
    answered one by one.

    # Parameters

    file : `BinaryIO`
    name : `str`
        The file's name in messages.
    """
    return io.BufferedReader(_Content(file, name), _BUFFER_SIZE)


class _Content(io.RawIOBase):
    """The decompressed content of a file; reports all kinds of damage by `DamagedInputError`."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._source: Optional[io.BufferedReader] = None

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        try:
            if self._source is None:
                self._source = _decompressor(self._file)
            data = self._source.read1(len(buffer))
        except (EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
            raise DamagedInputError(self._name, str(error)) from None
        except OSError as error:
            # Errors of the system have a number; those of gzip and bz2 have none.
            if error.errno is not None:
                raise
            raise DamagedInputError(self._name, str(error)) from None
        buffer[: len(data)] = data
        return len(data)


def _decompressor(file: BinaryIO) -> io.BufferedReader:
    """Read the first bytes of a file and return what reads the whole."""
    prefix = b""
    while any(magic.startswith(prefix) and magic != prefix for magic in _DECOMPRESSORS):
        byte = file.read(1)
        if not byte:
            break
        prefix += byte
    whole: io.BufferedReader = io.BufferedReader(_Prefixed(prefix, file), _BUFFER_SIZE)
    open_decompressor = _DECOMPRESSORS.get(prefix)
    if open_decompressor is None:
        return whole
    return cast(io.BufferedReader, open_decompressor(whole))


class _Prefixed(io.RawIOBase):
    """A file from which a few bytes have already been read."""

    def __init__(self, prefix: bytes, file: BinaryIO) -> None:
        self._prefix = prefix
        self._file = file

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._prefix[: len(buffer)]
        self._prefix = self._prefix[len(data) :]
        # A pipe returns what has arrived, without waiting for more.
        if not data or self._file.seekable():
            data += cast(io.BufferedReader, self._file).read1(len(buffer) - len(data))
        buffer[: len(data)] = data
        return len(data)


# The first bytes of compressed files. A text may well begin with "BZh", so bzip2's block header or
# the footer of an empty file must follow.
_DECOMPRESSORS: Dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    # Files of 'zstd --ultra' need windows of up to 2 GB.
    b"\x28\xb5\x2f\xfd": lambda file: zstd.ZstdFile(
        file, options={zstd.DecompressionParameter.window_log_max: 31}
    ),
    **{
        b"BZh%d%s" % (level, marker): bz2.BZ2File
        for level in range(1, 10)
        for marker in (b"1AY&SY", b"\x17rE8P\x90")
    },
}


# Outputs ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_output(path: Optional[str], inputs: Iterable[str] = ()) -> Iterator[BinaryIO]:
    """
    Open a file for writing; it appears under its name when the context ends without an error.

    Otherwise an earlier file of that name stays as it was, and what has been written is kept in a
    file beside it that ends in `.partial`; stderr says so. The data is compressed if the name ends
    in `.gz`, `.bz2`, `.xz` or `.zst`. Pipes and devices are written directly.

    # Parameters

    path : `str`, optional
        Standard output if it is `None` or `-`.
    inputs : `Iterable[str]`, optional (default = `()`)
        The files that are read in the meantime, which must not be overwritten.

    # Raises

    `DocumentError` if the output is one of the inputs, under whatever name, and if its folder is
    missing.
    """
    number = _stream_number(path)
    if number is not None:
        _check_not_an_input(path, _status(number), inputs)
        if path is None or path == STANDARD_STREAM:
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            # Not opened again, which would empty a file that the stream is appended to.
            with os.fdopen(os.dup(number), "wb") as file:
                yield file
        return
    assert path is not None
    with (
        write_aside(path, inputs) as target,
        open(target, "wb") as file,
        _compressed(file, path) as compressed,
    ):
        yield compressed


def check_new_folder(folder: Path) -> None:
    """
    Check that a folder can be written without replacing anything.

    # Raises

    `DocumentError` if it exists and is not an empty folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DocumentError(
            f"{folder}: exists and is not an empty folder; name a new folder (nothing is "
            "overwritten, because it may be somebody's annotation)"
        )


@contextlib.contextmanager
def write_aside(path: str, inputs: Iterable[str] = ()) -> Iterator[Path]:
    """
    Yield the place to write a file to, and rename it to `path` at the end.

    The parameters and errors are those of `open_output`.
    """
    if _stream_number(path) is not None or (os.path.exists(path) and not os.path.isfile(path)):
        yield Path(path)
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise DocumentError(f"{path}: there is no folder {target.parent}")
    earlier = os.stat(target) if target.exists() else None
    _check_not_an_input(path, earlier, inputs)
    partial = _new_file(target, stat.S_IMODE(earlier.st_mode) if earlier else None)
    try:
        yield partial
        _sync(partial)
    except DamagedInputError:
        # All that could be read was answered, which is better than nothing, but no replacement.
        if earlier is None and partial.stat().st_size:
            os.replace(partial, target)
        else:
            _keep(partial, path)
        raise
    except BaseException:
        _keep(partial, path)
        raise
    os.replace(partial, target)


def _new_file(target: Path, mode: Optional[int]) -> Path:
    """Create an empty file beside the target, with the permissions of the earlier one."""
    # The file's name may already be as long as the file system allows.
    number, name = tempfile.mkstemp(PARTIAL_SUFFIX, f"{target.name[:100]}.", target.parent)
    os.close(number)
    if mode is None:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    os.chmod(name, mode)
    return Path(name)


def _sync(path: Path) -> None:
    """Wait until a file is on the disk: a crash must not leave an empty file under the name."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _keep(partial: Path, path: str) -> None:
    """Remove an empty partial file, or tell where it is."""
    if not partial.exists():
        return
    if partial.stat().st_size == 0:
        partial.unlink()
        return
    print(f"{path}: not written; what was finished is in {partial}", file=sys.stderr)


def _check_not_an_input(
    path: Optional[str], output: Optional[os.stat_result], inputs: Iterable[str]
) -> None:
    """Refuse an output that is one of the inputs, by another name, a link or redirection."""
    if output is None or not stat.S_ISREG(output.st_mode):
        return
    for name in inputs:
        try:
            status = _status(0) if name == STANDARD_STREAM else os.stat(name)
        except OSError:
            continue
        if status is not None and os.path.samestat(status, output):
            raise DocumentError(
                f"{path or 'standard output'}: the output is the input {name}; give the output "
                "another name"
            )


def _stream_number(path: Optional[str]) -> Optional[int]:
    """Return the number of the stream of this process that a name stands for, if any."""
    if path is None or path in (STANDARD_STREAM, "/dev/stdout"):
        return 1
    if path == "/dev/stderr":
        return 2
    match = re.fullmatch(r"(?:/dev|/proc/self)/fd/(\d+)", path)
    return int(match[1]) if match else None


def _status(number: int) -> Optional[os.stat_result]:
    try:
        return os.fstat(number)
    except OSError:
        return None


@contextlib.contextmanager
def _compressed(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Compress what is written to an open file, if the name asks for it."""
    open_compressor = _COMPRESSORS.get(Path(name).suffix.lower())
    if open_compressor is None:
        yield file
        return
    compressor = open_compressor(file)
    sink = _Sink(compressor)
    buffered = _FlushedWriter(cast(io.RawIOBase, sink), _BUFFER_SIZE)
    try:
        yield buffered
    except BaseException:
        buffered.flush()
        compressor.close()
        if not sink.size:
            # A header alone is nothing to keep.
            file.seek(0)
            file.truncate()
        raise
    buffered.flush()
    compressor.close()


class _FlushedWriter(io.BufferedWriter):
    """A buffer whose `flush` reaches the compressor, which Python's does not."""

    @override
    def flush(self) -> None:
        super().flush()
        self.raw.flush()


class _Sink(io.RawIOBase):
    """A compressor that counts the bytes written to it."""

    def __init__(self, compressor: BinaryIO) -> None:
        self._compressor = compressor
        self.size = 0

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: "memoryview") -> int:  # type: ignore[override]
        self._compressor.write(data)
        self.size += len(data)
        return len(data)

    @override
    def flush(self) -> None:
        if not self.closed:
            self._compressor.flush()


_COMPRESSORS: Dict[str, Callable[[BinaryIO], Any]] = {
    # Without the time of day, so that the same documents make the same file.
    ".gz": lambda file: gzip.GzipFile("", "wb", 6, file, mtime=0),
    ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".xz": lambda file: lzma.LZMAFile(file, "wb"),
    ".zst": lambda file: zstd.ZstdFile(
        file, "wb", options={zstd.CompressionParameter.checksum_flag: 1}
    ),
}

COMPRESSION_SUFFIXES = tuple(_COMPRESSORS)
"""The suffixes that make `open_output` compress."""
