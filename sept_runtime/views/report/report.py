import base64
import hashlib
import json
from collections import defaultdict
from importlib import resources
from typing import Any, Dict, List, Optional, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from sept_runtime.analysis.counts import (
    CorpusCounts,
    Name,
    analyzed_documents,
    count_predictions,
)
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.views.html.colors import color_rules, colors_of

# Pairs of labels that readers of scientific text ask for first.
_PAIRS = (("Method", "USED-FOR", "Task"), ("Method", "EVALUATE-FOR", "Task"))

_TEMPLATES = Environment(
    loader=PackageLoader("sept_runtime.views", "report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_report(
    path: str,
    by: Optional[str] = None,
    title: str = "Entities",
    top: int = 300,
    examples: int = 10,
    min_score: float = 0.0,
) -> str:
    """
    Draw a page over a corpus: counts, trends, related pairs, and sentences of each entity.

    The page holds its data and needs no other resource. Its size is bounded by `top` and
    `examples`, not by the corpus.

    # Parameters

    path : `str`
        A file that `sept predict` wrote. It is read twice.
    by : `str`, optional
        A field whose values give trends, such as `year`.
    title : `str`, optional (default = `"Entities"`)
    top : `int`, optional (default = `300`)
        Entities to list for each label.
    examples : `int`, optional (default = `10`)
        Sentences to keep for each entity.
    min_score : `float`, optional (default = `0.0`)
        Entities with a lower score are left out.

    # Raises

    `DocumentError` at the first invalid line.
    """
    counts = count_predictions(path, by, min_score)
    data = _data(counts, path, by, top, examples, min_score)
    views = resources.files("sept_runtime.views")
    script = views.joinpath("report/report.js").read_text("utf-8")
    styles = [
        views.joinpath(name).read_text("utf-8") for name in ("html/base.css", "report/report.css")
    ]
    # No text can end the element that holds the data.
    embedded = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
    return _TEMPLATES.get_template("report.html").render(
        title=title,
        num_documents=counts.num_documents,
        num_failed=counts.num_failed,
        style="\n".join([*styles, *color_rules(data["labels"])]),
        script=script,
        script_hash=_hash(script),
        data=embedded,
    )


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"sha256-{digest}"


def _data(
    counts: CorpusCounts, path: str, by: Optional[str], top: int, examples: int, min_score: float
) -> JsonObject:
    labels = sorted({name[0] for name, _ in counts.names()})
    names = [name for label in labels for name, _ in counts.names(label, top)]
    entities = [entity for label in labels for entity in counts.entities(label, top)]
    values = sorted(counts.documents_by_value)
    sentences = _sentences(path, by, names, examples, min_score)
    return {
        "labels": list(colors_of(labels)),
        "values": values,
        "field": by or "",
        "entities": [
            {
                "label": entity.label,
                "name": entity.name,
                "documents": entity.documents,
                "mentions": entity.mentions,
                "trend": [entity.by_value[value] for value in values],
                "sentences": found,
            }
            for entity, found in zip(entities, sentences)
        ],
        "pairs": [
            {"heads": head, "relation": relation, "tails": tail, "rows": rows}
            for head, relation, tail in _pair_kinds(counts)
            if (
                rows := [
                    [pair.head, pair.tail, pair.documents]
                    for pair in counts.pairs(relation, head, tail, top=30)
                ]
            )
        ],
    }


def _pair_kinds(counts: CorpusCounts) -> List[Any]:
    """Return the kinds of pairs to show: those asked for first, then the most frequent ones."""
    frequency: Dict[Any, int] = defaultdict(int)
    for pair in counts.pairs():
        frequency[(pair.head_label, pair.relation, pair.tail_label)] += pair.documents
    ranked = sorted(frequency, key=lambda kind: (kind not in _PAIRS, -frequency[kind], kind))
    return ranked[:6]


def _sentences(
    path: str, by: Optional[str], names: Sequence[Name], examples: int, min_score: float
) -> List[List[Any]]:
    """Return per entity up to `examples` sentences: text, start, end, document, field's value."""
    index = {name: number for number, name in enumerate(names)}
    found: List[List[Any]] = [[] for _ in names]
    for document in analyzed_documents(path, by, min_score):
        if document is None:
            continue
        seen = set()
        for mention in document.mentions:
            number = index.get(mention.name)
            # A document gives one example of an entity.
            if number is None or number in seen or len(found[number]) >= examples:
                continue
            seen.add(number)
            text = document.sentences[mention.sentence]
            where = document.title or document.key
            found[number].append([text, mention.start, mention.end, where, document.value])
    return found
