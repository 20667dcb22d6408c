"""
What SEPT costs, as ratios that a machine's speed does not enter: prints a table and writes a file.
"""

import argparse
import copy
import gc
import json
import os
import platform
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional
from unittest import mock

# Read before the plugin fills in what the environment does not say.
ENCODER = os.environ.get("SEPT_ENCODER") or None
DATA = os.environ.get("SEPT_DATA") or None
# The profiler that measures memory announces itself otherwise.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import allennlp  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from allennlp.common import Params, cached_transformers  # noqa: E402
from allennlp.common.meta import Meta  # noqa: E402
from allennlp.data import DatasetReader, Vocabulary  # noqa: E402
from allennlp.data.data_loaders import MultiProcessDataLoader  # noqa: E402
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer  # noqa: E402
from allennlp.models import Model  # noqa: E402
from allennlp.models.archival import archive_model  # noqa: E402
from allennlp.modules.span_extractors import MaxPoolingSpanExtractor, SpanExtractor  # noqa: E402
from allennlp.nn.util import move_to_device  # noqa: E402
from allennlp.training.optimizers import Optimizer  # noqa: E402

from benchmarks.classic_reader import NOT_ANNOTATED, ClassicReader  # noqa: E402
from benchmarks.measuring import Ratio, memory_ratio, time_ratio  # noqa: E402
from benchmarks.synthetic import (  # noqa: E402
    MINILM,
    NUM_DOCUMENTS,
    SCIBERT,
    WORDS,
    abstracts,
    lines_of_text,
    write_documents,
    write_encoder,
)
from sept_allennlp.modules.candidate_spans import enumerate_spans  # noqa: E402
from sept_allennlp.modules.span_extractors import MaxPoolSpanExtractor  # noqa: E402
from sept_allennlp.predictors import SEPTPredictor  # noqa: E402
from sept_allennlp.predictors.onednn import onednn_is_faster  # noqa: E402
from sept_allennlp.span_filter.pretrained import PretrainedSpanFilter  # noqa: E402
from sept_allennlp.token_indexers import WordPieceIndexer  # noqa: E402
from sept_runtime.json_prediction import predict_lines  # noqa: E402

CONFIGS = Path(__file__).resolve().parent.parent / "training_config"
BATCH_SIZE = 8
PREDICTION_BATCH_SIZE = 32
# Of the light filter, with a recall of 99% on SciERC's dev split (docs/results.md).
FILTRATION_RATE = 0.84


class Figure(NamedTuple):
    """
    # Parameters

    name : `str`
        Its name in the file.
    meaning : `str`
    ratio : `Ratio`
    at_least, at_most : `float`, optional
        The goal, where there is one.
    """

    name: str
    meaning: str
    ratio: Ratio
    at_least: Optional[float] = None
    at_most: Optional[float] = None

    def row(self) -> str:
        goal = ""
        if self.at_least is not None:
            goal = (
                f">= {self.at_least:g}, {'met' if self.ratio.value >= self.at_least else 'MISSED'}"
            )
        if self.at_most is not None:
            goal = f"<= {self.at_most:g}, {'met' if self.ratio.value <= self.at_most else 'MISSED'}"
        spread = f"({self.ratio.low:.2f} to {self.ratio.high:.2f})"
        return f"{self.meaning:<66} {self.ratio.value:>7.2f} {spread:<20} {goal}"


class Settings(NamedTuple):
    device: torch.device
    quick: bool
    encoder: str
    folder: Path

    @property
    def repeats(self) -> int:
        return 3 if self.quick else 15


def pooling_figures(settings: Settings) -> Iterator[Figure]:
    for width, goal in ((8, None), (12, 5.0), (30, 15.0)):
        yield from pooling_figures_at(settings, width, goal)


