"""spaCy's DocBin: spans in the group "sc", as `spancat` reads them."""

from typing import Iterable, Iterator

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.util import get_words_and_spaces

from sept_runtime.documents import DocumentError
from sept_runtime.formats.exchange.characters import CharacterDocument, CharacterSpan

SPANS_KEY = "sc"


def write(documents: Iterable[CharacterDocument]) -> bytes:
    """Return the content of a `.spacy` file; its entities are set where spans do not overlap."""
    vocab = spacy.blank("en").vocab
    bin_ = DocBin(store_user_data=True)
    for document in documents:
        words, spaces = get_words_and_spaces(
            [document.text[start:end] for start, end in document.words], document.text
        )
        doc = Doc(vocab, words=words, spaces=spaces)
        # A character span is always whole words of the document here.
        found = [doc.char_span(s.start, s.end, s.label) for s in document.spans.values()]
        spans = [span for span in found if span is not None]
        doc.spans[SPANS_KEY] = spans
        if len(spacy.util.filter_spans(spans)) == len(spans):
            doc.set_ents(spans)
        doc.user_data["doc_key"] = document.key
        bin_.add(doc)
    content: bytes = bin_.to_bytes()
    return content


def read(content: bytes, origin: str) -> Iterator[CharacterDocument]:
    """
    Read a `.spacy` file: the spans in "sc", or the entities where there are none.

    # Raises

    `DocumentError` for content that is not a DocBin.
    """
    try:
        docs = list(
            DocBin(store_user_data=True).from_bytes(content).get_docs(spacy.blank("en").vocab)
        )
    except Exception as error:
        # Damaged content raises whatever zlib, msgpack or numpy raise.
        raise DocumentError(f"{origin}: not a DocBin ({error})") from None
    for number, doc in enumerate(docs, start=1):
        found: Iterable[Span] = doc.spans[SPANS_KEY] if SPANS_KEY in doc.spans else doc.ents
        spans = {
            f"s{index}": CharacterSpan(span.start_char, span.end_char, span.label_)
            for index, span in enumerate(found)
        }
        key = str(doc.user_data.get("doc_key", number))
        yield CharacterDocument(key, doc.text, spans, origin=f"{origin}, document {number}")
