"""The data of a configuration or of files, checked and shown as tables."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, List, Tuple

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.data.tokenizers import Token
from allennlp.data.vocabulary import Vocabulary
from rich.console import Console
from rich.table import Table

from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_allennlp.data.data_check import DataReport, ModelLimits, Refused, Windows, check_data
from sept_allennlp.data.dataset_readers import ConllReader, SciERCReader
from sept_allennlp.data.dataset_readers.data_files import DataPath, data_files
from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.training.config_defaults import config_variables
from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.json_lines import parse_line, read_lines
from sept_runtime.formats.scierc import document_from_scierc

# The configurations' own.
DEFAULT_MAX_SPAN_WIDTH = 12

_PATHS = {
    "train_data_path": "train",
    "validation_data_path": "validation",
    "test_data_path": "test",
}
_CONLL_SUFFIXES = (".txt", ".conll", ".tsv", ".iob", ".bio")


def check_configuration(file: Path, limits: Mapping[str, Any]) -> DataReport:
    """
    Check the data of a training configuration.

    # Parameters

    file : `Path`
        A jsonnet file, or the `config.json` of a run.
    limits : `Mapping[str, Any]`
        `max_span_width`, `flat` and `encoder`, where they replace the configuration's.

    # Raises

    `ConfigurationError` for an invalid configuration and for missing files.
    """
    try:
        config = Params.from_file(str(file), ext_vars=config_variables()).as_dict(quiet=True)
    except RuntimeError as error:
        raise ConfigurationError(f"{file}: {error}") from None
    paths = {name: config[key] for key, name in _PATHS.items() if config.get(key)}
    if "dataset_reader" not in config or not paths:
        raise ConfigurationError(f"{file} has no 'dataset_reader' with 'train_data_path'.")
    kind = config["dataset_reader"].get("type")
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    if not isinstance(reader, DocumentReader):
        raise ConfigurationError(
            f"{file}: sept-data checks annotated documents, and the reader {kind!r} reads none."
        )
    model = config.get("model", {})
    given = {
        "max_span_width": model.get("max_span_width"),
        "flat": model.get("decoding", {}).get("flat", False),
        **_encoder(model),
    }
    return _check(paths, lambda path: reader, {**given, **_given(limits)})


def check_files(files: Sequence[str], limits: Mapping[str, Any]) -> DataReport:
    """
    Check files, the training data first.

    # Parameters

    files : `Sequence[str]`
        Each a path, or NAME=PATH. Without a name a split is called by its file. `.txt`, `.conll`,
        `.tsv`, `.iob` and `.bio` are read as CoNLL's columns, everything else as SciERC's lines.
    limits : `Mapping[str, Any]`
        `max_span_width`, `flat` and `encoder`.

    # Raises

    `ConfigurationError` for missing files and repeated names.
    """
    paths: Dict[str, str] = {}
    for file in files:
        name, found, path = file.partition("=")
        if not found or Path(file).exists():
            name, path = Path(file).name.split(".")[0], file
        if name in paths:
            raise ConfigurationError(f"Two splits are named {name!r}. Name them: {name}2={path}")
        paths[name] = path
    readers = {False: SciERCReader(), True: ConllReader()}
    return _check(
        paths,
        lambda path: readers[path.endswith(_CONLL_SUFFIXES)],
        {"max_span_width": DEFAULT_MAX_SPAN_WIDTH, **_given(limits)},
    )


def show_report(report: DataReport, console: Console) -> None:
    """Print a report as tables."""
    splits = report.splits
    table = _table("data", splits)
    for row in (
        "documents",
        "invalid_documents",
        "documents_without_annotation",
        "documents_without_entities",
        "sentences",
        "words",
        "blank_words",
        "odd_words",
        "entities",
        "relations",
        "widest_entity",
        "too_wide",
        "overlapping",
        "lost_by_flat",
        "crossing_sentences",
        "documents_in_windows",
        "entities_cut_by_windows",
    ):
        table.add_row(row.replace("_", " "), *(str(getattr(s, row)) for s in splits.values()))
    if any(summary.pieces for summary in splits.values()):
        for name in ("median", "max"):
            lengths = [s.pieces[name] if s.pieces else 0 for s in splits.values()]
            table.add_row(f"word pieces ({name})", *(f"{length:g}" for length in lengths))
    for row in ("recall_lost_by_width", "recall_lost_by_flat", "highest_recall"):
        values = [f"{getattr(summary, row):.2f}" for summary in splits.values()]
        table.add_row(f"{row.replace('_', ' ')} (points)", *values)
    console.print(table)
    for name in ("labels", "relation_labels"):
        counts = {split: getattr(summary, name) for split, summary in splits.items()}
        labels = sorted({label for of_split in counts.values() for label in of_split})
        if labels:
            table = _table(name.replace("_", " "), splits)
            for label in labels:
                table.add_row(label, *(str(c.get(label, 0)) for c in counts.values()))
            console.print(table)
    for finding in report.findings:
        console.print(f"{finding.severity}: {finding.message}", markup=False, highlight=False)
    if not report.findings:
        console.print("No mistakes found.")


def _table(title: str, splits: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True)
    return table


def _given(limits: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in limits.items() if value is not None}


def _encoder(model: Mapping[str, Any]) -> Dict[str, Any]:
    embedders = model.get("text_field_embedder", {}).get("token_embedders", {})
    for embedder in embedders.values():
        if isinstance(embedder, Mapping) and embedder.get("model_name"):
            reads_windows = embedder.get("type") == "word_pieces"
            return {
                "encoder": embedder["model_name"],
                "windows": reads_windows,
                "max_length": embedder.get("max_length"),
                "overlap": embedder.get("overlap"),
            }
    return {}


def _check(
    paths: Mapping[str, DataPath],
    reader_of: Callable[[str], DocumentReader],
    options: Mapping[str, Any],
) -> DataReport:
    splits: Dict[str, List[Document]] = {}
    refused: Dict[str, List[Refused]] = {}
    for split, path in paths.items():
        splits[split], refused[split] = [], []
        for local, name in data_files(path):
            documents, errors = _read(reader_of(name), local, name)
            splits[split] += documents
            refused[split] += errors
    limits = ModelLimits(options.get("max_span_width"), bool(options.get("flat")))
    if options.get("encoder"):
        limits = _with_pieces(limits, options)
    return check_data(splits, limits, refused)


def _with_pieces(limits: ModelLimits, options: Mapping[str, Any]) -> ModelLimits:
    name = options["encoder"]
    try:
        indexer = WordPieceIndexer(name)
    except OSError as error:
        raise ConfigurationError(f"The encoder {name} cannot be loaded: {error}") from None
    vocabulary = Vocabulary()

    def count_pieces(words: Sequence[str]) -> List[int]:
        indices = indexer.tokens_to_indices([Token(word) for word in words], vocabulary)
        return [last - first + 1 for first, last in indices["piece_offsets"]]

    windows = None
    if options.get("windows", True):
        encoder = PretrainedEncoder(name)
        prefix, suffix = encoder.special_pieces()
        length = options.get("max_length") or encoder.max_pieces()
        content = length - len(prefix) - len(suffix)
        overlap = options.get("overlap")
        windows = Windows(content, content - (content // 4 if overlap is None else overlap))
    return ModelLimits(limits.max_span_width, limits.flat, count_pieces, windows)


def _read(reader: DocumentReader, path: str, name: str) -> Tuple[List[Document], List[Refused]]:
    documents: List[Document] = []
    if not isinstance(reader, SciERCReader):
        try:
            documents.extend(reader.read_documents(path, name))
        except DocumentError as error:
            return documents, [Refused(str(error))]
        return documents, []
    # Line by line, to name all invalid documents and not only the first.
    refused: List[Refused] = []
    try:
        for origin, line in read_lines(path, name):
            if not line.strip():
                continue
            fields: Any = None
            try:
                try:
                    fields = parse_line(line)
                except DocumentError as error:
                    raise DocumentError(f"{origin}: {error}") from None
                documents.append(document_from_scierc(fields, origin))
            except DocumentError as error:
                refused.append(Refused(str(error), _crossing(fields)))
    except DocumentError as error:
        # The file is missing or damaged.
        refused.append(Refused(str(error)))
    return documents, refused


def _crossing(fields: Any) -> int:
    # The document is invalid, so nothing about its form is known.
    try:
        sentence_of = [i for i, words in enumerate(fields["sentences"]) for _ in words]
        spans = [span for sentence in fields["ner"] for span in sentence]
        return sum(sentence_of[start] != sentence_of[end] for start, end, *_ in spans)
    except (KeyError, TypeError, ValueError, IndexError):
        return 0


def write_json(report: DataReport) -> str:
    """Return a report as indented JSON."""
    return json.dumps(report.to_json(), indent=2, ensure_ascii=False)