def pooling_figures_at(settings: Settings, width: int, goal: Optional[float]) -> Iterator[Figure]:
    """`max_pool` against AllenNLP's `max_pooling`, all spans up to a width."""
    batch_size, length, dim = (1 if settings.quick else BATCH_SIZE), 200, MINILM.hidden_size
    generator = torch.Generator().manual_seed(0)
    sequence = torch.randn(batch_size, length, dim, generator=generator).to(settings.device)
    # AllenNLP's fails on padding, so there is none: one sentence, all documents alike.
    one_sentence = torch.zeros(batch_size, length, dtype=torch.long, device=settings.device)
    spans, _ = enumerate_spans(one_sentence, width)
    gradient = torch.ones(batch_size, spans.size(1), dim, device=settings.device)

    def forward(extractor: SpanExtractor) -> Callable[[], Any]:
        return torch.no_grad()(lambda: extractor(sequence, spans))

    def forward_backward(extractor: SpanExtractor) -> Callable[[], Any]:
        leaf = sequence.clone().requires_grad_()
        return lambda: torch.autograd.grad(extractor(leaf, spans), leaf, gradient)

    for name, passes, run in (
        ("forward", "forward", forward),
        ("forward_backward", "forward and backward", forward_backward),
    ):
        pair = run(MaxPoolingSpanExtractor(dim)), run(MaxPoolSpanExtractor(dim))
        yield Figure(
            f"pooling_{name}_speedup_width_{width}",
            f"max_pool is faster than max_pooling, width {width}, {passes}",
            time_ratio(*pair, 3 if settings.quick else 5, settings.device),
            at_least=goal,
        )
        yield Figure(
            f"pooling_{name}_memory_saving_width_{width}",
            "  and takes less memory at its peak",
            memory_ratio(*pair, settings.device),
        )


def model_figures(settings: Settings, name: str, encoder: str, config: str) -> List[Figure]:
    """A SEPT of `training_config/` against its encoder, on the same batch."""
    documents = write_documents(abstracts(BATCH_SIZE), settings.folder / "batch.json")
    params = configuration(config, encoder)
    reader = DatasetReader.from_params(params["dataset_reader"])
    vocab = Vocabulary.from_instances(reader.read(documents))
    torch.manual_seed(0)
    model = Model.from_params(params["model"], vocab=vocab).to(settings.device)
    batch = move_to_device(next(iter(loader(reader, documents, vocab))), settings.device)
    model.eval()
    (inputs,) = encoder_inputs(model, lambda: model(**batch))
    subject = Subject(name, model, batch, transformer_of(model), inputs)
    figures = forward_figures(settings, subject)
    if name == "minilm":
        figures += prediction_figures(settings, model, reader)
    return figures + training_figures(settings, subject)


def configuration(config: str, encoder: str) -> Params:
    return Params.from_file(str(CONFIGS / config), ext_vars={"SEPT_ENCODER": encoder})


def transformer_of(model: Model) -> torch.nn.Module:
    """The encoder that is inside the model."""
    return model._embedder.token_embedder_tokens.transformer_model


def encoder_inputs(model: Model, run: Callable[[], Any]) -> List[Dict[str, torch.Tensor]]:
    """What the model gives its encoder, call by call, while something runs."""
    inputs: List[Dict[str, torch.Tensor]] = []
    hook = transformer_of(model).register_forward_pre_hook(
        lambda module, args, kwargs: inputs.append(kwargs), with_kwargs=True
    )
    with torch.no_grad():
        run()
    hook.remove()
    return inputs


class Subject(NamedTuple):
    """A model, a batch, and the same batch as the model's encoder gets it."""

    name: str
    model: Model
    batch: Dict[str, Any]
    transformer: torch.nn.Module
    encoder_inputs: Dict[str, torch.Tensor]


def forward_figures(settings: Settings, subject: Subject) -> List[Figure]:
    name, model, batch, transformer, inputs = subject
    model.eval()

    def logits() -> torch.Tensor:
        return model.score_spans(batch["text"], batch["sentence_ids"]).logits

    with torch.no_grad():
        find_as_many_as_annotated(model, logits(), (batch["gold"][..., 0] >= 0).sum())
        encoder_alone = partial(transformer, **inputs)
        return [
            Figure(
                f"forward_cost_{name}",
                f"SEPT's scores cost, in its encoder's forward passes, {name}",
                time_ratio(logits, encoder_alone, settings.repeats, settings.device),
                at_most=1.15,
            ),
            Figure(
                f"forward_and_decoding_cost_{name}",
                "  with loss, decoding and metric",
                time_ratio(
                    lambda: model(**batch), encoder_alone, settings.repeats, settings.device
                ),
            ),
        ]


def find_as_many_as_annotated(model: Model, logits: torch.Tensor, number: torch.Tensor) -> None:
    """
    A head with random weights finds entities almost everywhere, and then decoding dwarfs all else;
    this makes "no entity" as likely as in a trained one.
    """
    margins = logits[:, 1:].max(dim=-1).values - logits[:, 0]
    model._output.bias.data[0] += margins.topk(int(number) + 1).values[-1]


