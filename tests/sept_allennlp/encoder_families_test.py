"""The table of encoder families in docs/training.md, family by family."""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List

import onnxruntime
import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModel, AutoTokenizer

from sept_allennlp.archives import load_archive
from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.export.graphs import write_encoder
from sept_allennlp.export.modules import TracedNetwork, _encoder
from sept_allennlp.models import MaskedLanguageModel
from sept_allennlp.modules.token_embedders import StaticWordPieceEmbedder, WordPieceEmbedder
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.training.console import progress
from tests import encoders
from tests.encoders import EXPORT_FAILS, EXPORTED, FAMILIES, LENGTH
from tests.experiments import ROOT, experiment

pytestmark = [
    # transformers' own, of some of the families.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence for multidimensional indexing"),
]

# Of different lengths; the third takes several windows. Some words are in no vocabulary.
TEXTS = [
    "We propose parsing .",
    "β-catenin \N{SNOWMAN} 2.5% of naïve X-bars , " * 3 + ".",
    "A parser of long documents is evaluated on the corpus . " * 12,
    "Ω",
]


@pytest.fixture(scope="session")
def encoder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that writes a family's tiny encoder once and returns its folder."""
    written: Dict[str, str] = {}

    def write(family: str) -> str:
        if family not in written:
            written[family] = FAMILIES[family].write(tmp_path_factory.mktemp("encoder") / "tiny")
        return written[family]

    return write


EMBEDDER = "model.text_field_embedder.token_embedders.tokens"


def settings(encoder: str, **overrides: Any) -> Dict[str, Any]:
    """Return the overrides for a few steps on a tiny encoder."""
    return {
        "dataset_reader.token_indexers.tokens.model_name": encoder,
        f"{EMBEDDER}.model_name": encoder,
        f"{EMBEDDER}.attention_dropout": None,
        "dataset_reader.max_instances": 4,
        "trainer.num_epochs": 1,
        # So that scores differ.
        "trainer.optimizer.lr": 0.01,
        **overrides,
    }


def training(encoder: str, **overrides: Any) -> Any:
    return experiment(settings(encoder, **overrides))


@pytest.fixture(scope="session")
def archive_of(
    encoder_of: Callable[[str], str], train_once: Callable[..., str]
) -> Callable[[str], str]:
    """Return the archive of a model trained briefly on a family's encoder."""

    def train(name: str) -> str:
        label = "".join(filter(str.isalnum, name))
        return train_once(f"family_{label}", settings(encoder_of(name)))

    return train


def scores(predictor: SEPTPredictor, texts: List[str]) -> List[Dict[Any, float]]:
    outputs = predictor.predict_batch_json([{"text": text} for text in texts])
    assert not any("error" in output for output in outputs)
    return [
        {
            (entity["start"], entity["end"], entity["label"]): entity["score"]
            for entity in output["entities"]
        }
        for output in outputs
    ]


REFUSED = [name for name, family in FAMILIES.items() if family.refused]
USED = [name for name in FAMILIES if name not in REFUSED]


