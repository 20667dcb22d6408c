"""Read records from reference managers and bibliographic databases."""

import logging
import re
from itertools import groupby
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple
from xml.etree import ElementTree

from sept_runtime.documents import DocumentError
from sept_runtime.errors import needs_extra
from sept_runtime.formats.files import DamagedInputError
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.formats.records.whole import MissingExtraError, decode_text, read_whole

# 'TY  - JOUR' in RIS, 'PMID- 1' in MEDLINE's format, and 'AB text' in Web of Science's.
_TAGGED = re.compile(r"([A-Z][A-Z0-9]{1,3}) *- ?(.*)")
_WEB_OF_SCIENCE = re.compile(r"([A-Z][A-Z0-9])(?: (.*))?")

# Tags whose lines are one value; the values of all others are lists.
_JOINED = frozenset(
    {"AB", "N2", "TI", "T1", "TY", "PMID", "DO", "ID", "PY", "Y1", "DP", "UT", "AN"}
)
_NAMES = {
    "TI": "title",
    "T1": "title",
    "AB": "abstract",
    "N2": "abstract",
    "PMID": "pmid",
    "DO": "doi",
    "DI": "doi",
    "ID": "id",
    "UT": "id",
    "PY": "year",
    "Y1": "year",
    "DP": "year",
    "AU": "authors",
    "FAU": "full_authors",
    "JO": "journal",
    "JF": "journal",
    "T2": "journal",
    "JT": "journal",
    "SO": "journal",
    "KW": "keywords",
    "MH": "mesh_terms",
}

# Characters that LaTeX does not accept unescaped.
_LATEX = re.compile(r"[\\{}$~%&#^_`]|--|''|<<|>>")
# LaTeX that may reach over many words, and the end of a macro whose argument may follow.
_REACHING = re.compile(r"(?<!\\)(?:\\\\)*%|\\(?:begin|verb|[(\[])")
_MACRO = re.compile(r"\\(?:[A-Za-z]+|[^A-Za-z])\s*$")
_ESCAPE = re.compile(r"\\.", re.S)
# Separates the key of an entry from what tells it from another one with the same key.
_REPEATED = "\0"


def read_tagged(file: BinaryIO, name: str, format: str) -> Iterator[Tuple[int, JsonObject]]:
    """
    Yield the records of a file with a tag at each line's start, each with the number of its line.

    # Parameters

    file : `BinaryIO`
    name : `str`
        The file's name in messages.
    format : `str`
        `"ris"`, `"nbib"` or `"wos"`.
    """
    pattern = _WEB_OF_SCIENCE if format == "wos" else _TAGGED
    # The lines of each value of each tag.
    values: Dict[str, List[List[str]]] = {}
    tag: Optional[str] = None
    begin = 0
    for number, raw in enumerate(file, start=1):
        line = decode_text(raw).rstrip()
        match = pattern.match(line) if not line.startswith(" ") else None
        if match is None:
            if line.strip() and tag is not None:
                values[tag][-1].append(line.strip())
            elif not line.strip() and format == "nbib" and values:
                yield begin, _record(values)
                values, tag = {}, None
            continue
        if match[1] in ("ER", "EF") or (match[1] in ("FN", "VR") and format == "wos"):
            if values:
                yield begin, _record(values)
            values, tag = {}, None
            continue
        # RIS without an end, and MEDLINE's records without an empty line between them.
        if match[1] == {"ris": "TY", "nbib": "PMID"}.get(format) and values:
            yield begin, _record(values)
            values = {}
        begin = begin if values else number
        tag = match[1]
        values.setdefault(tag, []).append([(match[2] or "").strip()])
    if values:
        yield begin, _record(values)


def _record(values: Dict[str, List[List[str]]]) -> JsonObject:
    record: JsonObject = {}
    for tag, parts in values.items():
        name = _NAMES.get(tag, tag)
        lines = [" ".join(part) for part in parts]
        value: Any = "\n".join(lines) if tag in _JOINED or len(lines) == 1 else lines
        if name == "year":
            found = re.search(r"\d{4}", str(value))
            value = int(found[0]) if found else None
        record.setdefault(name, value)
    # If a title or an abstract has several tags, such as T1 and TI, the first one counts.
    return record


def read_bibtex(file: BinaryIO, name: str) -> Iterator[Tuple[int, Any]]:
    """
    Yield the entries of a BibTeX file, LaTeX decoded, each with the number of its line.

    An entry that cannot be read is a `DocumentError`, which is yielded, not raised.
    """
    try:
        from bibtexparser.entrypoint import parse_string
        from bibtexparser.library import Library
        from bibtexparser.middlewares import LatexDecodingMiddleware
        from bibtexparser.middlewares.parsestack import default_parse_stack
        from bibtexparser.model import Entry, ParsingFailedBlock
    except ImportError:
        raise MissingExtraError(needs_extra(f"{name}: reading BibTeX", "formats")) from None
    # The caller reports entries that cannot be read.
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    text = decode_text(read_whole(file, name, "BibTeX"))
    blocks = []
    for number, block in enumerate(parse_string(text, parse_stack=[]).blocks):
        inner = block.ignore_error_block if isinstance(block, ParsingFailedBlock) else None
        if isinstance(inner, Entry):
            # Its key is that of another entry, or it has a field twice.
            inner.key += f"{_REPEATED}{number}"
            block = inner
        blocks.append(block)
    library = Library(blocks, fail_on_duplicate_key=False)

    class Decoding(LatexDecodingMiddleware):
        def _transform_python_value_string(self, python_string: str) -> Tuple[str, str]:
            decode = super()._transform_python_value_string
            # Undecodable LaTeX stays unchanged.
            decoded = (
                decode("".join(parts))[0] if has_latex else "".join(parts)
                for has_latex, parts in groupby(_parts(python_string), _has_latex)
            )
            return "".join(decoded), ""

    for middleware in (*default_parse_stack(), Decoding()):
        library = middleware.transform(library)
    for block in library.blocks:
        number = (block.start_line or 0) + 1
        if isinstance(block, Entry):
            fields = {"id": block.key.partition(_REPEATED)[0]}
            for field in block.fields:
                fields.setdefault(field.key.lower(), _unbraced(field.value))
            yield number, fields
        elif isinstance(block, ParsingFailedBlock):
            reason = getattr(block.error, "abort_reason", block.error)
            yield number, DocumentError(f"the entry is not valid BibTeX ({reason})")


