"""Write predictions as JSON lines or, by the suffix of the file, as tables."""

import contextlib
import csv
import io
import json
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    cast,
)

from typing_extensions import override

from sept_runtime.documents import DocumentError, Span
from sept_runtime.errors import needs_extra
from sept_runtime.formats.files import COMPRESSION_SUFFIXES, open_output, write_aside
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions.reading import PredictedDocument, prediction_from_json
from sept_runtime.tokenization.words import with_joined_text, without_surrogates

TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx", ".parquet")

_ENTITY_COLUMNS = (
    "id",
    "title",
    "text",
    "text_normalized",
    "label",
    "score",
    "start",
    "end",
    "sentence",
    "sentence_text",
)
_RELATION_COLUMNS = (
    "id",
    "title",
    "head",
    "head_label",
    "label",
    "tail",
    "tail_label",
    "score",
    "sentence",
    "sentence_text",
)
_NUMBERS = {"score": float, "start": int, "end": int, "sentence": int}

# The keys of outputs that are no fields of the record.
_OUTPUT_KEYS = frozenset(
    {"format_version", "id", "doc_id", "doc_key", "title", "text", "sentences", "word_offsets"}
    | {"entities", "predicted_ner", "relations", "predicted_relations", "gold_relations", "ner"}
    | {"symmetric_relation_labels", "clusters", "line", "error"}
)

# The limits of Excel.
_MOST_ROWS = 1_048_576
_LONGEST_CELL = 32_767


class PredictionWriter(ABC):
    """Base class for writers of predictions."""

    @abstractmethod
    def write(self, output: JsonObject) -> None:
        """Write the output for one document."""

    def flush(self) -> None:  # noqa: B027
        """Write what is buffered, if the format allows it."""


@contextlib.contextmanager
def open_predictions(
    path: Optional[str], inputs: Iterable[str] = (), keep: Optional[Sequence[str]] = None
) -> Iterator[PredictionWriter]:
    """
    Open a file for predictions, as `open_output` opens files.

    A name that ends in `.csv`, `.tsv`, `.xlsx` or `.parquet` makes a table with a row for each
    entity. Relations make a second sheet or file, `NAME-relations.csv`.

    # Parameters

    path : `str`, optional
        Standard output if it is `None` or `-`.
    inputs : `Iterable[str]`, optional (default = `()`)
        The files that are read in the meantime.
    keep : `Sequence[str]`, optional (default = `None`)
        The fields of the records that become columns; by default those of the first document.
    """
    inputs = list(inputs)
    suffix = table_suffix(path)
    if path is None or suffix is None:
        with open_output(path, inputs) as output:
            yield _Lines(output)
    elif suffix == ".xlsx":
        with write_aside(path, inputs) as aside, _Workbook(aside) as sheets:
            yield _Tables(sheets, keep)
    else:
        with _Files(path, suffix, inputs) as files:
            yield _Tables(files, keep)


def write_table(
    path: str,
    inputs: Iterable[str],
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numbers: Mapping[str, type],
) -> None:
    """
    Write a table in the format that the suffix of its file tells; CSV by default.

    # Parameters

    path : `str`
        `-` for standard output.
    inputs : `Iterable[str]`
        The files that must not be overwritten.
    name : `str`
        The name of the sheet in Excel.
    columns : `Sequence[str]`
    rows : `Iterable[Sequence[Any]]`
    numbers : `Mapping[str, type]`
        The columns of numbers, each with `int` or `float`.
    """
    suffix = table_suffix(path) or ".csv"
    with contextlib.ExitStack() as stack:
        target: _Target
        if suffix == ".xlsx":
            target = stack.enter_context(_Workbook(stack.enter_context(write_aside(path, inputs))))
        else:
            target = stack.enter_context(_Files(path, suffix, list(inputs)))
        target.start(name, columns, numbers)
        for row in rows:
            target.add(name, row)


def table_suffix(path: Optional[str]) -> Optional[str]:
    """Return the suffix of a table's name, without that of compression; `None` for other names."""
    name = Path(path or "").name.lower()
    for suffix in COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), None)


class _Lines(PredictionWriter):
    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    @override
    def write(self, output: JsonObject) -> None:
        self._output.write(dump_line(output).encode())

    @override
    def flush(self) -> None:
        self._output.flush()


_Row = Dict[str, Any]


