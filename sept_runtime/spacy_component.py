"""SEPT as a component of a spaCy pipeline: `nlp.add_pipe("sept", config={"model": …})`."""

from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Optional

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import minibatch

# spaCy imports this module for every pipeline of every user, whoever loads a model or not.
if TYPE_CHECKING:
    from sept_allennlp.annotator import Annotator
    from sept_runtime.annotator import AnnotatedText, Entity

# The attribute of a document.
_RELATIONS = "sept_relations"


class SEPTComponent:
    """
    Puts the entities of a document into `doc.spans[spans_key]`, their probabilities beside them
    into `doc.spans[spans_key].attrs["scores"]`, as spaCy's own `spancat` does.

    Where the model finds relations, they are in `doc._.sept_relations`: dictionaries with `head`
    and `tail`, indices into that group of spans, `label` and `score`. They are plain values because
    spaCy sends documents from process to process. With other models it is `None`.

    SEPT splits the text into words by itself; where its words and the pipeline's tokens differ, a
    span covers every token that the entity touches.
    """

    def __init__(self, annotator: "Annotator", spans_key: str, batch_size: int) -> None:
        self._annotator = annotator
        self._spans_key = spans_key
        self._batch_size = batch_size
        if not Doc.has_extension(_RELATIONS):
            Doc.set_extension(_RELATIONS, default=None)

    def __call__(self, doc: Doc) -> Doc:
        """Finds the entities of one document, in place; `pipe` is faster for many."""
        return next(self.pipe([doc], batch_size=1))

    def pipe(self, stream: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        """`batch_size` is the pipeline's: so many documents are held at a time."""
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            found = self._annotator.annotate((doc.text for doc in docs), self._batch_size)
            for doc, entities in zip(docs, found):
                self._annotate(doc, entities)
                yield doc

    def _annotate(self, doc: Doc, entities: "AnnotatedText") -> None:
        spans: List[Span] = []
        scores = []
        index: Dict[Entity, int] = {}
        for entity in entities:
            span = doc.char_span(
                entity.start, entity.end, label=entity.label, alignment_mode="expand"
            )
            if span is not None:
                index[entity] = len(spans)
                spans.append(span)
                scores.append(entity.score)
        doc.spans[self._spans_key] = SpanGroup(
            doc, name=self._spans_key, spans=spans, attrs={"scores": scores}
        )
        if self._annotator.finds_relations:
            relations = [
                {
                    "head": index[relation.head],
                    "tail": index[relation.tail],
                    "label": relation.label,
                    "score": relation.score,
                }
                for relation in entities.relations
                if relation.head in index and relation.tail in index
            ]
            doc._.set(_RELATIONS, relations)


@Language.factory(
    "sept",
    default_config={
        "cuda_device": -1,
        "spans_key": "sept",
        "flat": None,
        "min_score": None,
        "min_relation_score": None,
        "batch_size": 32,
    },
)
def make_sept(
    nlp: Language,
    name: str,
    model: str,
    cuda_device: int,
    spans_key: str,
    flat: Optional[bool],
    min_score: Optional[float],
    min_relation_score: Optional[float],
    batch_size: int,
) -> SEPTComponent:
    """
    # Parameters

    model : `str`
        The archive, `model.tar.gz`.
    cuda_device : `int`, optional (default = `-1`)
    spans_key : `str`, optional (default = `"sept"`)
    flat, min_score, min_relation_score : optional
        As for `sept_allennlp.load`.
    batch_size : `int`, optional (default = `32`)
        How many documents go through the model at once.

    # Raises

    `ImportError` where the training half is not installed, which an archive needs.
    """
    from sept_allennlp.annotator import load

    given = {"flat": flat, "min_score": min_score, "min_relation_score": min_relation_score}
    options = {name: value for name, value in given.items() if value is not None}
    annotator = load(model, cuda_device=cuda_device, **options)
    return SEPTComponent(annotator, spans_key, batch_size)
