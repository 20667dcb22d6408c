"""SEPT as a component of a spaCy pipeline: `nlp.add_pipe("sept", config={"model": …})`."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import minibatch

from sept_runtime.options import ENGINES, PRECISIONS, non_default_options

# spaCy imports this module for every pipeline of every user, whoever loads a model or not.
if TYPE_CHECKING:
    from sept_runtime.inference.annotator import AnnotatedText, Annotator, Entity

# Where a saved pipeline has its model: the folder of an exported one, or an archive.
_FOLDER, _ARCHIVE = "model", "model.tar.gz"

# The attribute of a document.
_RELATIONS = "sept_relations"

_NEVER_LET_GO: List[object] = []


class SEPTComponent:
    """
    Puts the entities of a document into `doc.spans[spans_key]`, their probabilities beside them
    into `doc.spans[spans_key].attrs["scores"]`, as spaCy's own `spancat` does.

    Where the model finds relations, they are in `doc._.sept_relations`: dictionaries with `head`
    and `tail`, indices into that group of spans, `label` and `score`. They are plain values because
    spaCy sends documents from process to process. With other models it is `None`.

    SEPT splits the text into words by itself; where its words and the pipeline's tokens differ, a
    span covers every token that the entity touches.

    A pipeline that is saved holds its model. Each process of `nlp.pipe(n_process=...)` loads its
    own: what computes in several threads does not survive a fork.

    # Parameters

    model : `str`
        The folder of an exported model, or an archive. If there is neither, that is an error when
        the first document comes: `from_disk` may bring one until then.
    options : `Dict[str, Any]`
        For `sept_runtime.load`; an archive's `cuda_device`, too.
    spans_key : `str`
    batch_size : `int`
    """

    def __init__(
        self, model: str, options: Dict[str, Any], spans_key: str, batch_size: int
    ) -> None:
        self._model = model
        self._options = options
        self._spans_key = spans_key
        self._batch_size = batch_size
        if not Doc.has_extension(_RELATIONS):
            Doc.set_extension(_RELATIONS, default=None)
        # The process that has loaded it, and what it has loaded.
        self._loaded: Optional[Tuple[int, Annotator]] = None
        if Path(model).exists() or "://" in model:
            # What is wrong with it is said now.
            self._load()

    def __call__(self, doc: Doc) -> Doc:
        """Finds the entities of one document, in place; `pipe` is faster for many."""
        return next(self.pipe([doc], batch_size=1))

    def pipe(self, stream: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        """`batch_size` is the pipeline's: so many documents are held at a time."""
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            annotator = self._load()
            found = annotator.annotate((doc.text for doc in docs), self._batch_size)
            for doc, entities in zip(docs, found):
                self._annotate(doc, entities, annotator.finds_relations)
                yield doc

    def to_disk(self, path: "str | os.PathLike[str]", *, exclude: Iterable[str] = ()) -> None:
        """Saves the model with the pipeline."""
        source, target = Path(self._model), Path(path)
        target.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            if source.resolve() != (target / _FOLDER).resolve():
                shutil.rmtree(target / _FOLDER, ignore_errors=True)
                shutil.copytree(source, target / _FOLDER)
        elif source.is_file() and source.resolve() != (target / _ARCHIVE).resolve():
            shutil.copyfile(source, target / _ARCHIVE)

    def from_disk(
        self, path: "str | os.PathLike[str]", *, exclude: Iterable[str] = ()
    ) -> "SEPTComponent":
        """Takes the model that was saved with the pipeline."""
        for name in (_FOLDER, _ARCHIVE):
            if (Path(path) / name).exists():
                self._model = str(Path(path) / name)
                self._loaded = None
                self._load()
        return self

    def __getstate__(self) -> Dict[str, Any]:
        # For processes that are not forked.
        return {**self.__dict__, "_loaded": None}

    def _load(self) -> "Annotator":
        if self._loaded is not None and self._loaded[0] != os.getpid():
            # This process was forked from the one that loaded it. To let go of it would be to wait
            # for its threads, which there are only there.
            _NEVER_LET_GO.append(self._loaded)
            self._loaded = None
        if self._loaded is None:
            self._loaded = os.getpid(), _load(self._model, self._options)
        return self._loaded[1]

    def _annotate(self, doc: Doc, entities: "AnnotatedText", with_relations: bool) -> None:
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
        if with_relations:
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
        "threads": None,
        "engine": ENGINES[0],
        "precision": PRECISIONS[0],
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
    threads: Optional[int],
    engine: str,
    precision: str,
    spans_key: str,
    flat: Optional[bool],
    min_score: Optional[float],
    min_relation_score: Optional[float],
    batch_size: int,
) -> SEPTComponent:
    """
    # Parameters

    model : `str`
        The folder of an exported model, or an archive, `model.tar.gz`.
    cuda_device : `int`, optional (default = `-1`)
        An exported model runs on the CPU alone.
    threads : `int`, optional
        How many of the processor's cores an exported model uses (default = all there are).
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        What runs an exported model, and in which numbers, as for `sept_runtime.load`.
    spans_key : `str`, optional (default = `"sept"`)
    flat, min_score, min_relation_score : optional
        As for `sept_runtime.decoding.Decoding`.
    batch_size : `int`, optional (default = `32`)
        How many documents go through the model at once.

    # Raises

    `ImportError` where the training half is not installed, which an archive needs; `ValueError`
    where an archive is given an engine or a precision.
    """
    options = {
        "cuda_device": cuda_device,
        "threads": threads,
        "engine": engine,
        "precision": precision,
        "flat": flat,
        "min_score": min_score,
        "min_relation_score": min_relation_score,
    }
    return SEPTComponent(model, options, spans_key, batch_size)


def _load(model: str, options: Dict[str, Any]) -> "Annotator":
    options = dict(options)
    if Path(model).is_dir():
        from sept_runtime.onnx import ExportedModelError, load

        if options.pop("cuda_device") >= 0:
            raise ExportedModelError(
                f"{model}: an exported model runs on the CPU; leave 'cuda_device' out"
            )
        return load(model, **options)
    from sept_allennlp.annotator import load as load_archive

    if non_default_options(options.pop("engine"), options.pop("precision")):
        raise ValueError(
            f"{model}: an archive takes no 'engine' and no 'precision'; export it by 'allennlp "
            "sept-export', and give the folder"
        )
    del options["threads"]
    return load_archive(model, **options)