class _Target(ABC):
    """The place of two tables."""

    @abstractmethod
    def start(self, table: str, columns: Sequence[str], numbers: Mapping[str, type]) -> None:
        """Begin a table. `numbers` has the columns that are not texts."""

    @abstractmethod
    def add(self, table: str, row: Sequence[Any]) -> None:
        """Add a row to a table that has begun."""


class _Tables(PredictionWriter):
    def __init__(self, target: _Target, keep: Optional[Sequence[str]]) -> None:
        self._target = target
        self._kept = None if keep is None else list(keep)
        self._columns: Dict[str, List[str]] = {}
        if self._kept is not None:
            self._start("entities", _ENTITY_COLUMNS)

    @override
    def write(self, output: JsonObject) -> None:
        if output.get("error") is not None and output.get("sentences") is None:
            line = f"line {output['line']}: " if "line" in output else ""
            print(f"{line}{output['error']}", file=sys.stderr)
            return
        if self._kept is None:
            self._kept = [name for name in output if name not in _OUTPUT_KEYS]
        document = prediction_from_json(output)
        if "entities" not in self._columns:
            self._start("entities", _ENTITY_COLUMNS)
        kept = {name: _cell(output.get(name)) for name in self._kept}
        for row in _entity_rows(document):
            self._add("entities", {**row, **kept})
        if document.predicted is not None and document.predicted.relations is not None:
            if "relations" not in self._columns:
                self._start("relations", _RELATION_COLUMNS)
            for row in _relation_rows(document):
                self._add("relations", {**row, **kept})

    def _start(self, table: str, columns: Sequence[str]) -> None:
        kept = [name for name in self._kept or [] if name not in columns]
        self._columns[table] = [*columns, *kept]
        self._target.start(table, self._columns[table], _NUMBERS)

    def _add(self, table: str, row: _Row) -> None:
        self._target.add(table, [row.get(name) for name in self._columns[table]])


def _entity_rows(document: PredictedDocument) -> Iterator[_Row]:
    source = with_joined_text(document.document)
    assert source.text is not None and source.offsets is not None
    spans: Sequence[Span] = document.predicted_entities
    if document.predicted is None:
        spans = source.entities or []
    for span in spans:
        start, end = source.offsets[span.start][0], source.offsets[span.end][1]
        yield {
            **_common(document, span),
            "text": source.text[start:end],
            "text_normalized": " ".join(source.text[start:end].split()),
            "label": span.label,
            "score": getattr(span, "score", None),
            "start": start,
            "end": end,
        }


def _relation_rows(document: PredictedDocument) -> Iterator[_Row]:
    assert document.predicted is not None
    entities = document.predicted.entities
    texts = [row["text_normalized"] for row in _entity_rows(document)]
    for head, tail, label, score in document.predicted.relations or []:
        yield {
            **_common(document, entities[head]),
            "head": texts[head],
            "head_label": entities[head].label,
            "label": label,
            "tail": texts[tail],
            "tail_label": entities[tail].label,
            "score": score,
        }


def _common(document: PredictedDocument, span: Span) -> _Row:
    source = with_joined_text(document.document)
    assert source.text is not None and source.offsets is not None
    ids = source.sentence_ids
    number = ids[span.start]
    first, last = ids.index(number), len(ids) - 1 - ids[::-1].index(number)
    sentence = source.text[source.offsets[first][0] : source.offsets[last][1]]
    return {
        "id": source.key,
        "title": document.title,
        # From 1, as people count.
        "sentence": number + 1,
        "sentence_text": " ".join(sentence.split()),
    }


