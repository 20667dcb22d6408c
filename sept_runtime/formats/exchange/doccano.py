"""doccano's JSON lines for sequence labeling with relations."""

from typing import Any, Dict, Iterable, Iterator

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange.characters import CharacterDocument, CharacterSpan
from sept_runtime.formats.json_lines import dump_line


def write(documents: Iterable[CharacterDocument]) -> Iterator[str]:
    """Yield the lines of a file to import as "JSONL(relation)"."""
    for document in documents:
        numbers = {name: number for number, name in enumerate(document.spans)}
        yield dump_line(
            {
                "text": document.text,
                "doc_key": document.key,
                "entities": [
                    {
                        "id": numbers[name],
                        "start_offset": span.start,
                        "end_offset": span.end,
                        "label": span.label,
                    }
                    for name, span in document.spans.items()
                ],
                "relations": [
                    {
                        "id": number,
                        "from_id": numbers[head],
                        "to_id": numbers[tail],
                        "type": label,
                    }
                    for number, (head, tail, label) in enumerate(document.relations)
                ],
            }
        )


def read_line(fields: Any, origin: str) -> CharacterDocument:
    """
    Read one line of an export, with `entities` and `relations` or with `label`.

    # Raises

    `DocumentError` for a line that is not doccano's.
    """
    spans: Dict[str, CharacterSpan] = {}
    try:
        text = fields["text"] if "text" in fields else fields["data"]
        if "entities" in fields:
            for entity in fields["entities"]:
                span = CharacterSpan(entity["start_offset"], entity["end_offset"], entity["label"])
                spans[str(entity["id"])] = span
        else:
            listed = fields["label"] if "label" in fields else fields["labels"]
            for number, (start, end, label) in enumerate(listed):
                spans[str(number)] = CharacterSpan(start, end, label)
        relations = [
            (str(relation["from_id"]), str(relation["to_id"]), relation["type"])
            for relation in fields.get("relations") or []
        ]
        key = str(fields.get("doc_key") or fields.get("id") or "")
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"{origin}: not a line of doccano's JSONL ({error!r})") from None
    return CharacterDocument(key, text, spans, relations, origin=origin)
