"""Documents for the property tests of the formats, drawn by hypothesis."""

from typing import Any, Callable, List, Optional, Sequence, Tuple

from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document

Draw = Callable[[st.SearchStrategy[Any]], Any]

# No halves of characters: two of them side by side come back from JSON as one whole.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
WORDS = TEXT.filter(str.strip)
LABELS = st.one_of(st.sampled_from(["Task", "Method", "Other Term"]), TEXT.filter(bool))


@st.composite
def documents(
    draw: Draw, keys: st.SearchStrategy[str] = TEXT, has_text: Optional[bool] = None
) -> Document:
    """Documents of any words, annotated or not; with a text, without, or (`None`) either."""
    document = Document(draw(keys), draw(st.lists(st.lists(WORDS, max_size=6), max_size=4)))
    if draw(st.booleans()):
        ids = document.sentence_ids
        # In the order of the sentences, which is all that `ner` can say.
        spans = sorted(draw(bounds(document)), key=lambda span: ids[span[0]])
        document.entities = [AnnotatedSpan(start, end, draw(LABELS)) for start, end in spans]
        if draw(st.booleans()):
            related = sorted(draw(pairs(document, spans)), key=lambda pair: ids[spans[pair[0]][0]])
            document.relations = [
                AnnotatedRelation(spans[head], spans[tail], draw(LABELS)) for head, tail in related
            ]
    if has_text or has_text is None and draw(st.booleans()):
        document.text, document.offsets = draw(texts(document.words))
    return document


def bounds(document: Document) -> st.SearchStrategy[List[Tuple[int, int]]]:
    """First and last words of spans, none twice, each in one sentence."""
    ids = document.sentence_ids
    spans = [(i, j) for i in range(len(ids)) for j in range(i, len(ids)) if ids[i] == ids[j]]
    return st.lists(st.sampled_from(spans), unique=True, max_size=6) if spans else st.just([])


def pairs(
    document: Document, spans: Sequence[Tuple[int, int]]
) -> st.SearchStrategy[List[Tuple[int, int]]]:
    """Draw different pairs of indices of two spans that share a sentence."""
    ids = [document.sentence_ids[start] for start, _ in spans]
    order = range(len(ids))
    found = [(i, j) for i in order for j in order if i != j and ids[i] == ids[j]]
    return st.lists(st.sampled_from(found), unique=True, max_size=6) if found else st.just([])


@st.composite
def texts(draw: Draw, words: Sequence[str]) -> Tuple[str, List[Tuple[int, int]]]:
    """Draw a text of the words with white space and invisible characters between them, or none."""
    gaps = st.text(alphabet=" \n\r\t\u200b\u2028", max_size=3)
    text, offsets = draw(gaps), []
    for word in words:
        offsets.append((len(text), len(text) + len(word)))
        text += word + draw(gaps)
    return text, offsets
