"""Writing an exported model: whole and compared with its archive, or not at all."""

import shutil
import uuid
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Dict, Iterable, Optional, Union

import torch
import transformers
from allennlp.data import DatasetReader

from sept_allennlp.archives import load_archive
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.export.card import model_card, read_metrics, readable
from sept_allennlp.export.check import Agreement, compare
from sept_allennlp.export.errors import ExportError
from sept_allennlp.export.graphs import write_encoder, write_head
from sept_allennlp.export.int8 import add_int8
from sept_allennlp.export.texts import check_batches
from sept_allennlp.models.sept import SEPT
from sept_allennlp.modules.exporting import ExportedFilter, ExportedNetwork, NotExportable
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.documents import Document
from sept_runtime.onnx.configuration import Configuration, Filter, Network
from sept_runtime.onnx.folder import (
    TOKENIZER,
    facts_of,
    file_digest,
    is_exported,
    write_configuration,
)
from sept_runtime.onnx.graph import Signature
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.options import Decoding
from sept_runtime.version import VERSION

ENCODER, HEAD = "encoder.onnx", "span_head.onnx"
INT8_ENCODER = "encoder_int8.onnx"
FILTER, FILTER_HEAD = "filter.onnx", "filter_head.onnx"
RELATION_HEAD = "relation_head.onnx"
CARD = "README.md"


def export(
    archive: Union[str, "PathLike[str]"],
    folder: Path,
    documents: Optional[Iterable[Document]] = None,
    replace: bool = False,
    int8_texts: Optional[Iterable[Document]] = None,
) -> Agreement:
    """
    Exports the model of an archive, and compares the two.

    # Parameters

    archive : `Union[str, PathLike]`
        `model.tar.gz`, on this machine.
    folder : `Path`
        It appears when it is whole.
    documents : `Iterable[Document]`, optional (default = a few of our own)
        What to compare the predictions for.
    replace : `bool`, optional (default = `False`)
        Whether `folder` may be an exported model already, which it replaces.
    int8_texts : `Iterable[Document]`, optional
        Texts like those to predict: the encoder is written in int8, too, calibrated on these.

    # Returns

    How well they agree, and how far int8 differs.

    # Raises

    `ExportError` if the folder exists, the two do not agree, or int8 cannot be had of these texts;
    `NotExportable` if the model has a part that does not run without PyTorch; `ArchiveError` as for
    `SEPTPredictor.from_path`. Then nothing is left behind.
    """
    _check_free(folder, replace)
    loaded = load_archive(archive)
    model = loaded.model.eval()
    if not isinstance(model, SEPT):
        raise NotExportable(model)
    predictor = SEPTPredictor(model, loaded.validation_dataset_reader)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it: a folder can be renamed where it lies, and from nowhere else for certain.
    temporary = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        made = {"archive_sha256": file_digest(Path(archive))}
        configuration = write_model(model, loaded.validation_dataset_reader, temporary, made)
        batches = check_batches(configuration.model.windows.content, documents)
        agreement = compare(predictor, ExportedPredictor(temporary), batches)
        if int8_texts is not None:
            configuration, int8 = add_int8(temporary, configuration, INT8_ENCODER, int8_texts)
            agreement = agreement._replace(int8=int8)
        card = model_card(
            configuration, loaded.config.params, read_metrics(Path(archive)), str(agreement)
        )
        (temporary / CARD).write_text(card, encoding="utf-8")
        _check_free(folder, replace)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return agreement


def _check_free(folder: Path, replace: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not replace:
        raise ExportError(f"{folder}: exists already; name a new folder, or give --force")
    if not is_exported(folder):
        raise ExportError(f"{folder}: is no exported model, and is not replaced")


def write_model(
    model: SEPT, reader: DatasetReader, folder: Path, made: Dict[str, str]
) -> Configuration:
    """
    Writes all files but the model card.

    # Parameters

    model : `SEPT`
    reader : `DatasetReader`
        That prepares documents for it.
    folder : `Path`
        Empty.
    made : `Dict[str, str]`
        From what it is made, beside the versions of what makes it.

    # Raises

    `NotExportable`
    """
    indexer = _indexer(reader)
    network, span_filter = model.exported(HEAD), model.exported_filter(FILTER_HEAD)
    relations = model.exported_relations(RELATION_HEAD)
    with torch.no_grad():
        _write_network(network, folder, ENCODER, HEAD)
        if span_filter is not None:
            _write_network(span_filter.network, folder, FILTER, FILTER_HEAD)
        if relations is not None:
            _write_head(relations.head, relations.relations.graphs, folder / RELATION_HEAD)
    indexer.save_tokenizer(folder / TOKENIZER)
    decoding = model.decoding
    configuration = Configuration(
        labels=model.labels,
        max_span_width=model.max_span_width,
        # Not the class that AllenNLP's configurations are read by.
        decoding=Decoding(
            decoding.flat, decoding.min_score, decoding.top_labels, decoding.min_relation_score
        ),
        unknown_piece=indexer.unknown_piece,
        model=_network(network, ENCODER),
        filter=_filter(span_filter),
        relations=None if relations is None else relations.relations,
        made={
            **made,
            "encoder": readable(network.encoder.name),
            "sept_allennlp": VERSION,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "onnx": version("onnx"),
        },
        files=facts_of(folder, sorted(path.name for path in folder.iterdir())),
    )
    write_configuration(folder, configuration)
    return configuration


def _write_network(network: ExportedNetwork, folder: Path, encoder: str, head: str) -> None:
    write_encoder(network, folder / encoder)
    if network.scorer.head is not None:
        _write_head(network.scorer.head, network.scorer.scorer.graphs, folder / head)


def _write_head(head: torch.nn.Module, graphs: Dict[str, Signature], path: Path) -> None:
    (signature,) = graphs.values()
    _, _, input_dim = signature.inputs["pooled"]
    assert input_dim is not None
    write_head(head, input_dim, path)


def _network(network: ExportedNetwork, graph: str) -> Network:
    return Network(graph, network.encoder.windows, network.scorer.scorer)


def _filter(span_filter: Optional[ExportedFilter]) -> Optional[Filter]:
    if span_filter is None:
        return None
    return Filter(_network(span_filter.network, FILTER), span_filter.threshold)


def _indexer(reader: DatasetReader) -> WordPieceIndexer:
    indexers = list(reader._token_indexers.values())  # type: ignore[attr-defined]
    for indexer in indexers:
        if not isinstance(indexer, WordPieceIndexer):
            raise NotExportable(indexer)
    if len(indexers) != 1:
        raise NotExportable(f"a model with {len(indexers)} token indexers")
    (found,) = indexers
    return found
