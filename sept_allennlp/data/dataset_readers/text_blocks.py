from typing import Any, Iterable, Iterator, List, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Token, Vocabulary
from allennlp.data.fields import TensorField

from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_allennlp.data.dataset_readers.data_files import DataPath, data_files
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.inputs import read_requests


@DatasetReader.register("text_blocks")
class TextBlockReader(DatasetReader):
    """
    Reader of texts without annotation, as an encoder's word pieces in blocks of one length.

    Documents are joined, with the encoder's piece for the end of a text between them, and cut
    wherever a block is full (the "full sentences" of Liu et al. 2019, RoBERTa, section 4.2). So
    nothing is padding. The rest that does not fill the last block is dropped.

    It reads JSON lines in any form that prediction takes: `text`, `tokens` or `sentences`; of
    annotated documents only the words. It may be several files, see `data_files`. Words are cut
    into pieces as `WordPieceIndexer` does it for SEPT.

    A block becomes one `Instance` with

    - pieces : `TensorField`, shape `(block_length,)`, the encoder's special pieces included.

    Registered as a `DatasetReader` with name "text_blocks".

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    block_length : `int`, optional (default = `256`)
        Pieces in a block, or what the encoder takes at once, if that is less.
    lowercase : `bool`, optional
        As for the token indexer `word_pieces`.

    # Raises

    `ConfigurationError` at the first line that is wrong, with file, line and fault; if the texts do
    not fill a block; and if a block is too short for any text.
    """

    def __init__(
        self,
        model_name: str,
        block_length: int = 256,
        lowercase: Optional[bool] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            manual_distributed_sharding=True, manual_multiprocess_sharding=True, **kwargs
        )
        self._indexer = WordPieceIndexer(model_name, lowercase=lowercase)
        encoder = PretrainedEncoder(model_name, lowercase=lowercase)
        self._before, self._after = encoder.special_pieces()
        length = min(block_length, encoder.max_pieces())
        self._content = length - len(self._before) - len(self._after)
        if self._content < 1:
            raise ConfigurationError(f"block_length {block_length} is too short for any text")

    def _read(self, file_path: DataPath) -> Iterable[Instance]:
        found = False
        documents = (
            document
            for path, name in data_files(file_path)
            for document in read_requests(path, name)
        )
        try:
            for block in self._blocks(self.shard_iterable(documents)):
                found = True
                yield self.text_to_instance(block)
        except DocumentError as error:
            raise ConfigurationError(str(error)) from None
        if not found:
            raise ConfigurationError(
                f"{file_path}: these texts do not fill a block of {self._content} word pieces; "
                "give more of them, or a shorter dataset_reader.block_length"
            )

    def _blocks(self, documents: Iterable[Document]) -> Iterator[List[int]]:
        """Yield the pieces of each block, without its special pieces."""
        pieces: List[int] = []
        no_vocabulary = Vocabulary.empty()
        for document in documents:
            words = [Token(word) for word in document.words]
            pieces += self._indexer.tokens_to_indices(words, no_vocabulary)["token_ids"]
            pieces += self._after
            full = len(pieces) - len(pieces) % self._content
            for start in range(0, full, self._content):
                yield pieces[start : start + self._content]
            del pieces[:full]

    def text_to_instance(self, pieces: List[int]) -> Instance:
        """Make an instance of a block, given without its special pieces."""
        block = torch.tensor([*self._before, *pieces, *self._after])
        return Instance({"pieces": TensorField(block)})
