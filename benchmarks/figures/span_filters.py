"""The time that span filters save."""

from functools import partial
from typing import Iterator, Optional
from unittest import mock

import torch
from allennlp.common.meta import Meta
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model
from allennlp.modules import TextFieldEmbedder

from benchmarks.figures.shared import (
    Figure,
    Settings,
    configuration,
    find_as_many_as_annotated,
    loader,
    make_subject,
    write_batch,
)
from benchmarks.measuring import time_ratio

# The light filter's at 99% recall on SciERC's dev split (docs/results.md).
FILTRATION_RATE = 0.84


def filter_figures(settings: Settings) -> Iterator[Figure]:
    """Measure the span stage of SEPT on MiniLM, with and without span filters."""
    for width, goal in ((12, 0.06), (30, None)):
        for name, config, at_most in (
            ("no filter", None, None),
            ("the light filter", "span_filter_light.jsonnet", goal),
            ("the paper's filter", "span_filter.jsonnet", None),
        ):
            yield filter_figure(settings, width, name, config, at_most)


def filter_figure(
    settings: Settings, width: int, name: str, config: Optional[str], at_most: Optional[float]
) -> Figure:
    """Measure the span stage of one model: everything but its embedder."""
    params = configuration("sept_minilm.jsonnet", settings.encoder)
    params["model"]["max_span_width"] = width
    if config is not None:
        archive = filter_archive(settings, width, config)
        params["model"]["span_filter"] = {"type": "pretrained", "archive": archive}
    subject = make_subject(settings, params)
    find_as_many_as_annotated(subject)
    model, batch = subject.model, subject.batch
    embedder = next(module for module in model.modules() if isinstance(module, TextFieldEmbedder))
    with torch.no_grad():
        embedded = embedder(batch["text"])
        with mock.patch.object(embedder, "forward", lambda text: embedded):
            return Figure(
                f"span_stage_share_width_{width}_{name.replace(' ', '_')}",
                f"the span stage, relative to the encoder, width {width}, {name}",
                time_ratio(
                    partial(
                        model.predict,
                        batch["text"],
                        batch["sentence_ids"],
                        model.decoding,
                    ),
                    partial(subject.transformer, **subject.encoder_inputs),
                    settings.repeats,
                    settings.device,
                ),
                at_most=at_most,
            )


def filter_archive(settings: Settings, width: int, config: str) -> str:
    """
    Make a filter that removes as many candidates as a trained one. Its weights do not affect its
    cost, so it is not trained: its threshold is set to remove this many.
    """
    documents = write_batch(settings)
    params = configuration(config, settings.encoder)
    params["model"]["max_span_width"] = width
    reader = DatasetReader.from_params(params["dataset_reader"].duplicate())
    vocab = Vocabulary.from_instances(reader.read(documents))
    model = Model.from_params(params["model"].duplicate(), vocab=vocab).eval()
    with torch.no_grad():
        batch = next(iter(loader(reader, documents, vocab)))
        probabilities = torch.cat(model(**batch)["probabilities"])
    params["model"]["threshold"] = float(probabilities.quantile(FILTRATION_RATE))

    run = settings.folder / f"filter-{width}-{config}"
    run.mkdir()
    params.to_file(str(run / "config.json"))
    vocab.save_to_files(str(run / "vocabulary"))
    torch.save(model.state_dict(), run / "best.th")
    Meta.new().to_file(run / "meta.json")
    archive_model(str(run))
    return str(run / "model.tar.gz")