@pytest.mark.trains
@pytest.mark.parametrize("name", REFUSED)
def test_a_family_that_cannot_work_is_refused_before_it_is_trained(
    name: str, encoder_of: Callable[[str], str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=FAMILIES[name].refused) as caught:
        train_model(training(encoder_of(name)), str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").glob("model_state*"))


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore:.*depend on the other documents")
@pytest.mark.parametrize("name", USED)
def test_a_family_trains_and_predicts(name: str, archive_of: Callable[[str], str]) -> None:
    predictor = SEPTPredictor.from_archive(
        load_archive(archive_of(name), overrides={"model.decoding": {"min_score": 0.0}})
    )
    together = scores(predictor, TEXTS)
    assert sum(map(len, together)) > 20
    if FAMILIES[name].batches_agree:
        for text, expected in zip(TEXTS, together):
            (alone,) = scores(predictor, [text])
            assert alone.keys() == expected.keys()
            assert alone == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", USED)
def test_vectors_that_depend_on_the_batch_are_warned_of(
    name: str, encoder_of: Callable[[str], str]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WordPieceEmbedder(encoder_of(name))
    warned = any("depend on the other documents" in str(each.message) for each in caught)
    assert warned != FAMILIES[name].batches_agree


# The exporter takes seconds for each, so the suite tries two that differ most.
EXPORTED_IN_THE_SUITE = ("BERT", "DeBERTa-v2, -v3")
ALL_FAMILIES = bool(os.environ.get("SEPT_ALL_FAMILIES"))


@pytest.mark.exports
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(EXPORTED) if ALL_FAMILIES else EXPORTED_IN_THE_SUITE)
def test_the_encoder_of_a_family_is_exported(
    name: str, encoder_of: Callable[[str], str], tmp_path: Path
) -> None:
    embedder = WordPieceEmbedder(encoder_of(name)).eval()
    encoder, windows, _ = _encoder(BasicTextFieldEmbedder({"tokens": embedder}))
    network = TracedNetwork(encoder, embedder.get_output_dim(), windows, name, encoder)
    graph = tmp_path / "encoder.onnx"
    write_encoder(network, graph)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    for lengths in ([LENGTH, LENGTH // 3, 3], [3], [7, 7]):
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)).long()
        ids = torch.where(mask.bool(), 5 + torch.arange(max(lengths)), embedder.padding_piece)
        inputs = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        (vectors,) = session.run(None, inputs)
        with torch.no_grad():
            wanted = encoder(ids, mask)
        used = mask.bool().numpy()
        assert vectors[used] == pytest.approx(wanted.numpy()[used], abs=1e-4)


@pytest.mark.filterwarnings("ignore:.*depend on the other documents")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_adapted_or_refused(
    name: str, encoder_of: Callable[[str], str], tmp_path: Path
) -> None:
    encoder = encoder_of(name)
    expected = FAMILIES[name].refused or FAMILIES[name].adapts
    if expected is not True:
        with pytest.raises(ConfigurationError, match=expected) as caught:
            MaskedLanguageModel(Vocabulary.empty(), encoder)
        assert "\n" not in str(caught.value)
        return
    model = MaskedLanguageModel(Vocabulary.empty(), encoder, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    pieces = torch.arange(5, 25).reshape(2, 10)
    targets = torch.where(pieces % 3 == 0, pieces, -100)
    losses = []
    for _ in range(12):
        loss = model(pieces, targets)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    model.write_encoder(str(tmp_path / "adapted"))
    adapted = WordPieceEmbedder(str(tmp_path / "adapted")).transformer_model
    trained = model.network.base_model.get_input_embeddings().weight
    assert torch.equal(adapted.get_input_embeddings().weight, trained)
    # The dropout is the encoder's own again.
    assert dropout_of(adapted) == dropout_of(AutoModel.from_pretrained(encoder))


def dropout_of(model: Any) -> Dict[str, Any]:
    return {name: value for name, value in model.config.to_dict().items() if "dropout" in name}


@pytest.mark.parametrize("name", ["BART", "MPNet", "RoBERTa", "XLM-R"])
def test_positions_for_padding_are_not_for_pieces(
    name: str, encoder_of: Callable[[str], str]
) -> None:
    encoder = PretrainedEncoder(encoder_of(name))
    embedder = WordPieceEmbedder(encoder_of(name))
    assert encoder.max_pieces() == LENGTH
    # As RoBERTa's default configuration has it: as many positions as the tokenizer's limit.
    (table,) = [
        module
        for path, module in embedder.transformer_model.named_modules()
        if path.endswith(("position_embeddings", "embed_positions"))
    ]
    assert table.num_embeddings == LENGTH + 2


@pytest.mark.trains
def test_roberta_with_as_many_positions_as_its_tokenizers_limit(tmp_path: Path) -> None:
    encoder = encoders.save(
        tmp_path / "encoder",
        "Roberta",
        encoders.byte_pieces(),
        **{**encoders.positions(), "type_vocab_size": 1},
    )
    assert PretrainedEncoder(encoder).max_pieces() == LENGTH - 2
    embedder = WordPieceEmbedder(encoder).eval()
    for length in (LENGTH - 5, LENGTH - 4, LENGTH - 3, LENGTH, 3 * LENGTH):
        mask = torch.ones(1, length, dtype=torch.bool)
        ids = torch.full((1, length), 7)
        offsets = torch.arange(length).reshape(1, -1, 1).expand(1, length, 2)
        assert embedder(ids, mask, mask, offsets).shape == (1, length, 16)
    with pytest.raises(ConfigurationError, match="takes 46 pieces at once"):
        WordPieceEmbedder(encoder, max_length=LENGTH)


def with_an_added_piece(folder: Path) -> str:
    encoder = FAMILIES["BERT"].write(folder)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert tokenizer.add_tokens(["COVID-19"]) == 1
    tokenizer.save_pretrained(encoder)
    return encoder


def test_more_pieces_than_embeddings_are_refused(tmp_path: Path) -> None:
    encoder = with_an_added_piece(tmp_path / "encoder")
    size = json.loads((tmp_path / "encoder" / "config.json").read_text())["vocab_size"]
    message = f"its tokenizer has {size + 1} pieces, but its table of embeddings has {size} rows"
    for make in (WordPieceEmbedder, StaticWordPieceEmbedder):
        with pytest.raises(ConfigurationError, match=message):
            make(encoder)
    with pytest.raises(ConfigurationError, match=message):
        MaskedLanguageModel(Vocabulary.empty(), encoder)


def test_a_table_with_a_row_for_the_added_piece_is_not(tmp_path: Path) -> None:
    encoder = with_an_added_piece(tmp_path / "encoder")
    model = AutoModel.from_pretrained(encoder)
    model.resize_token_embeddings(len(AutoTokenizer.from_pretrained(encoder)))
    model.save_pretrained(encoder)
    rows = len(WordPieceEmbedder(encoder).transformer_model.get_input_embeddings().weight)
    indexer = WordPieceIndexer(encoder)
    indexed = indexer.tokens_to_indices([Token("COVID-19")], Vocabulary.empty())
    assert indexed["token_ids"] == [rows - 1]


@pytest.mark.trains
def test_an_indexer_and_an_embedder_on_different_encoders_are_refused(
    encoder_of: Callable[[str], str], tmp_path: Path
) -> None:
    bert, mpnet = encoder_of("BERT"), encoder_of("DeBERTa-v2, -v3")
    embedder = "model.text_field_embedder.token_embedders.tokens.model_name"
    with pytest.raises(ConfigurationError) as caught:
        train_model(training(bert, **{embedder: mpnet}), str(tmp_path / "run"))
    message = str(caught.value)
    assert "must have the same encoder" in message
    assert bert in message and mpnet in message
    assert "vocab_size" in message
    assert not list((tmp_path / "run").glob("model_state*"))


def first_pieces(encoder: str, words: List[str]) -> List[str]:
    indexer = WordPieceIndexer(encoder)
    indexed = indexer.tokens_to_indices([Token(word) for word in words], Vocabulary.empty())
    firsts = [indexed["token_ids"][first] for first, _ in indexed["piece_offsets"]]
    return PretrainedEncoder(encoder).tokenizer.convert_ids_to_tokens(firsts)


# As the tokenizers of Llama 3 and its kin: the byte-level step sees parts of words.
SEQUENCE = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(
            Regex(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"
        ),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
# Here the space before a word is a separate part.
SPACES_APART = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)


@pytest.mark.parametrize("before", [None, SEQUENCE, SPACES_APART], ids=["plain", "llama", "apart"])
def test_words_of_byte_level_tokenizers_begin_with_a_space(tmp_path: Path, before: Any) -> None:
    encoder = encoders.modernbert(tmp_path / "encoder", before)
    words = ["We", "propose", "X-bar", "parsers", "2.5", "."]
    assert all(piece.startswith("Ġ") for piece in first_pieces(encoder, words))

    # As in running text, here after a word that is not compared.
    indexer = WordPieceIndexer(encoder)
    given = indexer.tokens_to_indices([Token(word) for word in words], Vocabulary.empty())
    original = AutoTokenizer.from_pretrained(encoder)
    text = original("and " + " ".join(words), add_special_tokens=False)["input_ids"]
    before_text = original("and", add_special_tokens=False)["input_ids"]
    assert text == before_text + given["token_ids"]


def cased_without_configuration(folder: Path) -> str:
    """Write a cased encoder with only its vocabulary, which transformers lower-cases."""
    tokenizer = encoders.word_pieces(lowercase=False)
    encoder = encoders.save(folder, "Bert", tokenizer, **encoders.positions())
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    for file in folder.glob("*token*"):
        file.unlink()
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in pieces))
    return encoder


def test_a_cased_encoder_that_is_lower_cased_warns_and_has_an_option(tmp_path: Path) -> None:
    encoder = cased_without_configuration(tmp_path / "encoder")
    with pytest.warns(UserWarning, match="the tokenizer lower-cases, although .* 'lowercase'"):
        lowered = WordPieceIndexer(encoder)
    kept = WordPieceIndexer(encoder, lowercase=False)
    found = [
        indexer._encoder.tokenizer.convert_ids_to_tokens(
            indexer.tokens_to_indices([Token("We")], Vocabulary.empty())["token_ids"]
        )
        for indexer in (lowered, kept)
    ]
    assert found[0][0].startswith("w")
    assert found[1] == ["We"]
    embedder = WordPieceEmbedder(encoder, lowercase=False)
    assert embedder.identity.tokenization == kept.identity.tokenization


@pytest.mark.trains
def test_the_casing_is_printed_and_part_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: List[str] = []
    monkeypatch.setattr(progress, "info", lambda line, *values: printed.append(line % values))
    encoder = cased_without_configuration(tmp_path / "encoder")
    casing = {
        "dataset_reader.token_indexers.tokens.lowercase": False,
        "model.text_field_embedder.token_embedders.tokens.lowercase": False,
    }
    train_model(training(encoder, **casing), str(tmp_path / "run"))
    assert ["words", "upper and lower case"] in [line.split(maxsplit=1) for line in printed]
    shutil.rmtree(encoder)
    reader = load_archive(tmp_path / "run" / "model.tar.gz").dataset_reader
    indexer = reader._token_indexers["tokens"]
    indexed = indexer.tokens_to_indices([Token("We")], Vocabulary.empty())
    assert indexer._encoder.tokenizer.convert_ids_to_tokens(indexed["token_ids"]) == ["We"]


def test_a_tokenizer_without_an_unknown_piece_is_refused(tmp_path: Path) -> None:
    special = {**encoders.BERT, "unk": "[MASK]"}
    tokenizer = encoders.word_pieces(special=special)
    tokenizer.backend_tokenizer.model.unk_token = "[UNK]"
    encoder = encoders.save(tmp_path / "encoder", "Funnel", tokenizer, d_model=16, n_head=2)
    with pytest.raises(ConfigurationError, match="fails on unknown words"):
        WordPieceIndexer(encoder)


def row(name: str) -> str:
    """Return the family's row of the table in docs/training.md."""
    family = FAMILIES[name]
    if family.refused:
        return f"| {name} | refused | – | – | – |"
    cells = [
        "yes" if family.batches_agree else "no, with a warning",
        "yes" if family.adapts is True else "refused",
        "yes" if name in EXPORTED else "fails" if name in EXPORT_FAILS else "not tested",
    ]
    return f"| {name} | yes | {' | '.join(cells)} |"


def test_the_table_of_the_documentation_is_the_one_of_the_tests() -> None:
    lines = (ROOT / "docs" / "training.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| family |"))
    assert lines[start + 2 : start + 2 + len(FAMILIES)] == [row(name) for name in FAMILIES]
    assert lines[start + 2 + len(FAMILIES)] == ""
