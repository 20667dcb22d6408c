"""Files of records in the body of a request."""

import io
from itertools import chain
from typing import Dict, Iterator, NamedTuple, Optional

from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import decompressed
from sept_runtime.formats.records import FORMATS, FieldOptions, Record, read_file, recognize

# Parquet's readers trust the sizes that a file claims.
FILE_FORMATS = tuple(format for format in FORMATS if format != "parquet")

# Names of files for types of content that their content does not tell.
_NAMES = {
    "text/csv": "file.csv",
    "text/tab-separated-values": "file.tsv",
    "text/plain": "file.txt",
    "application/json": "file.json",
}
_SWITCHES = {"true": True, "false": False}


class UploadOptions(NamedTuple):
    """
    How a file is read.

    # Parameters

    name : `str`
        Its name, or what its type of content says.
    format : `str`, optional
        One of `FILE_FORMATS`; by default as recognized.
    fields : `FieldOptions`
    one_per_line : `bool`
        Each line of a text is a document.
    """

    name: str
    format: Optional[str]
    fields: FieldOptions
    one_per_line: bool

    @classmethod
    def of(cls, query: Dict[str, str], content_type: str) -> "UploadOptions":
        """
        Return the options in a query, and remove them from it.

        # Raises

        `DocumentError` for an invalid value.
        """
        name = query.pop("name", "") or _NAMES.get(content_type.split(";")[0].strip(), "file")
        format = query.pop("format", None)
        if format is not None and format not in FILE_FORMATS:
            raise DocumentError(f"format must be one of {', '.join(FILE_FORMATS)}, got {format!r}")
        keep = tuple(field for field in query.pop("keep", "").split(",") if field)
        fields = FieldOptions(
            query.pop("text_field", None),
            query.pop("id_field", None),
            query.pop("title_field", None),
            keep,
            _switch(query, "with_title"),
            text_option="text_field=",
        )
        return cls(name, format, fields, _switch(query, "one_per_line"))


def _switch(query: Dict[str, str], name: str) -> bool:
    value = query.pop(name, "false")
    if value.lower() not in _SWITCHES:
        raise DocumentError(f"{name} must be true or false, got {value!r}")
    return _SWITCHES[value.lower()]


def read_upload(body: bytes, options: UploadOptions, max_bytes: int) -> Iterator[Record]:
    """
    Yield the records of a file, plain or compressed.

    # Parameters

    body : `bytes`
    options : `UploadOptions`
    max_bytes : `int`
        The largest size of the content, in bytes.

    # Raises

    `DocumentError` at once if the file is too large, its format is unknown, or it cannot be read at
    all; where it is damaged later, iterating raises it.
    """
    content = decompressed(io.BytesIO(body), options.name).read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DocumentError(f"{options.name}: the content has more than {max_bytes} bytes")
    # As a reader that can look ahead.
    file: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
    format = options.format or recognize(file, options.name)
    if format not in FILE_FORMATS:
        raise DocumentError(
            f"{options.name}: the format is unknown or not accepted here; name it by the parameter "
            f"'format': {', '.join(FILE_FORMATS)}"
        )
    records = read_file(file, options.name, format, options.one_per_line)
    return chain([first] if (first := next(records, None)) else [], records)
