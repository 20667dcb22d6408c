"""Find id, title and text among the fields of a record."""

import json
import re
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import JsonObject, json_type

# Names are compared in lower case and without anything but letters and digits.
TEXT_NAMES = (
    "text",
    "abstract",
    "abstracttext",
    "abstractnote",
    "paperabstract",
    "ab",
    "n2",
    "summary",
)
ID_NAMES = (
    "dockey",
    "docid",
    "id",
    "paperid",
    "corpusid",
    "pmid",
    "doi",
    "do",
    "eid",
    "utuniquewosid",
    "ut",
    "an",
    "key",
    "uid",
)
TITLE_NAMES = ("title", "articletitle", "ti", "t1", "displayname", "documenttitle")
# Fields with a year in them, for `year`. arXiv's `versions` begin with the first one.
YEAR_NAMES = (
    "year",
    "publicationyear",
    "py",
    "issued",
    "date",
    "publicationdate",
    "published",
    "versions",
    "created",
    "updatedate",
)
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")

# The forms of documents that hold their words.
_WORDS = ("sentences", "tokens")
_TAG = re.compile(r"</?[A-Za-z][\w:.-]*(\s[^<>]*)?/?>")


@dataclass(frozen=True)
class FieldOptions:
    """
    The fields of records that are used.

    # Parameters

    text, id, title : `str`, optional (default = `None`)
        The names of the fields; by default known names are tried. A name such as `abstract.value`
        stands for a field of a nested object.
    keep : `Tuple[str, ...]`, optional (default = `()`)
        Further fields that the output is to hold, see `kept_fields`.
    with_title : `bool`, optional (default = `False`)
        Annotate the title as a first sentence.
    text_option : `str`, optional (default = `"--text-field "`)
        The option for `text`, as messages write it before a name.
    """

    text: Optional[str] = None
    id: Optional[str] = None
    title: Optional[str] = None
    keep: Tuple[str, ...] = ()
    with_title: bool = False
    text_option: str = "--text-field "


def map_fields(fields: JsonObject, options: FieldOptions) -> JsonObject:
    """
    Return a record as an input of prediction, with `id`, `title` and `text`.

    Documents that are given as words (`sentences` or `tokens`) or as `text` stay as they are.

    # Raises

    `DocumentError` if the record has no text; the message names the fields that it has.
    """
    if options.text is None and any(fields.get(name) for name in _WORDS):
        return fields
    named = options.text or options.id or options.title
    if not named and not options.with_title and fields.get("text") is not None:
        return fields
    text = _text(_find(fields, options.text, TEXT_NAMES))
    if text is None and options.text is None:
        text = _inverted(fields.get("abstract_inverted_index")) or _s2orc_abstract(fields)
    title = _text(_find(fields, options.title, TITLE_NAMES))
    mapped: JsonObject = {}
    for name in ("doc_key", "doc_id"):
        if options.id is None and fields.get(name) is not None:
            mapped[name] = fields[name]
    identifier = _find(fields, options.id, ID_NAMES)
    if identifier not in (None, "") and not mapped:
        mapped["id"] = identifier
    if title:
        mapped["title"] = title
    if text is None or not text.strip():
        if options.text is None and any(fields.get(name) is not None for name in _WORDS):
            return fields
        # An output of prediction that is an error stays that error.
        if isinstance(fields.get("error"), str):
            raise DocumentError(fields["error"])
        if title and options.with_title:
            mapped["text"] = ""
            return mapped
        raise DocumentError(_no_text(fields, options))
    mapped["text"] = text
    return mapped


def kept_fields(fields: JsonObject, options: FieldOptions) -> JsonObject:
    """
    Return the fields that the output is to hold, by the last part of their names.

    `year` is found in the fields that common sources have for dates.
    """
    kept = {name.rpartition(".")[2]: _find(fields, name, ()) for name in options.keep}
    if "year" in options.keep and kept["year"] is None:
        found = _YEAR.search(json.dumps(_find(fields, None, YEAR_NAMES), default=str))
        kept["year"] = int(found[0]) if found else None
    return {name: value for name, value in kept.items() if value is not None}


def _find(fields: JsonObject, name: Optional[str], names: Sequence[str]) -> Any:
    """Return the value of a named field, or of the first known name that has a value."""
    if name is not None:
        return _nested(fields, name)
    by_name: JsonObject = {}
    for key, value in fields.items():
        if value is not None and value != "":
            by_name.setdefault(_plain(key), value)
    return next((by_name[each] for each in names if each in by_name), None)


def _nested(fields: JsonObject, name: str) -> Any:
    if name in fields:
        return fields[name]
    matching = [value for key, value in fields.items() if _plain(key) == _plain(name)]
    if matching:
        return matching[0]
    outer, _, inner = name.partition(".")
    value = fields.get(outer)
    return _nested(value, inner) if inner and isinstance(value, dict) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _text(value: Any) -> Optional[str]:
    """Return a text, whose sections may be a list or in objects."""
    if value is None:
        return None
    if isinstance(value, list):
        parts = [part for part in map(_text, value) if part]
        return "\n".join(parts) or None
    if isinstance(value, dict):
        return next(
            (_text(value[name]) for name in ("value", "text", "#text") if name in value), None
        )
    if not isinstance(value, str):
        raise DocumentError(f"the text must be a string, found {json_type(value)}")
    # The markup of JATS, which Crossref's abstracts hold.
    return _TAG.sub(" ", value).strip() if "<jats:" in value else value


def _inverted(index: Any) -> Optional[str]:
    """Return the text of OpenAlex's index from words to their positions."""
    if not isinstance(index, dict):
        return None
    placed = [
        (position, word)
        for word, positions in index.items()
        if isinstance(positions, list)
        for position in positions
        if isinstance(position, int)
    ]
    return " ".join(word for _, word in sorted(placed)) or None


def _s2orc_abstract(fields: JsonObject) -> Optional[str]:
    """Return the abstract of an S2ORC record, which says where it is in the paper's text."""
    content = fields.get("content")
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        return None
    annotations = content.get("annotations")
    spans = annotations.get("abstract") if isinstance(annotations, dict) else None
    if isinstance(spans, str):
        import json

        try:
            spans = json.loads(spans)
        except ValueError:
            return None
    parts: List[str] = []
    for span in spans if isinstance(spans, list) else []:
        try:
            parts.append(content["text"][int(span["start"]) : int(span["end"])])
        except (KeyError, TypeError, ValueError):
            return None
    return "\n".join(parts) or None


def _no_text(fields: JsonObject, options: FieldOptions) -> str:
    if options.text is not None:
        names = ", ".join(list(map(str, fields))[:12])
        option = options.text_option.strip(" =")
        return f"the record has no text in its field {options.text!r} ({option}); it has {names}"
    known = {*TEXT_NAMES, *map(_plain, _WORDS)}
    if any(_plain(name) in known for name in fields) or "abstract_inverted_index" in fields:
        return "the record's text is missing"
    strings = {
        name: value
        for name, value in fields.items()
        if isinstance(value, str) and _plain(name) not in TITLE_NAMES
    }
    longest = max(strings, key=lambda name: len(strings[name]), default=None)
    names = ", ".join(list(map(str, fields))[:12]) or "no fields"
    hint = ""
    if longest and " " in strings[longest]:
        hint = f"; did you mean {options.text_option}{longest}?"
    return f"none of the record's fields has a name known for texts: {names}{hint}"
