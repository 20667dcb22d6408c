import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, List

import pytest
import torch
from allennlp.common import Params
from allennlp.modules.elmo import batch_to_ids
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder

from sept_allennlp.archives.encoders import archive_folder
from sept_allennlp.archives.loading import ArchiveError
from sept_allennlp.models.baselines import ElmoEmbedder
from sept_allennlp.models.baselines.elmo_files import archive_elmo
from tests.experiments import FIXTURES

OPTIONS = str(FIXTURES / "tiny_elmo" / "options.json")
WEIGHTS = str(FIXTURES / "tiny_elmo" / "weights.hdf5")
DIM = 12

WORDS = ["We", "evaluate", "parsers", "."]


def embedder(**parameters: Any) -> ElmoEmbedder:
    parameters = {
        **{"type": "elmo", "options_file": OPTIONS, "weight_file": WEIGHTS, "dropout": 0.0},
        **parameters,
    }
    extras = {"serialization_dir": parameters.pop("serialization_dir", None)}
    model = TokenEmbedder.from_params(Params(parameters), **extras)
    assert isinstance(model, ElmoEmbedder)
    return model.eval()


def embed(model: torch.nn.Module, *documents: List[str]) -> torch.Tensor:
    with torch.no_grad():
        return model(batch_to_ids(list(documents)))


def test_the_first_batch_is_embedded_as_by_allennlp() -> None:
    documents = [WORDS, ["parsers"], WORDS * 5]
    expected = embed(ElmoTokenEmbedder(OPTIONS, WEIGHTS, dropout=0.0).eval(), *documents)
    embedded = embed(embedder(), *documents)
    assert embedded.shape == (3, 20, DIM)
    torch.testing.assert_close(embedded, expected)


def test_embeddings_do_not_depend_on_earlier_or_neighboring_documents() -> None:
    model = embedder()
    alone = embed(model, WORDS)[0]
    assert alone.abs().amax(dim=1).min() > 1e-3
    torch.testing.assert_close(embed(model, WORDS)[0], alone)
    beside = embed(model, [], ["data"] * 9, WORDS)
    torch.testing.assert_close(beside[2, : len(WORDS)], alone)
    assert beside[2, len(WORDS) :].eq(0).all()
    assert beside[0].eq(0).all()
    # AllenNLP's own does not.
    stateful = ElmoTokenEmbedder(OPTIONS, WEIGHTS, dropout=0.0).eval()
    assert not embed(stateful, WORDS).allclose(embed(stateful, WORDS), atol=1e-3)


def test_threads_share_no_state() -> None:
    model = embedder()
    batches = [[WORDS] * (n % 4 + 1) for n in range(60)]
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(lambda batch: embed(model, *batch), batches))
    (alone,) = embed(model, WORDS)
    for embedded in at_once:
        torch.testing.assert_close(embedded, alone.expand_as(embedded))


def test_documents_without_words() -> None:
    assert embed(embedder(), [], []).shape == (2, 0, DIM)


def test_a_training_step_changes_only_the_weights_of_the_layers_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = embedder().train()
        for _ in range(2):
            model(batch_to_ids([WORDS, ["We"]])).pow(2).sum().backward()
    moved = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert moved and all("scalar_mix" in name for name in moved)


def test_an_archived_elmo_embeds_the_same_without_its_files(tmp_path: Path) -> None:
    trained = embedder()
    archive_elmo(OPTIONS, str(tmp_path))
    torch.save(trained.state_dict(), tmp_path / "weights.th")
    loaded = embedder(weight_file="no/such/file", serialization_dir=str(tmp_path))
    assert not embed(loaded, WORDS).allclose(embed(trained, WORDS))
    loaded.load_state_dict(torch.load(tmp_path / "weights.th"))
    torch.testing.assert_close(embed(loaded, WORDS), embed(trained, WORDS))


def test_a_run_without_weights_yet_takes_the_files(tmp_path: Path) -> None:
    archive_elmo(OPTIONS, str(tmp_path))
    begun = embedder(serialization_dir=str(tmp_path))
    torch.testing.assert_close(embed(begun, WORDS), embed(embedder(), WORDS))


def test_an_archive_without_options_downloads_none(tmp_path: Path) -> None:
    (tmp_path / "weights.th").touch()
    with pytest.raises(ArchiveError, match="does not hold its ELMo's options"):
        embedder(options_file="https://example.org/options.json", serialization_dir=str(tmp_path))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"char_cnn": {}, "lstm": {}}'])
def test_damaged_options_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "weights.th").touch()
    archive_elmo(OPTIONS, str(tmp_path))
    (archive_folder(OPTIONS, str(tmp_path)) / "options.json").write_text(content)
    with pytest.raises(ArchiveError, match="options of ELMo are damaged"):
        embedder(serialization_dir=str(tmp_path))
