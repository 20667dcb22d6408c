"""Loading an archive reaches nothing outside it, whatever its configuration names."""

import http.server
import inspect
import json
import logging
import shutil
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import DatasetReader, TokenIndexer, Tokenizer, Vocabulary
from allennlp.data.tokenizers.sentence_splitter import SentenceSplitter
from allennlp.fairness.bias_direction_wrappers import BiasDirectionWrapper
from allennlp.models import Model
from allennlp.modules import Backbone, Seq2VecEncoder, TokenEmbedder
from allennlp.modules.transformer.t5 import T5
from allennlp.nn import Initializer
from transformers import AutoModel
from transformers.utils import is_offline_mode

from sept_allennlp.archives import ArchiveError, load_archive
from sept_allennlp.archives.guard import guarded
from sept_allennlp.modules.span_filters import SpanFilter

# Stands for what the archive must not reach.
TARGET = "TARGET"


# For each base class that a part can be of, a model that holds such a part.
class Holder(Model):
    def __init__(self, vocab: Vocabulary, part: Any) -> None:
        super().__init__(vocab)


def hold(base: type) -> str:
    name = f"holds_{base.__name__}"
    if name not in Model.list_available():

        class HoldsOne(Holder):
            def __init__(self, vocab: Vocabulary, part: base) -> None:  # type: ignore[valid-type]
                super().__init__(vocab, part)

        Model.register(name)(HoldsOne)
    return name


_VILBERT = {
    name: 2
    for name in (
        "image_feature_dim",
        "image_num_hidden_layers",
        "image_hidden_size",
        "image_num_attention_heads",
        "combined_hidden_size",
        "combined_num_attention_heads",
        "pooled_output_dim",
        "image_intermediate_size",
        "image_attention_dropout",
        "image_hidden_dropout",
        "image_fixed_layer",
        "text_fixed_layer",
    )
} | {"image_biattention_id": [0], "text_biattention_id": [0], "fusion_method": "sum"}

_WORDS = {"tokenizer": "just_spaces", "direction_vocab": {"type": "empty"}}

# Everything registered by AllenNLP and by this package that takes a path or an address and uses it
# when it is built. Encoders are folders, others files.
PARTS: List[Tuple[type, Dict[str, Any]]] = [
    (TokenEmbedder, {"type": "word_pieces", "model_name": TARGET}),
    (TokenEmbedder, {"type": "pooled_word_pieces", "model_name": TARGET}),
    (TokenEmbedder, {"type": "static_word_pieces", "model_name": TARGET}),
    (TokenEmbedder, {"type": "pretrained_transformer", "model_name": TARGET}),
    (TokenEmbedder, {"type": "pretrained_transformer_mismatched", "model_name": TARGET}),
    (TokenEmbedder, {"type": "elmo", "options_file": TARGET, "weight_file": TARGET}),
    (TokenEmbedder, {"type": "elmo_token_embedder", "options_file": TARGET, "weight_file": TARGET}),
    (TokenIndexer, {"type": "word_pieces", "model_name": TARGET}),
    (TokenIndexer, {"type": "pretrained_transformer", "model_name": TARGET}),
    (TokenIndexer, {"type": "pretrained_transformer_mismatched", "model_name": TARGET}),
    (Tokenizer, {"type": "pretrained_transformer", "model_name": TARGET}),
    (Tokenizer, {"type": "spacy", "language": TARGET}),
    (SentenceSplitter, {"type": "spacy", "language": TARGET}),
    (Seq2VecEncoder, {"type": "bert_pooler", "pretrained_model": TARGET}),
    (Backbone, {"type": "pretrained_transformer", "model_name": TARGET}),
    (Backbone, {"type": "vilbert_from_huggingface", "model_name": TARGET, **_VILBERT}),
    (T5, {"type": "from_pretrained", "model_name": TARGET}),
    (BiasDirectionWrapper, {"type": "pca", "seed_words_file": TARGET, **_WORDS}),
    (BiasDirectionWrapper, {"type": "paired_pca", "seed_word_pairs_file": TARGET, **_WORDS}),
    (BiasDirectionWrapper, {"type": "two_means", "seed_word_pairs_file": TARGET, **_WORDS}),
    (
        BiasDirectionWrapper,
        {"type": "classification_normal", "seed_word_pairs_file": TARGET, **_WORDS},
    ),
    (Initializer, {"type": "pretrained", "weights_file_path": TARGET}),
    (DatasetReader, {"type": "text_blocks", "model_name": TARGET}),
    (Vocabulary, {"type": "from_files", "directory": TARGET}),
    (Vocabulary, {"type": "from_pretrained_transformer", "model_name": TARGET}),
    (Model, {"type": "from_archive", "archive_file": TARGET}),
    (Model, {"type": "masked_lm", "model_name": TARGET}),
    (SpanFilter, {"type": "pretrained", "archive": TARGET}),
    # Instead of any part of a model, whatever its base class.
    (
        TokenEmbedder,
        {"_pretrained": {"archive_file": TARGET, "module_path": "_text_field_embedder"}},
    ),
    (
        Seq2VecEncoder,
        {"_pretrained": {"archive_file": TARGET, "module_path": "_feedforward", "freeze": False}},
    ),
]