def training_figures(settings: Settings, subject: Subject) -> List[Figure]:
    name, model, batch, transformer, inputs = subject
    model.train()

    def step(
        module: torch.nn.Module, loss: Callable[[], torch.Tensor], optimizer: str = "fused_adamw"
    ) -> Callable[[], None]:
        optimizer_ = Optimizer.from_params(
            Params({"type": optimizer, "lr": 1e-6}),
            model_parameters=list(module.named_parameters()),
        )

        def run() -> None:
            optimizer_.zero_grad()
            loss().backward()
            optimizer_.step()

        return run

    model_step = step(model, lambda: model(**batch)["loss"])
    encoder_step = step(transformer, lambda: transformer(**inputs).last_hidden_state.mean())
    other_step = step(model, lambda: model(**batch)["loss"], "adamw")
    return [
        Figure(
            f"training_step_cost_{name}",
            f"SEPT's training step costs, in its encoder's, {name}",
            time_ratio(model_step, encoder_step, settings.repeats, settings.device),
            at_most=1.3,
        ),
        Figure(
            f"fused_adamw_saving_{name}",
            "  and with adamw in fused_adamw's place, in its own",
            time_ratio(other_step, model_step, settings.repeats, settings.device),
        ),
    ]


def prediction_figures(settings: Settings, model: Model, reader: DatasetReader) -> List[Figure]:
    """From lines of raw text to lines of entities, against the encoder on the same batches."""
    lines = lines_of_text(16 if settings.quick else 128)
    repeats = 3 if settings.quick else 5
    with mock.patch("sept_allennlp.predictors.onednn.onednn_is_faster", return_value=False):
        with_mkl = SEPTPredictor(copy.deepcopy(model).eval(), reader)
    predictor = SEPTPredictor(model.eval(), reader)
    transformer = transformer_of(model)

    def predict_with(predictor: SEPTPredictor) -> List[str]:
        outputs = predict_lines(predictor, lines, predictor.decoding, PREDICTION_BATCH_SIZE)
        return [predictor.dump_line(output) for output in outputs]

    predict = partial(predict_with, predictor)
    batches = encoder_inputs(model, predict)

    @torch.no_grad()
    def encode() -> None:
        for batch in batches:
            transformer(**batch)

    figures = [
        Figure(
            "prediction_cost_minilm",
            "predicting lines of raw text costs, in the encoder's forward passes",
            time_ratio(predict, encode, repeats, settings.device),
            at_most=1.3,
        )
    ]
    if settings.device.type == "cpu" and onednn_is_faster():
        figures.append(
            Figure(
                "prediction_speedup_onednn_minilm",
                "  and is faster than with MKL's linear layers",
                time_ratio(partial(predict_with, with_mkl), predict, repeats, settings.device),
            )
        )
    return figures


def filter_figures(settings: Settings) -> Iterator[Figure]:
    """The span stage of a SEPT on MiniLM, with and without span filters."""
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
    documents = write_documents(abstracts(BATCH_SIZE), settings.folder / "batch.json")
    params = configuration("sept_minilm.jsonnet", settings.encoder)
    params["model"]["max_span_width"] = width
    reader = DatasetReader.from_params(params["dataset_reader"])
    vocab = Vocabulary.from_instances(reader.read(documents))
    torch.manual_seed(0)
    model = Model.from_params(params["model"], vocab=vocab).to(settings.device).eval()
    batch = move_to_device(next(iter(loader(reader, documents, vocab))), settings.device)
    (inputs,) = encoder_inputs(model, lambda: model(**batch))
    transformer = transformer_of(model)
    if config is not None:
        archive = filter_archive(settings, width, config, documents)
        model._filter = PretrainedSpanFilter(archive).to(settings.device)
    with torch.no_grad():
        embedded = model._embedder(batch["text"])
        text_and_sentences = batch["text"], batch["sentence_ids"]
        logits = model.score_spans(*text_and_sentences).logits
        find_as_many_as_annotated(model, logits, (batch["gold"][..., 0] >= 0).sum())
        with mock.patch.object(model._embedder, "forward", lambda text: embedded):
            return Figure(
                f"span_stage_share_width_{width}_{name.replace(' ', '_')}",
                f"the span stage costs, in the encoder's forward passes, width {width}, {name}",
                time_ratio(
                    partial(model.predict_entities, *text_and_sentences, model.decoding),
                    partial(transformer, **inputs),
                    settings.repeats,
                    settings.device,
                ),
                at_most=at_most,
            )


