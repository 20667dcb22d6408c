import logging
from typing import Any, ClassVar, Dict, Iterable, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import MetadataField, TensorField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer, TokenIndexer
from allennlp.data.tokenizers import Token
from typing_extensions import override

from sept_allennlp.data.dataset_readers.data_files import JSON_LINES_SUFFIXES, DataPath, data_files
from sept_allennlp.data.fields import (
    LabeledRelationsField,
    LabeledSpansField,
    SoftRelationsField,
    SoftSpansField,
)
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.blank_words import without_blank_words
from sept_runtime.tokenization.words import restore_brackets

logger = logging.getLogger(__name__)


class DocumentReader(DatasetReader):
    """
    Base class for dataset readers; a subclass implements `read_documents`.

    A document becomes one `Instance` with

    - text : `TextField`, the words, with brackets as authors type them (see `restore_brackets`);
    - sentence_ids : `TensorField`, each word's sentence;
    - gold : `LabeledSpansField`, the entities (empty if the document is not annotated);
    - relations : `LabeledRelationsField`, if they are asked for;
    - soft_labels : `SoftSpansField`, a teacher's probabilities for spans, with the parameter
      `soft_labels` (empty for a document without any);
    - soft_relations : `SoftRelationsField`, a teacher's probabilities for pairs of entities, with
      the parameters `soft_labels` and `relations` (empty for a document without any);
    - metadata : `MetadataField`, the `Document` itself under "document".

    The data may be several files: see `data_files`. Blank words are removed, and a warning gives
    their number.

    In distributed training each process reads every n-th document. If the file does not divide
    evenly, the last processes get an additional empty document: AllenNLP ends validation as soon as
    one process has no batch left, and would leave the others' last documents out of the metrics.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`, optional
        By default one `SingleIdTokenIndexer` named "tokens".
    label_namespace : `str`, optional (default = `"labels"`)
    relations : `bool`, optional (default = `False`)
        Read the relations between the entities, too.
    relation_label_namespace : `str`, optional (default = `"relation_labels"`)
    soft_labels : `bool`, optional (default = `False`)
        Read a teacher's soft labels, too.

    # Raises

    `ConfigurationError` at the first invalid line; the message names file, line and error.
    """

    suffixes: ClassVar[Sequence[str]] = JSON_LINES_SUFFIXES
    """The suffixes of the reader's files in a folder, without those of compression."""

    def __init__(
        self,
        token_indexers: Optional[Dict[str, TokenIndexer]] = None,
        label_namespace: str = "labels",
        relations: bool = False,
        relation_label_namespace: str = "relation_labels",
        soft_labels: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            manual_distributed_sharding=True, manual_multiprocess_sharding=True, **kwargs
        )
        self._token_indexers = token_indexers or {"tokens": SingleIdTokenIndexer()}
        self._label_namespace = label_namespace
        self._relations = relations
        self._relation_label_namespace = relation_label_namespace
        self._soft_labels = soft_labels

    def read_documents(self, path: str, name: str) -> Iterable[Document]:
        """
        Read the documents of a file, in order.

        # Parameters

        path : `str`
        name : `str`
            The file's name in messages: for a downloaded file its address.

        # Raises

        `DocumentError` at the first invalid line.
        """
        raise NotImplementedError

    def _read(self, file_path: DataPath) -> Iterable[Instance]:
        documents = (
            document
            for path, name in data_files(file_path, self.suffixes)
            for document in self._without_blank_words(path, name)
        )
        try:
            for document in self.shard_iterable(self._evenly(documents)):
                yield self.text_to_instance(document)
        except DocumentError as error:
            raise ConfigurationError(str(error)) from None

    def _without_blank_words(self, path: str, name: str) -> Iterable[Document]:
        blank = 0
        for document in self.read_documents(path, name):
            visible, _ = without_blank_words(document)
            blank += len(document.words) - len(visible.words)
            yield visible
        if blank:
            logger.warning("%s: %d blank words were removed from the documents", name, blank)

    def _evenly(self, documents: Iterable[Document]) -> Iterable[Document]:
        """Add empty documents up to a multiple of the number of processes."""
        count = 0
        for document in documents:
            yield document
            count += 1
        info = self.get_distributed_info()
        if info is not None:
            for _ in range(-count % info.world_size):
                yield Document(key="", sentences=[], entities=[], relations=[])

    def text_to_instance(self, document: Document) -> Instance:
        """Return a document's `Instance`; the token indexers are applied later."""
        sentence_ids = torch.tensor(document.sentence_ids, dtype=torch.long)
        described_as = document.describe()
        fields: Dict[str, Field[Any]] = {
            "text": TextField([Token(word) for word in restore_brackets(document.words)]),
            "sentence_ids": TensorField(sentence_ids, padding_value=PADDING),
            "gold": LabeledSpansField(document.entities or [], self._label_namespace, described_as),
            "metadata": MetadataField({"document": document}),
        }
        if self._relations:
            fields["relations"] = LabeledRelationsField(
                document.relations or [], self._relation_label_namespace, described_as
            )
        if self._soft_labels:
            soft = document.soft
            fields["soft_labels"] = SoftSpansField(soft, self._label_namespace, described_as)
            if self._relations:
                fields["soft_relations"] = SoftRelationsField(
                    None if soft is None else soft.relations,
                    self._relation_label_namespace,
                    described_as,
                )
        return Instance(fields)

    @override
    def apply_token_indexers(self, instance: Instance) -> None:
        # Only now: an instance that goes to another process need not carry its indexers along.
        instance["text"].token_indexers = self._token_indexers  # type: ignore[attr-defined]