def _cell(value: Any) -> Any:
    """Return a kept field for a cell: lists of texts joined, other nested values as JSON."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "; ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


class _Files(_Target, contextlib.ExitStack):
    """A file for each table: CSV, TSV or Parquet."""

    def __init__(self, path: str, suffix: str, inputs: Sequence[str]) -> None:
        super().__init__()
        self._path = path
        self._suffix = suffix
        self._inputs = inputs
        self._tables: Dict[str, Any] = {}

    @override
    def __enter__(self) -> "_Files":
        super().__enter__()
        # Before a model is loaded, which takes time.
        self._output = self.enter_context(open_output(self._path, self._inputs))
        return self

    @override
    def start(self, table: str, columns: Sequence[str], numbers: Mapping[str, type]) -> None:
        output = self._output
        if self._tables:
            stem, dot, suffixes = self._path.rpartition(self._suffix)
            path = f"{stem}-{table}{dot}{suffixes}"
            output = self.enter_context(open_output(path, self._inputs))
        kind = _ParquetTable if self._suffix == ".parquet" else _CsvTable
        self._tables[table] = self.enter_context(kind(output, columns, self._suffix, numbers))

    @override
    def add(self, table: str, row: Sequence[Any]) -> None:
        self._tables[table].add(row)


class _CsvTable(contextlib.AbstractContextManager["_CsvTable"]):
    def __init__(
        self, output: BinaryIO, columns: Sequence[str], suffix: str, numbers: Mapping[str, type]
    ) -> None:
        self._text = io.TextIOWrapper(cast(BinaryIO, _Unclosed(output)), "utf-8", newline="")
        self._writer = csv.writer(self._text, "excel-tab" if suffix == ".tsv" else "excel")
        self._writer.writerow(columns)

    def add(self, row: Sequence[Any]) -> None:
        self._writer.writerow([without_surrogates(x) if isinstance(x, str) else x for x in row])

    @override
    def __exit__(self, *error: Any) -> None:
        self._text.flush()
        self._text.detach()


class _Unclosed(io.BufferedIOBase):
    """An output that a wrapper does not close."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any) -> int:
        return self._output.write(data)


class _ParquetTable(contextlib.AbstractContextManager["_ParquetTable"]):
    _BATCH = 4096

    def __init__(
        self, output: BinaryIO, columns: Sequence[str], suffix: str, numbers: Mapping[str, type]
    ) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise DocumentError(needs_extra("writing Parquet", "formats")) from None
        types = {float: pyarrow.float64(), int: pyarrow.int64()}
        self._numbers = numbers
        fields = {name: types.get(numbers.get(name, str), pyarrow.string()) for name in columns}
        self._schema = pyarrow.schema(fields)
        self._table = pyarrow.Table
        self._writer = parquet.ParquetWriter(output, self._schema)
        self._rows: List[Dict[str, Any]] = []

    def add(self, row: Sequence[Any]) -> None:
        names = self._schema.names
        values = [
            value if value is None or name in self._numbers else without_surrogates(str(value))
            for name, value in zip(names, row)
        ]
        self._rows.append(dict(zip(names, values)))
        if len(self._rows) >= self._BATCH:
            self._write_rows()

    def _write_rows(self) -> None:
        self._writer.write_table(self._table.from_pylist(self._rows, self._schema))
        self._rows = []

    @override
    def __exit__(self, *error: Any) -> None:
        if self._rows:
            self._write_rows()
        self._writer.close()


class _Workbook(_Target, contextlib.AbstractContextManager["_Workbook"]):
    """A sheet for each table, and further ones where Excel's limit of rows is reached."""

    def __init__(self, path: Path) -> None:
        try:
            import xlsxwriter
        except ImportError:
            raise DocumentError(needs_extra(f"{path}: writing .xlsx", "formats")) from None
        # A text that begins with '=' or looks like an address stays a text.
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(str(path), {**options, "nan_inf_to_errors": True})
        self._bold = self._book.add_format({"bold": True})
        self._columns: Dict[str, Sequence[str]] = {}
        self._sheets: Dict[str, Tuple[Any, int, int]] = {}

    @override
    def start(self, table: str, columns: Sequence[str], numbers: Mapping[str, type]) -> None:
        self._columns[table] = columns
        self._new_sheet(table, 1)

    def _new_sheet(self, table: str, number: int) -> None:
        sheet = self._book.add_worksheet(table if number == 1 else f"{table} {number}")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, self._columns[table], self._bold)
        self._sheets[table] = sheet, number, 1

    @override
    def add(self, table: str, row: Sequence[Any]) -> None:
        if self._sheets[table][2] >= _MOST_ROWS:
            self._new_sheet(table, self._sheets[table][1] + 1)
        sheet, number, index = self._sheets[table]
        for column, value in enumerate(row):
            if isinstance(value, str):
                value = without_surrogates(value)
                if len(value) > _LONGEST_CELL:
                    value = f"{value[: _LONGEST_CELL - 1]}…"
                sheet.write_string(index, column, value)
            elif value is not None:
                sheet.write(index, column, value)
        self._sheets[table] = sheet, number, index + 1

    @override
    def __exit__(self, *error: Any) -> None:
        if not self._sheets:
            self.start("entities", _ENTITY_COLUMNS, _NUMBERS)
        self._book.close()
