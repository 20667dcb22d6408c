import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Dict, List

import pytest
from backports import zstd

from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import (
    DamagedInputError,
    decompressed,
    open_input,
    open_output,
    write_aside,
)

COMPRESS: Dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    # In blocks of 100,000 bytes.
    ".bz2": lambda data: bz2.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": zstd.compress,
}
DECOMPRESS: Dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": zstd.decompress,
}
# Lines that do not compress well, so that they take several of the decompressors' blocks.
LINES = [b"%d %s\n" % (number, os.urandom(30).hex().encode()) for number in range(5_000)]
CONTENT = b"".join(LINES)


def lines_before_damage(path: Path) -> List[bytes]:
    read: List[bytes] = []
    with open_input(str(path)) as lines:
        with pytest.raises(DamagedInputError, match=f"^{path}: the file is damaged"):
            read.extend(lines)
    return read


# Inputs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", *COMPRESS])
@pytest.mark.parametrize("name", ["a.jsonl", "a.gz", "a.zst", "a"])
def test_the_content_and_not_the_name_tells_the_compression(
    compression: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(COMPRESS.get(compression, bytes)(CONTENT))
    with open_input(str(path)) as lines:
        assert list(lines) == LINES


@pytest.mark.parametrize("compression", COMPRESS)
def test_concatenated_files_are_read_to_the_end(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "two"
    path.write_bytes(COMPRESS[compression](b"a\n") + COMPRESS[compression](b"b\n"))
    with open_input(str(path)) as lines:
        assert lines.read() == b"a\nb\n"


@pytest.mark.parametrize("content", [b"", b"B", b"BZh", b"BZh9 is a word\n", b"\xfd7", b"("])
@pytest.mark.parametrize("compression", ["", *COMPRESS])
def test_short_files_and_files_that_begin_like_compressed_ones(
    content: bytes, compression: str, tmp_path: Path
) -> None:
    path = tmp_path / "short"
    path.write_bytes(COMPRESS.get(compression, bytes)(content))
    with open_input(str(path)) as lines:
        assert lines.read() == content


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99999])
def test_whole_lines_are_read_before_a_file_that_is_cut_short_is_refused(
    compression: str, share: float, tmp_path: Path
) -> None:
    path = tmp_path / "cut"
    whole = COMPRESS[compression](CONTENT)
    path.write_bytes(whole[: int(len(whole) * share)])
    read = lines_before_damage(path)
    assert read == LINES[: len(read)]
    # Decompressors that work block by block lose the last block.
    lost = {".gz": 9_000, ".xz": 70_000, ".bz2": 110_000, ".zst": 140_000}[compression]
    assert sum(map(len, read)) > len(CONTENT) * share - lost


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz"])
def test_a_wrong_checksum_is_damage_after_all_lines(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "changed"
    content = bytearray(COMPRESS[compression](b"a line\n" * 100))
    content[-6] ^= 1
    path.write_bytes(content)
    with open_input(str(path)) as lines, pytest.raises(DamagedInputError):
        lines.read()


def test_a_zstandard_stream_of_unknown_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    with open(path, "wb") as file, zstd.ZstdFile(file, "wb") as writer:
        writer.write(CONTENT)
    with open_input(str(path)) as lines:
        assert lines.read() == CONTENT


@pytest.mark.parametrize("compression", ["", *COMPRESS])
def test_standard_input(compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(COMPRESS.get(compression, bytes)(CONTENT))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
    with open_input("-") as lines:
        assert list(lines) == LINES


def test_a_pipe_is_read_line_by_line_as_the_lines_arrive(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as target:
        for line in (b"{}\n", b"\n", b"[1, 2]\n"):
            target.write(line)
            if line == b"{}\n":
                lines = decompressed(source, "pipe")
            assert lines.readline() == line


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[gzip.compress(b"a\nb\n")])
    writer.start()
    with open_input(str(path)) as lines:
        assert list(lines) == [b"a\n", b"b\n"]
    writer.join()


def test_an_input_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="none: there is no such file"):
        with open_input(str(tmp_path / "none")):
            pass
    with pytest.raises(DocumentError, match="address: expected a file, found a folder"):
        with open_input(str(tmp_path), "address"):
            pass


# Outputs ----------------------------------------------------------------------------------------


def write(path: Path, content: bytes, *inputs: Path) -> None:
    with open_output(str(path), inputs=map(str, inputs)) as output:
        output.write(content)


def files_of(folder: Path) -> Dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_the_name_of_an_output_tells_its_compression(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.jsonl{suffix}"
    write(path, CONTENT)
    content = path.read_bytes()
    assert DECOMPRESS[suffix](content) == CONTENT
    # The same content makes the same file.
    write(path, CONTENT)
    assert path.read_bytes() == content
    write(path, b"")
    assert DECOMPRESS[suffix](path.read_bytes()) == b""
    assert len(files_of(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["itself", "link", "hard link", "other spelling", "second input"])
def test_an_output_that_is_an_input_is_refused(kind: str, tmp_path: Path) -> None:
    source, other = tmp_path / "in.jsonl", tmp_path / "other"
    source.write_bytes(b"precious")
    target = {
        "itself": source,
        "link": tmp_path / "link",
        "hard link": tmp_path / "hard",
        "other spelling": tmp_path / "sub" / ".." / "in.jsonl",
        "second input": source,
    }[kind]
    (tmp_path / "sub").mkdir()
    if kind == "link":
        target.symlink_to(source)
    if kind == "hard link":
        os.link(source, target)
    inputs = [other, source] if kind == "second input" else [source]
    with pytest.raises(DocumentError, match=f"the output is the input {source}"):
        write(target, b"new", *inputs)
    assert source.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "arguments, redirection",
    [
        ("'-', 'x'", "< x"),
        ("'-', '/dev/fd/0'", "< x"),
        ("'x', None", ">> x"),
        ("'x', '-'", ">> x"),
        ("'x', '/dev/stdout'", ">> x"),
    ],
)
def test_an_output_that_is_an_input_by_redirection_is_refused(
    arguments: str, redirection: str, tmp_path: Path
) -> None:
    (tmp_path / "x").write_text("precious")
    code = (
        "import sys; from sept_runtime.formats.files import open_input, open_output\n"
        f"source, target = {arguments}\n"
        "with open_input(source) as lines, open_output(target, [source]) as output:\n"
        "    output.write(lines.read())"
    )
    run = ["bash", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, code]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    ended = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1 and "the output is the input" in ended.stderr
    assert (tmp_path / "x").read_text() == "precious"


def test_a_stream_that_is_appended_to_keeps_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "all").write_text("earlier\n")
    code = (
        "from sept_runtime.formats.files import open_output\n"
        "for path in ('/dev/stdout', None, '/dev/fd/1'):\n"
        "    with open_output(path) as output: output.write(b'new\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with open(tmp_path / "all", "ab") as target:
        subprocess.run([sys.executable, "-c", code], stdout=target, env=environment, check=True)
    assert (tmp_path / "all").read_text() == "earlier\nnew\nnew\nnew\n"


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_an_interrupted_run_keeps_the_earlier_output_and_its_own_part(
    suffix: str, error: type, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"earlier")
    with pytest.raises(error), open_output(str(path)) as output:
        output.write(b"a\nb\n")
        raise error
    files = files_of(tmp_path)
    assert files.pop(path.name) == b"earlier"
    ((name, content),) = files.items()
    assert name.startswith(path.name) and name.endswith(".partial")
    assert DECOMPRESS.get(suffix, bytes)(content) == b"a\nb\n"
    assert f"{path}: not written" in (said := capsys.readouterr().err) and name in said


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_a_run_that_fails_before_it_writes_leaves_nothing(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(ValueError), open_output(str(tmp_path / f"out{suffix}")):
        raise ValueError
    assert files_of(tmp_path) == {} and capsys.readouterr().err == ""


def test_a_damaged_input_does_not_replace_an_earlier_output(tmp_path: Path) -> None:
    for name, earlier in (("new", None), ("old", b"earlier")):
        if earlier:
            (tmp_path / name).write_bytes(earlier)
        with pytest.raises(DamagedInputError), open_output(str(tmp_path / name)) as output:
            output.write(b"answers")
            raise DamagedInputError("in.gz", "cut short")
    files = files_of(tmp_path)
    assert files.pop("new") == b"answers" and files.pop("old") == b"earlier"
    ((name, content),) = files.items()
    assert name.startswith("old.") and content == b"answers"


def test_a_replaced_output_keeps_its_permissions_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"earlier")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    umask = os.umask(0o027)
    try:
        write(tmp_path / "fresh", b"new")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


def test_devices_are_written_directly(tmp_path: Path) -> None:
    write(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: List[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"new")
    reader.join()
    assert read == [b"new"] and pipe.is_fifo()


def test_a_file_that_another_library_writes_is_put_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"earlier")
    with write_aside(str(path)) as aside:
        aside.write_bytes(b"new")
        assert path.read_bytes() == b"earlier"
    assert files_of(tmp_path) == {"out": b"new"}