def filter_archive(settings: Settings, width: int, config: str, documents: Path) -> str:
    """
    A filter that removes as many candidates as a trained one does. What it costs does not depend on
    its weights, so it is not trained but given the threshold that has this effect.
    """
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


def reading_figures(settings: Settings) -> List[Figure]:
    """Reading, indexing and collating against the same with a `SpanField` per candidate."""
    number = 24 if settings.quick else NUM_DOCUMENTS
    if DATA and (Path(DATA) / "train.json").is_file():
        lines = (Path(DATA) / "train.json").read_text().splitlines()[:number]
        documents = [json.loads(line) for line in lines]
    else:
        documents = abstracts(number)
    path = write_documents(documents, settings.folder / "train.json")

    params = configuration("sept_minilm.jsonnet", settings.encoder)
    reader_params, width = params["dataset_reader"], params["model"]["max_span_width"]
    mismatched = mismatched_indexer(settings.encoder)

    # Readers are made afresh each time: our indexer remembers the words that it has met.
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
            "reading is faster than with a SpanField per candidate",
            speedup(classic),
            at_least=20.0,
        ),
        Figure(
            "reading_speedup_same_indexer",
            "  than that with our indexer",
            speedup(classic_with_our_indexer),
        ),
    ]


def mismatched_indexer(encoder: str) -> PretrainedTransformerMismatchedIndexer:
    """
    AllenNLP's own indexer for word pieces. It makes its tokeniser with an argument that the
    `transformers` of today does not take and that changes nothing here.
    """
    get_tokenizer = cached_transformers.get_tokenizer

    def without_argument(model_name: str, add_special_tokens: bool, **kwargs: Any) -> Any:
        return get_tokenizer(model_name, **kwargs)

    with mock.patch.object(cached_transformers, "get_tokenizer", without_argument):
        return PretrainedTransformerMismatchedIndexer(encoder)


def loader(reader: DatasetReader, path: Path, vocab: Vocabulary) -> MultiProcessDataLoader:
    data_loader = MultiProcessDataLoader(reader, str(path), batch_size=BATCH_SIZE, quiet=True)
    data_loader.index_with(vocab)
    return data_loader


def minilm_figures(settings: Settings) -> List[Figure]:
    return model_figures(settings, "minilm", settings.encoder, "sept_minilm.jsonnet")


def scibert_figures(settings: Settings) -> List[Figure]:
    if settings.quick:
        return []
    scibert = write_encoder(SCIBERT, WORDS, settings.folder / "scibert")
    return model_figures(settings, "scibert", scibert, "sept.jsonnet")


GROUPS: Dict[str, Callable[[Settings], Iterable[Figure]]] = {
    "pooling": pooling_figures,
    "minilm": minilm_figures,
    "scibert": scibert_figures,
    "filter": filter_figures,
    "reading": reading_figures,
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", type=torch.device, default="cpu", help="cpu (the default) or cuda"
    )
    parser.add_argument(
        "--encoder",
        metavar="FOLDER",
        default=ENCODER,
        help="a small encoder to measure with (default: $SEPT_ENCODER, and if there is none, "
        "one of MiniLM-L6's size with random weights)",
    )
    parser.add_argument("--output", type=Path, default="bench.json", metavar="FILE")
    parser.add_argument(
        "--only", choices=GROUPS, action="append", help="measure this group of figures; repeatable"
    )
    parser.add_argument(
        "--quick", action="store_true", help="less of everything: to see that it works"
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    warnings.filterwarnings("ignore")
    # What was imported is not looked through again whenever a measured function makes garbage.
    gc.freeze()
    surroundings = {
        "device": (
            torch.cuda.get_device_name(arguments.device)
            if arguments.device.type == "cuda"
            else platform.processor() or platform.machine()
        ),
        "threads": torch.get_num_threads(),
        "quick": arguments.quick,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "allennlp": allennlp.__version__,
    }
    for name, value in surroundings.items():
        print(f"{name}: {value}")
    print("\nEach ratio is one of medians; in brackets the smallest and largest of single runs.")
    with tempfile.TemporaryDirectory() as folder:
        encoder = arguments.encoder or write_encoder(MINILM, WORDS, Path(folder) / "minilm")
        settings = Settings(arguments.device, arguments.quick, encoder, Path(folder))
        ratios = {}
        for group in arguments.only or GROUPS:
            for figure in GROUPS[group](settings):
                print(figure.row(), flush=True)
                ratios[figure.name] = round(figure.ratio.value, 4)
    arguments.output.write_text(json.dumps({**surroundings, **ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()
