"""The output of Hugging Face's token classification pipeline, with grouped entities."""

from typing import Iterable, Iterator

from sept_runtime.formats.exchange.characters import CharacterDocument
from sept_runtime.formats.json_lines import dump_line


def write(documents: Iterable[CharacterDocument]) -> Iterator[str]:
    """Yield a line per document: a list of `entity_group`, `score`, `word`, `start` and `end`."""
    for document in documents:
        yield dump_line(
            [
                {
                    "entity_group": span.label,
                    "score": span.score,
                    "word": document.text[span.start : span.end],
                    "start": span.start,
                    "end": span.end,
                }
                for span in document.spans.values()
            ]
        )