# Parameters with such names are paths or addresses. The rest of the classes that have one get it
# from AllenNLP, not from the configuration of a model or a reader.
_PATHS = {"file", "path", "archive", "language", "pretrained_model", "directory", "model_name"}
_NOT_IN_MODELS = {
    "Checkpointer",
    "DataCollator",
    "DataLoader",
    "InfluenceInterpreter",
    "Predictor",
    "TrainModel",
    "Trainer",
    "TrainerCallback",
}
_ELSEWHERE = {
    # AllenNLP takes it out before it loads a model.
    ("TokenEmbedder", "embedding"),
    # It needs instances, which do not exist while a model is loaded.
    ("Vocabulary", "extend"),
    # They need a model's table of embeddings, which a configuration cannot give.
    ("BiasMitigatorWrapper", "hard"),
    ("BiasMitigatorWrapper", "inlp"),
    # `loading` refuses it by its key.
    ("Metric", "evalb"),
}


def names_a_path(parameter: str) -> bool:
    return parameter in _PATHS or parameter.split("_")[-1] in ("file", "path", "directory")


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[str]]:
    """Yield the requests that a local server has received, followed by its address."""
    seen: List[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    # The hub is there, too.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    seen.append(address)
    yield seen
    server.shutdown()
    server.server_close()


def filled(value: Any, target: str) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner, target) for key, inner in value.items()}
    return target if value == TARGET else value


@pytest.fixture
def stranger(trained_archive: str, tmp_path: Path) -> Path:
    """Return an unpacked archive to manipulate."""
    folder = tmp_path / "stranger"
    shutil.unpack_archive(trained_archive, folder, filter="data")
    return folder


def load_with(stranger: Path, base: type, part: Dict[str, Any]) -> None:
    file = stranger / "config.json"
    config = json.loads(file.read_text())
    config["model"] = {"type": hold(base), "part": part}
    if base is Model:
        config["model"] = part
    file.write_text(json.dumps(config))
    load_archive(stranger)


def describe(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value.get("type", "_pretrained"))


# transformers warns before it would fetch.
@pytest.mark.filterwarnings("ignore:Using `from_pretrained` with the url:FutureWarning")
@pytest.mark.parametrize("base, part", PARTS, ids=describe)
def test_no_part_of_an_archive_fetches_an_address(
    stranger: Path, requests: List[str], base: type, part: Dict[str, Any]
) -> None:
    # The span filter has its own error.
    with pytest.raises((ArchiveError, ConfigurationError)):
        load_with(stranger, base, filled(part, f"{requests[0]}/other.tar.gz"))
    assert requests[1:] == []


