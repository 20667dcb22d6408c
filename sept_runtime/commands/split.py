import argparse
import contextlib
import hashlib
from pathlib import Path
from typing import Any, Dict, List

from typing_extensions import override

from sept_runtime.commands.arguments import number_of
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import open_output
from sept_runtime.formats.json_lines import parse_line, read_lines
from sept_runtime.options import Kind

_SIZE = number_of(
    Kind(
        "a share below 1 or a number of documents",
        lambda value: 0 <= value and (value < 1 or float(value).is_integer()),
    )
)

# The names that a document's key may have.
_KEYS = ("doc_key", "doc_id", "id")

_SEED = 13370


class Split(Command):
    """
    Command that splits a file of documents into training, dev and test data, or into folds.

    Lines are copied unchanged, in their order. Which split a document belongs to depends only on
    its key, the seed and the other keys, so lines with the same key stay together.
    """

    name = "split"
    description = (
        "Split a file of documents, one JSON object a line, into train.json, dev.json and "
        "test.json, or into folds."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("input_file", help="the documents, one JSON object a line")
        parser.add_argument(
            "-o", "--output", type=Path, required=True, help="the folder to write to"
        )
        parser.add_argument(
            "--dev",
            type=_SIZE,
            default="0.1",
            help="the size of dev.json, a share or a number of documents (default = %(default)s)",
        )
        parser.add_argument(
            "--test",
            type=_SIZE,
            default="0.1",
            help="the size of test.json; 0 for none (default = %(default)s)",
        )
        parser.add_argument(
            "--folds",
            type=int,
            help="write fold_K_of_N/train.json and dev.json for this number of folds instead",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=_SEED,
            help="the seed of the random split (default = %(default)s)",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        documents = _read(args.input_file)
        if args.folds is None:
            splits = _three_splits(_shuffled(documents, args.seed), args.dev, args.test)
        else:
            splits = _folds(_shuffled(documents, args.seed), args.folds)
        with contextlib.ExitStack() as files:
            # All files or none.
            for name, keys in splits.items():
                path = args.output / name
                path.parent.mkdir(parents=True, exist_ok=True)
                target = files.enter_context(open_output(str(path), [args.input_file]))
                chosen = {*keys}
                for key, lines in documents.items():
                    if key in chosen:
                        target.writelines(lines)
        for name, keys in splits.items():
            print(f"{args.output / name}: {len(keys)} documents")
        return 0


def _read(path: str) -> Dict[str, List[bytes]]:
    # The lines of each document, by its key.
    documents: Dict[str, List[bytes]] = {}
    for origin, line in read_lines(path):
        if not line.strip():
            continue
        try:
            fields = parse_line(line)
        except DocumentError as error:
            raise DocumentError(f"{origin}: {error}") from None
        key = _key(fields)
        if key is None:
            raise DocumentError(
                f"{origin}: the document needs an id, one of the keys {', '.join(_KEYS)}."
            )
        documents.setdefault(key, []).append(line if line.endswith(b"\n") else line + b"\n")
    return documents


def _key(fields: Any) -> Any:
    if not isinstance(fields, dict):
        return None
    return next((str(fields[name]) for name in _KEYS if fields.get(name) is not None), None)


def _shuffled(documents: Dict[str, List[bytes]], seed: int) -> List[str]:
    # Unlike `random.shuffle`, a hash gives the same order whatever the order in the file.
    def digest(key: str) -> bytes:
        return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()

    return sorted(documents, key=digest)


def _three_splits(keys: List[str], dev: float, test: float) -> Dict[str, List[str]]:
    sizes = {"dev.json": _count(dev, len(keys)), "test.json": _count(test, len(keys))}
    splits: Dict[str, List[str]] = {"train.json": keys[sum(sizes.values()) :]}
    start = 0
    for name, size in sizes.items():
        if size:
            splits[name] = keys[start : start + size]
        start += size
    if not splits["train.json"]:
        raise DocumentError(
            f"--dev and --test need {sum(sizes.values())} of {len(keys)} documents, which leaves "
            "none for training."
        )
    return splits


def _folds(keys: List[str], count: int) -> Dict[str, List[str]]:
    if not 2 <= count <= len(keys):
        raise DocumentError(
            f"--folds must be between 2 and the number of documents, {len(keys)}, got {count}."
        )
    splits = {}
    for number in range(count):
        folder = f"fold_{number + 1}_of_{count}"
        splits[f"{folder}/train.json"] = [k for i, k in enumerate(keys) if i % count != number]
        splits[f"{folder}/dev.json"] = keys[number::count]
    return splits


def _count(size: float, documents: int) -> int:
    return round(size * documents) if size < 1 else int(size)
