"""SEPT as a component of a spaCy pipeline: `nlp.add_pipe("sept")`."""

import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.util import minibatch

from sept_runtime.options import ENGINES, PRECISIONS, non_default_options

# spaCy imports this module for every pipeline, whether or not it loads a model.
if TYPE_CHECKING:
    from sept_runtime.inference.annotator import AnnotatedText, Annotator, Entity

# The names of a saved pipeline's model: an exported folder, or an archive.
_FOLDER, _ARCHIVE = "model", "model.tar.gz"

# Models that a parent process has loaded. Deleting one here would wait for threads that exist only
# in the parent.
_MODELS_OF_PARENTS: List[object] = []

_ErrorHandler = Callable[[str, "SEPTComponent", List[Doc], Exception], None]


class SEPTComponent:
    """
    Component that finds the entities of documents, and relations between them.

    It sets

    - `doc.spans[spans_key]`: the entities, and in `doc.spans[spans_key].attrs["scores"]` their
      probabilities in the same order, as spaCy's `spancat` does;
    - `doc.ents`: the same entities, if `set_ents` is true. Earlier entities stay if they do not
      overlap;
    - `doc._.{spans_key}_relations`, such as `doc._.sept_relations`: dictionaries with `head` and
      `tail` (indices into the group of spans), `label` and `score`; `None` if the model finds no
      relations.

    SEPT splits the text into its own words. Where they differ from the pipeline's tokens, a span
    covers every token that the entity touches.

    A saved pipeline includes its model. Each process of `nlp.pipe(n_process=...)` loads its own.

    # Parameters

    model : `str`, optional
        The name of an installed model, an exported folder, or an archive. By default, the installed
        model if there is exactly one. If it is missing, the first document raises an error, unless
        `from_disk` has loaded a model before.
    options : `Dict[str, Any]`
        The options of `sept_runtime.load`, and `cuda_device` for an archive.
    spans_key : `str`
    set_ents : `bool`, optional
        Whether to set `doc.ents`. By default, if the model's entities never overlap.
    batch_size : `int`
    name : `str`, optional (default = `"sept"`)
    """

    def __init__(
        self,
        model: Optional[str],
        options: Dict[str, Any],
        spans_key: str,
        set_ents: Optional[bool],
        batch_size: int,
        name: str = "sept",
    ) -> None:
        self.name = name
        self._model = model
        self._options = options
        self.spans_key = spans_key
        self._set_ents = set_ents
        self._batch_size = batch_size
        self._error_handler: Optional[_ErrorHandler] = None
        self._relations = f"{spans_key}_relations"
        if not Doc.has_extension(self._relations):
            Doc.set_extension(self._relations, default=None)
        # The model, and the process that loaded it.
        self._loaded: Optional[Tuple[int, Annotator]] = None
        if self._is_available():
            # Errors are reported now rather than at the first document.
            self._load()

    @property
    def labels(self) -> Tuple[str, ...]:
        """Return the labels of entities that the model knows; none if there is no model yet."""
        if self._loaded is None and not self._is_available():
            return ()
        return self._load().labels

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document in place; `pipe` is faster for many."""
        docs = list(self.pipe([doc], batch_size=1))
        return docs[0] if docs else doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """
        Annotate a stream of documents.

        # Parameters

        stream : `Iterable[Doc]`
        batch_size : `int`, optional (default = `128`)
            The number of documents that are held at a time.
        """
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            try:
                annotator = self._load()
                texts = (doc.text for doc in docs)
                for doc, entities in zip(docs, annotator.pipe(texts, batch_size=self._batch_size)):
                    self._annotate(doc, entities, annotator)
            except Exception as error:
                if self._error_handler is None:
                    raise
                self._error_handler(self.name, self, docs, error)
            else:
                yield from docs

    def set_error_handler(self, error_handler: _ErrorHandler) -> None:
        """Set what `pipe` calls when a batch fails, as `nlp.set_error_handler` asks for."""
        self._error_handler = error_handler

    def score(self, examples: Iterable[Example], **options: Any) -> Dict[str, Any]:
        """
        Score predictions strictly: start, end and label must be right.

        # Returns

        `spans_{spans_key}_p`, `_r`, `_f` and `_per_type` where the gold documents have
        `doc.spans[spans_key]`; otherwise, the predicted spans are compared with `doc.ents`. With
        `set_ents`, also `ents_p` and so on.
        """
        examples = list(examples)
        key = self.spans_key
        gold = {id(example.reference) for example in examples}
        in_spans = any(key in example.reference.spans for example in examples)

        def spans_of(doc: Doc, _: str) -> Iterable[Span]:
            if id(doc) in gold and not in_spans:
                return doc.ents
            return doc.spans[key] if key in doc.spans else []

        scores: Dict[str, Any] = Scorer.score_spans(
            examples,
            f"spans_{key}",
            getter=spans_of,
            has_annotation=lambda doc: True,
            allow_overlap=True,
            **options,
        )
        if any(example.predicted.has_annotation("ENT_IOB") for example in examples):
            scores.update(Scorer.score_spans(examples, "ents", **options))
        return scores

    def to_disk(self, path: "str | os.PathLike[str]", *, exclude: Iterable[str] = ()) -> None:
        """Save the model with the pipeline, in place of one that was saved there before."""
        target = Path(path)
        target.mkdir(parents=True, exist_ok=True)
        source = self._find()
        if source is None:
            return
        folder, archive = target / _FOLDER, target / _ARCHIVE
        if source.resolve() not in (folder.resolve(), archive.resolve()):
            shutil.rmtree(folder, ignore_errors=True)
            archive.unlink(missing_ok=True)
            if source.is_dir():
                shutil.copytree(source, folder)
            else:
                shutil.copyfile(source, archive)
        elif source.is_dir():
            archive.unlink(missing_ok=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def from_disk(
        self, path: "str | os.PathLike[str]", *, exclude: Iterable[str] = ()
    ) -> "SEPTComponent":
        """Load the model that was saved with the pipeline."""
        for name in (_FOLDER, _ARCHIVE):
            if (Path(path) / name).exists():
                self._model = str(Path(path) / name)
                self._loaded = None
                self._load()
                break
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """
        Refuse to write the model as bytes.

        # Raises

        `ValueError`: a model is a folder or a large file.
        """
        raise ValueError(
            f"nlp.to_bytes cannot carry the model of {self.name!r}. Save the pipeline by "
            f"nlp.to_disk, or leave the component out: nlp.to_bytes(exclude=[{self.name!r}])."
        )

    def __getstate__(self) -> Dict[str, Any]:
        # For processes that are spawned rather than forked.
        return {**self.__dict__, "_loaded": None}

    def _is_available(self) -> bool:
        return self._find() is not None or "://" in (self._model or "")

    def _find(self) -> Optional[Path]:
        """Return the model's folder or archive, or `None` if it is missing."""
        from sept_runtime.errors import ExportedModelError
        from sept_runtime.models import find_model

        if self._model is not None and Path(self._model).exists():
            return Path(self._model)
        try:
            return find_model(self._model)
        except ExportedModelError:
            return None

    def _load(self) -> "Annotator":
        if self._loaded is not None and self._loaded[0] != os.getpid():
            _MODELS_OF_PARENTS.append(self._loaded)
            self._loaded = None
        if self._loaded is None:
            self._loaded = os.getpid(), _load(self._model, self._options)
        return self._loaded[1]

    def _annotate(self, doc: Doc, entities: "AnnotatedText", annotator: "Annotator") -> None:
        spans: List[Span] = []
        scores: List[float] = []
        index: Dict[Entity, int] = {}
        for entity in entities:
            span = doc.char_span(
                entity.start, entity.end, label=entity.label, alignment_mode="expand"
            )
            if span is not None:
                index[entity] = len(spans)
                spans.append(span)
                scores.append(entity.score)
        doc.spans[self.spans_key] = SpanGroup(
            doc, name=self.spans_key, spans=spans, attrs={"scores": scores}
        )
        if self._set_ents is True or (self._set_ents is None and annotator.decoding.flat):
            _set_ents(doc, spans, scores)
        if annotator.finds_relations:
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
            doc._.set(self._relations, relations)