@pytest.mark.parametrize("base, part", PARTS, ids=describe)
def test_no_part_of_an_archive_uses_a_path_on_this_machine(
    stranger: Path,
    trained_archive: str,
    tiny_encoder: str,
    base: type,
    part: Dict[str, Any],
    tmp_path: Path,
) -> None:
    # Such that each of them would do, if it was used.
    if "file" in str(part) or "'archive'" in str(part):
        target = trained_archive
    else:
        target = str(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    with pytest.raises(
        ArchiveError, match="refused: loading the archive would|does not hold its ELMo"
    ):
        load_with(stranger, base, filled(part, target))


@pytest.mark.parametrize(
    "base, part",
    [(base, part) for base, part in PARTS if "model_name" in part or "language" in part],
    ids=describe,
)
def test_no_part_of_an_archive_fetches_what_it_names_on_the_hub(
    stranger: Path, requests: List[str], base: type, part: Dict[str, Any]
) -> None:
    with pytest.raises(ArchiveError):
        load_with(stranger, base, filled(part, "somebody/encoder"))
    assert requests[1:] == []


def test_all_parts_that_take_a_path_are_tested() -> None:
    tested = {(base.__name__, part.get("type")) for base, part in PARTS}
    missing = []
    for base, registry in Registrable._registry.items():
        for name, (cls, constructor) in registry.items():
            build = getattr(cls, constructor) if constructor else cls.__init__
            if (
                cls.__module__.startswith(("allennlp.", "sept_allennlp."))
                and base.__name__ not in _NOT_IN_MODELS
                and any(map(names_a_path, inspect.signature(build).parameters))
            ):
                missing.append((base.__name__, name))
    assert set(missing) - tested - _ELSEWHERE == set()


def test_a_program_that_a_metric_runs_is_refused(stranger: Path) -> None:
    part = {"type": "constituency_parser", "evalb_directory_path": "x; touch executed"}
    with pytest.raises(ArchiveError, match="names a program to run, 'x; touch executed'"):
        load_with(stranger, Model, part)


def test_a_file_that_evaluation_would_use_is_refused(stranger: Path) -> None:
    file = stranger / "config.json"
    config = json.loads(file.read_text())
    config["data_loader"]["collate_fn"] = {"type": "mlm_collator", "model_name": "encoder"}
    file.write_text(json.dumps(config))
    with pytest.raises(ArchiveError, match="names 'encoder' in its 'data_loader'"):
        load_archive(stranger)


def test_links_out_of_a_folder_are_refused(stranger: Path, tmp_path: Path) -> None:
    (stranger / "weights.th").rename(tmp_path / "elsewhere.th")
    (stranger / "weights.th").symlink_to(tmp_path / "elsewhere.th")
    with pytest.raises(ArchiveError, match="would read .*weights.th"):
        load_archive(stranger)


def test_files_that_the_user_names_may_be_used(
    stranger: Path, trained_archive: str, filter_archive: str
) -> None:
    span_filter = {"type": "pretrained", "archive": filter_archive}
    model = load_archive(stranger, overrides={"model.span_filter": span_filter}).model
    assert model is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda path: open(path),
        lambda path: open(path, "w"),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("moved")),
        lambda path: (path.parent / "new").mkdir(),
        lambda path: (path.parent / "link").symlink_to(path),
        lambda path: socket.create_connection(("127.0.0.1", 1)),
        lambda path: socket.getaddrinfo("localhost", 80),
        lambda path: __import__("os").system("true"),
        lambda path: __import__("subprocess").run(["true"]),
        lambda path: torch.load(path),
    ],
    ids="read write delete move folder link connect resolve shell program torch".split(),
)
def test_the_guard_refuses_the_act_itself(tmp_path: Path, act: Any) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "file").write_text("known")
    with pytest.raises(ArchiveError, match="refused"):
        with guarded(inside):
            assert (inside / "file").read_text() == "known"
            act(outside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "outside.txt"]
    assert outside.read_text() == "secret"


def test_a_refusal_that_other_code_swallows_is_raised_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="would read .*outside"):
        with guarded(tmp_path / "inside"):
            try:
                open(tmp_path / "outside")
            except RuntimeError:
                pass


def test_another_thread_loads_an_unrelated_model_meanwhile(
    tmp_path: Path, trained_archive: str, tiny_encoder: str
) -> None:
    found: Dict[str, Any] = {}

    def work() -> None:
        # A class that is not registered, as AllenNLP resolves it outside archives.
        found["class"] = Model.by_name("tests.sept_allennlp.archives.guard_test.Holder")
        found["path"] = cached_path(trained_archive)
        found["embedder"] = AutoModel.from_pretrained(tiny_encoder).config.hidden_size
        found["offline"] = bool(is_offline_mode())
        found["model"] = load_archive(trained_archive).model

    before = bool(is_offline_mode())
    with guarded(tmp_path):
        assert is_offline_mode()
        with pytest.raises(ArchiveError, match="not registered"):
            Model.by_name("tests.sept_allennlp.archives.guard_test.Holder")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        # The errors above were expected.
        from sept_allennlp.archives import guard

        guard._guard.get().refusal = None  # type: ignore[union-attr]
    assert found["class"] is Holder
    assert found["path"] == trained_archive
    assert found["embedder"] == 16
    assert found["offline"] == before
    assert isinstance(found["model"], Model)


def test_a_log_file_may_be_opened_while_an_archive_is_loaded(
    trained_archive: str, tmp_path: Path
) -> None:
    # It opens its file at the first message, which is one about loading.
    handler = logging.FileHandler(tmp_path / "program.log", delay=True)
    logger = logging.getLogger("allennlp")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        load_archive(trained_archive)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
    assert (tmp_path / "program.log").read_text()
