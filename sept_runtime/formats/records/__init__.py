"""
Records of bibliographic files, tables and texts, as the inputs of prediction.

`read_records` recognizes the format of each file by its content and name. A record has an id, a
title, a text and the fields to keep; `fields` finds them under the names that common sources use.
"""

from sept_runtime.formats.records.fields import FieldOptions, map_fields
from sept_runtime.formats.records.reading import (
    FORMATS,
    Record,
    RecordFile,
    find_files,
    open_records,
    read_lines,
)

__all__ = [
    "FORMATS",
    "FieldOptions",
    "Record",
    "RecordFile",
    "find_files",
    "map_fields",
    "open_records",
    "read_lines",
]
