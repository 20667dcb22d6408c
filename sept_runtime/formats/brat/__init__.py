"""
Documents as brat standoff (`NAME.txt`, `NAME.ann`, `annotation.conf`) and back.

brat knows a text and character offsets, but no sentences, words or document keys. They are in one
file beside brat's own, `sept_documents.json` (see `records`). If it is missing, or the text is no
longer the recorded one, words and sentences are found again.
"""

from sept_runtime.formats.brat.alignment import MISALIGNED_POLICIES
from sept_runtime.formats.brat.reading import BratReport, read_brat
from sept_runtime.formats.brat.records import RECORD_NAME
from sept_runtime.formats.brat.writing import write_brat

__all__ = ["BratReport", "MISALIGNED_POLICIES", "RECORD_NAME", "read_brat", "write_brat"]
