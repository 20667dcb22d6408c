"""Write an exported model, complete and compared with its archive, or not at all."""

import math
import shutil
import uuid
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Dict, Iterable, Optional, Union

import torch
import transformers
from allennlp.data import DatasetReader
from msgspec.structs import asdict
from msgspec.structs import replace as replace_fields

from sept_allennlp.archives import load_archive
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.export.card import model_card, read_metrics, readable
from sept_allennlp.export.check import Agreement, compare
from sept_allennlp.export.compact import compact_folder
from sept_allennlp.export.errors import ExportError, NotExportable
from sept_allennlp.export.graphs import write_encoder, write_head
from sept_allennlp.export.int8 import add_int8
from sept_allennlp.export.modules import TracedNetwork, pair_head, trace_filter, trace_model
from sept_allennlp.export.texts import check_batches
from sept_allennlp.models.pretrained_span_filter import PretrainedSpanFilter
from sept_allennlp.models.sept import SEPT
from sept_allennlp.modules.span_filters import KeepAll
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.documents import Document
from sept_runtime.onnx.configuration import (
    FORMAT_VERSION,
    Configuration,
    Filter,
    Network,
    Relations,
)
from sept_runtime.onnx.folder import (
    TOKENIZER,
    facts_of,
    file_digest,
    is_exported,
    save_configuration,
)
from sept_runtime.onnx.graph import pair_head_signature, span_head_signature
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.options import Decoding
from sept_runtime.version import VERSION

ENCODER, HEAD = "encoder.onnx", "span_head.onnx"
INT8_ENCODER = "encoder_int8.onnx"
FILTER, FILTER_HEAD = "filter.onnx", "filter_head.onnx"
RELATION_HEAD = "relation_head.onnx"
CARD = "README.md"

# The files with the weights in the folder of a training, or of an unpacked archive.
_WEIGHTS = ("best.th", "weights.th")


def export(
    archive: Union[str, "PathLike[str]"],
    folder: Path,
    documents: Optional[Iterable[Document]] = None,
    replace: bool = False,
    int8_texts: Optional[Iterable[Document]] = None,
    compact: bool = False,
) -> Agreement:
    """
    Export the model of an archive, and compare the predictions of both.

    # Parameters

    archive : `Union[str, PathLike]`
        A `model.tar.gz`, or the folder of a training.
    folder : `Path`
        It appears when it is complete.
    documents : `Iterable[Document]`, optional (default = a few built-in texts)
        The documents to compare.
    replace : `bool`, optional (default = `False`)
        Replace an exported model in `folder`.
    int8_texts : `Iterable[Document]`, optional
        Texts like those to predict, to calibrate a second encoder in int8.
    compact : `bool`, optional (default = `False`)
        Write word embeddings in int8 and other weights in float16.

    # Returns

    How well export and archive agree, and how far int8 or the compact graphs differ.

    # Raises

    `ExportError` if the folder exists, if the predictions differ, or if no layer can be calibrated
    for int8; `NotExportable` if a part of the model cannot run without PyTorch; `ArchiveError` as
    `SEPTPredictor.from_path`. Then no folder is written.
    """
    _check_free(folder, replace)
    loaded = load_archive(archive)
    model = loaded.model.eval()
    if not isinstance(model, SEPT):
        raise NotExportable(
            f"a {type(model).__name__} cannot be exported; only models of type 'sept' can"
        )
    predictor = SEPTPredictor(model, loaded.validation_dataset_reader)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, because a rename within one file system is certain to succeed.
    temporary = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        made = {"archive_sha256": file_digest(_weights(Path(archive)))}
        configuration = write_model(model, loaded.validation_dataset_reader, temporary, made)
        batches = check_batches(configuration.model.windows.content, documents)
        agreement = compare(predictor, ExportedPredictor(temporary), batches)
        if int8_texts is not None:
            configuration, int8 = add_int8(temporary, configuration, INT8_ENCODER, int8_texts)
            agreement = agreement._replace(int8=int8)
        if compact:
            configuration, smaller = compact_folder(temporary, configuration, batches)
            agreement = agreement._replace(compact=smaller)
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
        raise ExportError(f"{folder}: exists already; name a new folder, or use --force")
    if not is_exported(folder):
        raise ExportError(f"{folder}: is not an exported model, so --force does not replace it")