def _has_latex(text: str) -> bool:
    return _LATEX.search(text) is not None


def _parts(text: str) -> Iterator[str]:
    """
    Yield a text in parts that can be decoded one by one.

    Decoding takes milliseconds for an abstract, in which a few words have LaTeX.
    """
    if not _has_latex(text) or _REACHING.search(text):
        yield text
        return
    part: List[str] = []
    depth = dollars = 0
    for word in re.split(r"(?<=\s)(?=\S)", text):
        is_closed = depth == 0 and dollars % 2 == 0 and not (part and _MACRO.search(part[-1]))
        if part and is_closed and not word.startswith(("{", "[", "*")):
            yield "".join(part)
            part = []
        part.append(word)
        plain = _ESCAPE.sub("", word)
        depth += plain.count("{") - plain.count("}")
        dollars += plain.count("$")
    yield "".join(part)


def _unbraced(value: Any) -> Any:
    # Braces protect capitals.
    return re.sub(r"(?<!\\)[{}]", "", value) if isinstance(value, str) else str(value)


def read_pubmed(file: BinaryIO, name: str) -> Iterator[Tuple[int, JsonObject]]:
    """
    Yield the articles of PubMed's XML, each with its number. Labeled sections are joined.

    Articles are read one by one; no external entity is read.
    """
    number = 0
    for article in _elements(file, name, ("PubmedArticle", "MedlineCitation", "PubmedBookArticle")):
        number += 1
        record: JsonObject = {"pmid": _content(article.find(".//PMID"))}
        record["title"] = _content(article.find(".//ArticleTitle"))
        sections = []
        abstract = article.find(".//Abstract")
        for section in abstract.findall("AbstractText") if abstract is not None else []:
            label, content = section.get("Label"), _content(section)
            if content:
                sections.append(f"{label}: {content}" if label else content)
        record["abstract"] = "\n".join(sections)
        year = _content(article.find(".//PubDate/Year")) or _content(
            article.find(".//PubDate/MedlineDate")
        )
        record["year"] = int(year[:4]) if year and year[:4].isdigit() else None
        record["journal"] = _content(article.find(".//Journal/Title"))
        record["doi"] = _content(article.find(".//ELocationID[@EIdType='doi']"))
        yield number, {key: value for key, value in record.items() if value}


def read_tei(file: BinaryIO, name: str) -> Iterator[Tuple[int, JsonObject]]:
    """Yield the document of a TEI file, as GROBID writes it: title and abstract."""
    for number, tei in enumerate(_elements(file, name, ("TEI",)), start=1):
        header = _child(tei, "teiHeader")
        abstract = _child(header, "abstract") if header is not None else None
        paragraphs = (
            [each for each in abstract.iter() if _tag(each) == "p"] if abstract is not None else []
        )
        record: JsonObject = {"title": _content(_child(header, "title"))}
        texts = [text for text in map(_content, paragraphs) if text]
        record["abstract"] = "\n".join(texts) or _content(abstract)
        for idno in header.iter() if header is not None else []:
            if _tag(idno) == "idno" and idno.get("type") == "DOI":
                record.setdefault("doi", _content(idno))
        yield number, {key: value for key, value in record.items() if value}


def _elements(file: BinaryIO, name: str, tags: Tuple[str, ...]) -> Iterator[ElementTree.Element]:
    """Yield the outermost elements with these tags, and forget everything after its use."""
    depth = 0
    parents: List[ElementTree.Element] = []
    try:
        # Expat reads no external entity and stops the expansion of nested ones.
        for event, element in ElementTree.iterparse(file, events=("start", "end")):
            if event == "start":
                parents.append(element)
                depth += _tag(element) in tags
                continue
            parents.pop()
            is_wanted = _tag(element) in tags
            depth -= is_wanted
            if depth:
                continue
            if is_wanted:
                yield element
            element.clear()
            if parents:
                parents[-1].remove(element)
    except ElementTree.ParseError as error:
        raise DamagedInputError(name, f"not valid XML: {error}") from None


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _child(element: Optional[ElementTree.Element], tag: str) -> Optional[ElementTree.Element]:
    if element is None:
        return None
    return next((each for each in element.iter() if _tag(each) == tag), None)


def _content(element: Optional[ElementTree.Element]) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())
