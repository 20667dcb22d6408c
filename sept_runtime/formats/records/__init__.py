"""
Records of bibliographic files, tables and texts, as the inputs of prediction.

`open_records` recognizes the format of each file by its content and name. A record has an id, a
title, a text and the fields to keep; `fields` finds them under the names that common sources use.
"""

from sept_runtime.formats.records.fields import FieldOptions, map_fields
from sept_runtime.formats.records.reading import (
    FORMATS,
    Record,
    RecordFile,
    find_files,
    format_of_name,
    open_records,
    place,
    read_file,
    read_lines,
    recognize,
)
from sept_runtime.formats.records.whole import MissingExtraError

__all__ = [
    "FORMATS",
    "FieldOptions",
    "MissingExtraError",
    "Record",
    "RecordFile",
    "find_files",
    "format_of_name",
    "map_fields",
    "open_records",
    "place",
    "read_lines",
    "read_file",
    "recognize",
]
