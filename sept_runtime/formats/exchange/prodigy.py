"""Prodigy's JSON lines: `text`, `tokens`, `spans` (`token_end` is inclusive) and `relations`."""

from typing import Any, Dict, Iterable, Iterator, List, Optional

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange.characters import CharacterDocument, CharacterSpan
from sept_runtime.formats.json_lines import JsonObject, dump_line


def write(documents: Iterable[CharacterDocument]) -> Iterator[str]:
    """Yield the lines of a file of tasks for `spans.manual` or `rel.manual`."""
    for document in documents:
        words = document.words
        first = {start: number for number, (start, _) in enumerate(words)}
        last = {end: number for number, (_, end) in enumerate(words)}
        tokens: List[JsonObject] = [
            {
                "text": document.text[start:end],
                "start": start,
                "end": end,
                "id": number,
                "ws": document.text[end : end + 1].isspace(),
            }
            for number, (start, end) in enumerate(words)
        ]
        spans = {
            name: {
                "start": span.start,
                "end": span.end,
                "token_start": first[span.start],
                "token_end": last[span.end],
                "label": span.label,
                **({} if span.score is None else {"score": span.score}),
            }
            for name, span in document.spans.items()
        }
        yield dump_line(
            {
                "text": document.text,
                "tokens": tokens,
                "spans": list(spans.values()),
                "relations": [
                    {
                        "head": spans[head]["token_end"],
                        "child": spans[tail]["token_end"],
                        "head_span": spans[head],
                        "child_span": spans[tail],
                        "label": label,
                    }
                    for head, tail, label in document.relations
                ],
                "meta": {"doc_key": document.key},
            }
        )


def read_line(fields: Any, origin: str, report: Dict[str, int]) -> Optional[CharacterDocument]:
    """
    Read one line of `prodigy db-out`; `None` for an example that was rejected or ignored.

    # Parameters

    fields : `Any`
    origin : `str`
        File and line, for messages.
    report : `Dict[str, int]`
        Receives the count of rejected and ignored examples.

    # Raises

    `DocumentError` for a line that is not Prodigy's.
    """
    try:
        answer = fields.get("answer", "accept")
        if answer != "accept":
            reason = f"examples with the answer {answer!r}"
            report[reason] = report.get(reason, 0) + 1
            return None
        spans: Dict[str, CharacterSpan] = {}
        names: Dict[CharacterSpan, str] = {}

        def add(span: Any) -> str:
            found = CharacterSpan(span["start"], span["end"], span["label"])
            name = names.setdefault(found, f"s{len(names)}")
            spans[name] = found
            return name

        for span in fields.get("spans") or []:
            add(span)
        relations = [
            (add(relation["head_span"]), add(relation["child_span"]), relation["label"])
            for relation in fields.get("relations") or []
        ]
        key = str((fields.get("meta") or {}).get("doc_key") or fields.get("_task_hash") or "")
        return CharacterDocument(key, fields["text"], spans, relations, origin=origin)
    except (AttributeError, KeyError, TypeError) as error:
        raise DocumentError(f"{origin}: not a line of Prodigy's JSONL ({error!r})") from None
