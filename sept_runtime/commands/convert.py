import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, Tuple

from typing_extensions import override

from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.formats.brat import MISALIGNED_POLICIES, BratReport, read_brat, write_brat
from sept_runtime.formats.exchange import (
    CharacterDocument,
    CharacterSpan,
    align_document,
    character_document,
    doccano,
    hugging_face,
    label_studio,
    prodigy,
)
from sept_runtime.formats.files import check_new_folder, open_input, open_output
from sept_runtime.formats.json_lines import dump_line, read_json_lines
from sept_runtime.formats.predictions import PredictedDocument, read_predictions
from sept_runtime.formats.scierc import document_to_scierc
from sept_runtime.tokenization import tokenize

# Read and written by this package itself.
SEPT = "sept"
# Folders; all others are files.
SOURCES = (SEPT, "brat", "doccano", "inception", "label-studio", "prodigy", "spacy")
TARGETS = (*SOURCES, "hugging-face")
# Formats that have no place for relations.
_WITHOUT_RELATIONS = ("hugging-face", "inception", "spacy")

_Report = Dict[str, int]


class Convert(Command):
    """The command `sept convert`."""

    name = "convert"
    description = (
        "Convert between this package's JSON lines (predictions or SciERC's format) and the files "
        "of annotation tools: brat, doccano, INCEpTION, Label Studio, Prodigy, spaCy, and Hugging "
        "Face's dicts."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("source", help="the file to read; a folder for brat and INCEpTION")
        parser.add_argument("target", help="the file to write; a new folder for brat and INCEpTION")
        parser.add_argument(
            "--from",
            dest="source_format",
            choices=SOURCES,
            default=SEPT,
            help=f"the format to read (default = {SEPT}: predictions, or SciERC's format)",
        )
        parser.add_argument(
            "--to",
            dest="target_format",
            choices=TARGETS,
            default=SEPT,
            help=f"the format to write (default = {SEPT}: SciERC's format, to train on)",
        )
        parser.add_argument(
            "--gold",
            action="store_true",
            help="write the gold annotation even if there are predictions",
        )
        parser.add_argument(
            "--misaligned",
            choices=MISALIGNED_POLICIES,
            default="error",
            help="what to do with entities that are not whole words of one sentence, and "
            "relations between sentences: stop (error, the default), leave them out (skip), or "
            "widen entities to the words that they touch (widen)",
        )
        parser.add_argument(
            "--flat",
            action="store_true",
            help="of overlapping entities, write only the most probable (doccano's projects hold "
            "overlapping ones only if they are made with 'Allow overlapping')",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        if SEPT not in (args.source_format, args.target_format):
            raise DocumentError(f"one of --from and --to must be {SEPT!r}; convert in two steps")
        report: _Report = {}
        if args.source_format != SEPT:
            count = _to_sept(args, report)
        elif args.target_format == SEPT:
            raise DocumentError("--from or --to must name the format of an annotation tool")
        else:
            count = _from_sept(args, report)
        for reason, number in sorted(report.items()):
            print(f"{args.target}: left out: {number} {reason}", file=sys.stderr)
        print(f"{args.target}: {count} documents", file=sys.stderr)
        return 0


def _from_sept(args: argparse.Namespace, report: _Report) -> int:
    read = list(read_predictions(args.source))
    documents = [document for document in read if isinstance(document, PredictedDocument)]
    if len(read) > len(documents):
        report["inputs that could not be predicted"] = len(read) - len(documents)
    if args.target_format == "brat":
        return write_brat(documents, Path(args.target), gold=args.gold)
    converted = [character_document(document, args.gold) for document in documents]
    if args.flat:
        converted = [_flat(document, report) for document in converted]
    relations = sum(len(document.relations) for document in converted)
    if args.target_format in _WITHOUT_RELATIONS and relations:
        report[f"relations, which {args.target_format} does not hold"] = relations
    if args.target_format == "inception":
        _write_inception(converted, Path(args.target))
        return len(converted)
    if args.target_format == "spacy":
        from sept_runtime.formats.exchange import spacy_docs

        with open_output(args.target, [args.source]) as output:
            output.write(spacy_docs.write(converted))
        return len(converted)
    writers: Dict[str, Callable[[Iterable[CharacterDocument]], Iterator[str]]] = {
        "doccano": doccano.write,
        "hugging-face": hugging_face.write,
        "label-studio": label_studio.write,
        "prodigy": prodigy.write,
    }
    with open_output(args.target, [args.source]) as output:
        for text in writers[args.target_format](converted):
            output.write(text.encode())
    if args.target_format == "label-studio":
        print("Labeling configuration of a project for these tasks:", file=sys.stderr)
        print(label_studio.labeling_config(converted), file=sys.stderr, end="")
    return len(converted)


def _to_sept(args: argparse.Namespace, report: _Report) -> int:
    losses = BratReport()
    if args.source_format == "brat":
        documents, losses = read_brat(Path(args.source), tokenize, misaligned=args.misaligned)
        for key in losses.missing:
            print(f"{args.source}: document {key!r} is no longer there", file=sys.stderr)
        inputs = [str(path) for path in Path(args.source).rglob("*")]
    else:
        inputs = [args.source]
        documents = [
            align_document(document, tokenize, args.misaligned == "widen", losses)
            for document in _named(_read(args.source_format, args.source, report))
        ]
        losses.check(args.misaligned)
    with open_output(args.target, inputs) as output:
        for each in documents:
            output.write(dump_line(document_to_scierc(each)).encode())
    for kind, messages in (
        ("changed", losses.changed),
        ("skipped", losses.skipped),
        ("ignored", losses.ignored),
    ):
        for message in messages:
            print(f"{kind}: {message}", file=sys.stderr)
    return len(documents)


def _read(source_format: str, source: str, report: _Report) -> Iterator[CharacterDocument]:
    if source_format == "inception":
        from sept_runtime.formats.exchange import inception

        paths = sorted(path for path in Path(source).rglob("*.json") if path.is_file())
        if not paths:
            raise DocumentError(f"{source}: the folder holds no .json file")
        for path in paths:
            document = inception.read(path.read_bytes(), str(path))
            document.key = path.stem
            yield document
    elif source_format in ("label-studio", "spacy"):
        with open_input(source) as file:
            content = file.read()
        if source_format == "label-studio":
            yield from label_studio.read(content, source, report)
        else:
            from sept_runtime.formats.exchange import spacy_docs

            yield from spacy_docs.read(content, source)
    else:
        for origin, fields in read_json_lines(source):
            if source_format == "doccano":
                yield doccano.read_line(fields, origin)
            else:
                example = prodigy.read_line(fields, origin, report)
                if example is not None:
                    yield example


def _named(documents: Iterable[CharacterDocument]) -> Iterator[CharacterDocument]:
    """Give documents without a name their number, and the same name only once."""
    taken: Counter[str] = Counter()
    for number, document in enumerate(documents, start=1):
        key = document.key or str(number)
        taken[key] += 1
        document.key = key if taken[key] == 1 else f"{key}-{taken[key]}"
        yield document


def _write_inception(documents: Iterable[CharacterDocument], folder: Path) -> None:
    from sept_runtime.formats.exchange import inception

    check_new_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(documents, start=1):
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in document.key)[:100]
        name = f"{number:04d}_{safe}.json"
        (folder / name).write_text(inception.write(document), encoding="utf-8")


def _flat(document: CharacterDocument, report: _Report) -> CharacterDocument:
    """Keep the most probable of overlapping spans, and the widest where there are no scores."""

    def rank(item: Tuple[str, CharacterSpan]) -> Tuple[float, int, int]:
        span = item[1]
        score = -1.0 if span.score is None else span.score
        return -score, span.start - span.end, span.start

    kept: Dict[str, CharacterSpan] = {}
    for name, span in sorted(document.spans.items(), key=rank):
        if all(span.end <= other.start or other.end <= span.start for other in kept.values()):
            kept[name] = span
    spans = {name: span for name, span in document.spans.items() if name in kept}
    relations = [each for each in document.relations if each[0] in kept and each[1] in kept]
    for reason, number in (
        ("entities that overlap others", len(document.spans) - len(spans)),
        ("relations of entities that overlap others", len(document.relations) - len(relations)),
    ):
        if number:
            report[reason] = report.get(reason, 0) + number
    return CharacterDocument(
        document.key, document.text, spans, relations, document.words, document.origin
    )
