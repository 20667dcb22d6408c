"""
Label Studio's tasks, in its JSON format.

Offsets count characters (code points), as in Python: the editor's own tests ("Should calculate
offsets by code points in text") say so.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, Optional

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange.characters import CharacterDocument, CharacterSpan
from sept_runtime.formats.json_lines import JsonObject

MODEL_VERSION = "sept"
FROM_NAME, TO_NAME, FIELD = "label", "text", "text"
"""The names that `labeling_config` gives to the tags and to the text's field."""


def results(
    document: CharacterDocument, from_name: str = FROM_NAME, to_name: str = TO_NAME
) -> List[JsonObject]:
    """Return the spans and relations of a document as the results of an annotation."""
    found: List[JsonObject] = []
    for name, span in document.spans.items():
        result: JsonObject = {
            "id": name,
            "from_name": from_name,
            "to_name": to_name,
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": document.text[span.start : span.end],
                "labels": [span.label],
            },
        }
        if span.score is not None:
            result["score"] = span.score
        found.append(result)
    for head, tail, label in document.relations:
        found.append(
            {
                "type": "relation",
                "from_id": head,
                "to_id": tail,
                "direction": "right",
                "labels": [label],
            }
        )
    return found


def mean_score(document: CharacterDocument) -> float:
    """Return the mean score of a document's spans, 0 if none has a score."""
    scores = [span.score for span in document.spans.values() if span.score is not None]
    return sum(scores) / len(scores) if scores else 0.0


def labeling_config(documents: Iterable[CharacterDocument]) -> str:
    """Return a labeling configuration with the labels of the documents."""
    from xml.sax.saxutils import quoteattr

    labels: Dict[str, None] = {}
    relations: Dict[str, None] = {}
    for document in documents:
        labels.update((span.label, None) for span in document.spans.values())
        relations.update((label, None) for _, _, label in document.relations)
    lines = [f'<View>\n  <Labels name="{FROM_NAME}" toName="{TO_NAME}">']
    lines += [f"    <Label value={quoteattr(label)}/>" for label in sorted(labels)]
    lines += ["  </Labels>"]
    if relations:
        lines += ["  <Relations>"]
        lines += [f"    <Relation value={quoteattr(label)}/>" for label in sorted(relations)]
        lines += ["  </Relations>"]
    lines += [f'  <Text name="{TO_NAME}" value="${FIELD}" granularity="word"/>', "</View>", ""]
    return "\n".join(lines)


def write(documents: Iterable[CharacterDocument]) -> Iterator[str]:
    """Yield the pieces of a file of tasks with predictions, to import into Label Studio."""
    separator = "[\n"
    for document in documents:
        task = {
            "data": {FIELD: document.text, "doc_key": document.key},
            "predictions": [
                {
                    "model_version": MODEL_VERSION,
                    "score": mean_score(document),
                    "result": results(document),
                }
            ],
        }
        yield separator + json.dumps(task, ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def read(content: bytes, origin: str, report: Dict[str, int]) -> Iterator[CharacterDocument]:
    """
    Read an export in the format "JSON".

    Of several annotations of a task the last one that was not canceled counts.

    # Parameters

    content : `bytes`
    origin : `str`
        The file's name, for messages.
    report : `Dict[str, int]`
        Receives the counts of tasks and annotations that were left out, by reason.

    # Raises

    `DocumentError` for content that is not such an export.
    """
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{origin}: not valid JSON ({error})") from None
    if not isinstance(tasks, list):
        raise DocumentError(f"{origin}: expected a list of tasks; export in the format 'JSON'")
    for number, task in enumerate(tasks, start=1):
        where = f"{origin}, task {number}"
        document = _read_task(task, where, report)
        if document is not None:
            yield document


def _read_task(task: Any, where: str, report: Dict[str, int]) -> Optional[CharacterDocument]:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise DocumentError(f"{where}: 'data' is missing; export in the format 'JSON'")
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        raise DocumentError(f"{where}: 'annotations' is missing; export in the format 'JSON'")
    kept = [each for each in annotations if not each.get("was_cancelled")]
    if not kept:
        report["tasks without an annotation"] = report.get("tasks without an annotation", 0) + 1
        return None
    if len(kept) > 1:
        reason = "earlier annotations of the same task"
        report[reason] = report.get(reason, 0) + len(kept) - 1
    spans: Dict[str, CharacterSpan] = {}
    relations = []
    field_name = FIELD
    try:
        for index, result in enumerate(kept[-1]["result"]):
            if result["type"] == "relation":
                head, tail = result["from_id"], result["to_id"]
                if result.get("direction") == "left":
                    head, tail = tail, head
                relations += [(head, tail, label) for label in result.get("labels") or ["RELATED"]]
            elif result["type"] in ("labels", "hypertextlabels"):
                value = result["value"]
                for label in value.get("labels") or value["hypertextlabels"]:
                    name = result.get("id", f"r{index}")
                    name = name if name not in spans else f"{name}-{label}"
                    spans[name] = CharacterSpan(int(value["start"]), int(value["end"]), label)
            else:
                reason = f"results of type {result['type']!r}"
                report[reason] = report.get(reason, 0) + 1
        texts = [name for name, value in task["data"].items() if isinstance(value, str)]
        if field_name not in task["data"]:
            field_name = max(texts, key=lambda name: len(task["data"][name]))
        text = task["data"][field_name]
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"{where}: cannot be read ({error!r})") from None
    key = str(task["data"].get("doc_key") or task.get("id") or where)
    return CharacterDocument(key, text, spans, relations, origin=where)
