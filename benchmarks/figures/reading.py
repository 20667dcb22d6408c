"""The speed of reading, relative to AllenNLP's span models."""

import json
from typing import Any, Callable, List
from unittest import mock

from allennlp.common import cached_transformers
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer

from benchmarks.classic_reader import NOT_ANNOTATED, ClassicReader
from benchmarks.figures.shared import Figure, Settings, configuration, loader
from benchmarks.measuring import Ratio, time_ratio
from benchmarks.synthetic import NUM_DOCUMENTS, abstracts, write_documents
from sept_allennlp.data.token_indexers import WordPieceIndexer


def reading_figures(settings: Settings) -> List[Figure]:
    """
    Measure reading, indexing and collating, relative to a reader with a `SpanField` for each
    candidate.
    """
    number = 24 if settings.quick else NUM_DOCUMENTS
    scierc = settings.data and settings.data / "train.json"
    if scierc and scierc.is_file():
        lines = scierc.read_text().splitlines()[:number]
        documents = [json.loads(line) for line in lines]
    else:
        documents = abstracts(number)
    path = write_documents(documents, settings.folder / "train.json")

    params = configuration("sept_minilm.jsonnet", settings.encoder)
    reader_params, width = params["dataset_reader"], params["model"]["max_span_width"]
    mismatched = mismatched_indexer(settings.encoder)

    # Each run gets a new reader, because our indexer caches words.
    def ours() -> DatasetReader:
        return DatasetReader.from_params(reader_params.duplicate())

    def classic() -> DatasetReader:
        return ClassicReader({"tokens": mismatched}, width)

    def classic_with_our_indexer() -> DatasetReader:
        return ClassicReader({"tokens": WordPieceIndexer(settings.encoder)}, width)

    vocab = Vocabulary.from_instances(ours().read(path))
    vocab.add_token_to_namespace(NOT_ANNOTATED, "labels")

    def read_with(make_reader: Callable[[], DatasetReader]) -> Callable[[], None]:
        def read() -> None:
            for _ in loader(make_reader(), path, vocab):
                pass

        return read

    def speedup(baseline: Callable[[], DatasetReader]) -> Ratio:
        return time_ratio(read_with(baseline), read_with(ours), 3, settings.device)

    return [
        Figure(
            "reading_speedup",
            "speedup of reading over a SpanField per candidate",
            speedup(classic),
            at_least=20.0,
        ),
        Figure(
            "reading_speedup_same_indexer",
            "  over the same with our indexer",
            speedup(classic_with_our_indexer),
        ),
    ]


def mismatched_indexer(encoder: str) -> PretrainedTransformerMismatchedIndexer:
    """
    Return AllenNLP's own indexer for word pieces. It passes its tokenizer an argument that today's
    `transformers` rejects and that changes nothing here.
    """
    get_tokenizer = cached_transformers.get_tokenizer

    def without_argument(model_name: str, add_special_tokens: bool, **kwargs: Any) -> Any:
        return get_tokenizer(model_name, **kwargs)

    with mock.patch.object(cached_transformers, "get_tokenizer", without_argument):
        return PretrainedTransformerMismatchedIndexer(encoder)