def _weights(archive: Path) -> Path:
    """Return the file that tells one model from another."""
    if not archive.is_dir():
        return archive
    return next(path for path in map(archive.joinpath, _WEIGHTS) if path.is_file())


def write_model(
    model: SEPT, reader: DatasetReader, folder: Path, made: Dict[str, str]
) -> Configuration:
    """
    Write all files but the model card.

    # Parameters

    model : `SEPT`
    reader : `DatasetReader`
        The reader that prepares documents for the model.
    folder : `Path`
        An empty folder.
    made : `Dict[str, str]`
        The origin of the model; the versions of the software are added.

    # Raises

    `NotExportable` if a part of the model cannot run without PyTorch.
    """
    indexer = _indexer(reader)
    traced = trace_model(model)
    network = _write_network(traced, folder, ENCODER, HEAD, 1 + len(model.labels))
    decoding = model.decoding
    configuration = Configuration(
        format_version=FORMAT_VERSION,
        labels=model.labels,
        max_span_width=model.max_span_width,
        # Not the subclass that AllenNLP's configurations are read by.
        decoding=Decoding(
            decoding.flat, decoding.min_score, decoding.top_labels, decoding.min_relation_score
        ),
        unknown_piece=indexer.unknown_piece,
        model=network,
        filter=_write_filter(model, folder),
        relations=_write_relations(model, network.dim, folder),
        calibration=model.calibration.get(),
        made={
            **made,
            "encoder": readable(traced.name),
            "sept_allennlp": VERSION,
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "onnx": version("onnx"),
        },
        files={},
    )
    indexer.save_tokenizer(folder / TOKENIZER)
    names = sorted(path.name for path in folder.iterdir())
    configuration = replace_fields(configuration, files=facts_of(folder, names))
    save_configuration(folder, configuration)
    return configuration


def _write_network(
    traced: TracedNetwork, folder: Path, encoder: str, head: str, num_scores: int
) -> Network:
    write_encoder(traced, folder / encoder)
    write_head(traced.head, span_head_signature(traced.dim, num_scores), folder / head)
    return Network(encoder, head, traced.dim, traced.windows)


def _write_filter(model: SEPT, folder: Path) -> Optional[Filter]:
    found = model._filter
    if isinstance(found, KeepAll):
        return None
    if not isinstance(found, PretrainedSpanFilter):
        raise NotExportable(
            f"a span filter of the class {type(found).__name__} cannot be exported; only filters "
            "of type 'pretrained' can"
        )
    if found._threshold_logit == -math.inf:
        return None
    network = _write_network(trace_filter(found._model[0]), folder, FILTER, FILTER_HEAD, 1)
    return Filter(**asdict(network), threshold=found._threshold_logit)


def _write_relations(model: SEPT, dim: int, folder: Path) -> Optional[Relations]:
    found = model._relations
    if found is None:
        return None
    labels, symmetric_labels, threshold, calibration = found.decoding
    write_head(pair_head(model), pair_head_signature(dim, len(labels)), folder / RELATION_HEAD)
    return Relations(
        RELATION_HEAD,
        list(labels),
        list(symmetric_labels),
        threshold,
        found._max_distance,
        found.max_entities_per_word,
        calibration,
    )


def _indexer(reader: DatasetReader) -> WordPieceIndexer:
    indexers = list(reader._token_indexers.values())  # type: ignore[attr-defined]
    if len(indexers) != 1:
        raise NotExportable(
            f"a model with {len(indexers)} token indexers cannot be exported; there must be one"
        )
    (found,) = indexers
    if not isinstance(found, WordPieceIndexer):
        raise NotExportable(
            f"a token indexer of the class {type(found).__name__} cannot be exported; only "
            "indexers of type 'word_pieces' can"
        )
    return found
