"""INCEpTION's CAS JSON: one file per document, entities in its layer "Named entity"."""

from cassis import Cas, TypeSystem, load_cas_from_json
from cassis.typesystem import TYPE_NAME_STRING

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange.characters import CharacterDocument, CharacterSpan

LAYER = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
FEATURE = "value"


def write(document: CharacterDocument) -> str:
    """Return the content of a file to import as "UIMA CAS JSON"."""
    types = TypeSystem()
    layer = types.create_type(name=LAYER, supertypeName="uima.tcas.Annotation")
    types.create_feature(domainType=layer, name=FEATURE, rangeType=TYPE_NAME_STRING)
    cas = Cas(typesystem=types)
    cas.sofa_string = document.text
    cas.sofa_mime = "text/plain"
    for span in document.spans.values():
        cas.add(layer(begin=span.start, end=span.end, **{FEATURE: span.label}))
    content: str = cas.to_json()
    return content


def read(content: bytes, origin: str) -> CharacterDocument:
    """
    Read one exported file.

    # Raises

    `DocumentError` for content that is not CAS JSON with named entities.
    """
    try:
        cas = load_cas_from_json(content.decode())
        found = cas.select(LAYER) if cas.typesystem.contains_type(LAYER) else []
        spans = {
            f"s{number}": CharacterSpan(each.begin, each.end, each.get(FEATURE))
            for number, each in enumerate(found)
            if each.get(FEATURE) is not None
        }
    except Exception as error:
        # cassis raises whatever it meets.
        raise DocumentError(f"{origin}: not a CAS in JSON ({error!r})") from None
    return CharacterDocument(origin, cas.sofa_string or "", spans, origin=origin)