@Language.factory(
    "sept",
    assigns=["doc.spans", "doc.ents", "doc._.sept_relations"],
    default_config={
        "model": None,
        "cuda_device": -1,
        "threads": None,
        "engine": ENGINES[0],
        "precision": PRECISIONS[0],
        "spans_key": "sept",
        "set_ents": None,
        "flat": None,
        "min_score": None,
        "min_relation_score": None,
        "batch_size": 32,
    },
    default_score_weights={"spans_sept_f": 1.0, "spans_sept_p": 0.0, "spans_sept_r": 0.0},
)
def make_sept(
    nlp: Language,
    name: str,
    model: Optional[str],
    cuda_device: int,
    threads: Optional[int],
    engine: str,
    precision: str,
    spans_key: str,
    set_ents: Optional[bool],
    flat: Optional[bool],
    min_score: Optional[float],
    min_relation_score: Optional[float],
    batch_size: int,
) -> SEPTComponent:
    """
    Make the component from its configuration.

    # Parameters

    model : `str`, optional
        The name of an installed model, the folder of an exported model, or an archive,
        `model.tar.gz`. By default, the installed model if there is exactly one.
    cuda_device : `int`, optional (default = `-1`)
        The GPU for an archive; an exported model runs on the CPU.
    threads : `int`, optional (default = all cores that this process may use)
        The number of cores for an exported model.
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        As for `sept_runtime.load`; for exported models only.
    spans_key : `str`, optional (default = `"sept"`)
        Each component of a pipeline needs its own.
    set_ents : `bool`, optional
        Whether to set `doc.ents`. By default, if the model's entities never overlap.
    flat, min_score, min_relation_score : optional
        As for `sept_runtime.options.Decoding`.
    batch_size : `int`, optional (default = `32`)
        The number of documents that share a batch.

    # Raises

    `ImportError` if an archive is given and the training half is not installed; `ValueError` if an
    archive is given an engine or a precision, or an option has a wrong type or is out of range.
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
    for other, component in nlp.components:
        if other != name and getattr(component, "spans_key", None) == spans_key:
            warnings.warn(
                f"The components {other!r} and {name!r} both write to doc.spans[{spans_key!r}]; "
                "give each its own 'spans_key'.",
                stacklevel=2,
            )
    return SEPTComponent(model, options, spans_key, set_ents, batch_size, name)


def _set_ents(doc: Doc, spans: List[Span], scores: List[float]) -> None:
    """Set `doc.ents`, where no two entities may share a token: the most probable ones stay."""
    taken: List[Span] = []
    ranked = sorted(range(len(spans)), key=lambda number: -scores[number])
    for span in [*(spans[number] for number in ranked), *doc.ents]:
        if all(span.end <= other.start or span.start >= other.end for other in taken):
            taken.append(span)
    doc.ents = taken


def _load(model: Optional[str], options: Dict[str, Any]) -> "Annotator":
    options = dict(options)
    if model is None or not (_is_archive(Path(model)) or "://" in model):
        from sept_runtime import load
        from sept_runtime.errors import ExportedModelError

        if options.pop("cuda_device") >= 0:
            raise ExportedModelError(
                f"{model or 'sept'}: an exported model runs on the CPU; leave 'cuda_device' out"
            )
        return load(model, **options)
    from sept_allennlp.annotator import load as load_archive
    from sept_runtime.errors import training_command

    if non_default_options(options.pop("engine"), options.pop("precision")):
        raise ValueError(
            f"{model}: 'engine' and 'precision' are for exported models; export the archive "
            f"{training_command('sept-export')}, and give the folder"
        )
    del options["threads"]
    return load_archive(model, **options)


def _is_archive(path: Path) -> bool:
    """Return whether a path is an archive or the folder of a training."""
    return path.is_file() or any((path / name).is_file() for name in ("best.th", "weights.th"))
