from pathlib import Path
from typing import Callable

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader

from sept_allennlp.data.dataset_readers import ConllReader
from sept_allennlp.data.token_indexers import WordPieceIndexer

WriteFile = Callable[[str], str]

CONTENT = "We O\ntrain O\nparsers I-Method\n\nIt O\nworks B-Task\n\n"


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write_file(content: str) -> str:
        (tmp_path / "train.txt").write_text(content, encoding="utf-8")
        return str(tmp_path / "train.txt")

    return write_file


def test_a_context_becomes_an_instance(write: WriteFile) -> None:
    path = write(CONTENT)
    (instance,) = ConllReader().read(path)
    assert set(instance.fields) == {"text", "sentence_ids", "gold", "metadata"}
    words = ["We", "train", "parsers", "It", "works"]
    assert [token.text for token in instance["text"]] == words
    assert instance["sentence_ids"].tensor.tolist() == [0, 0, 0, 1, 1]
    assert instance["gold"].spans == [(2, 2, "Method"), (4, 4, "Task")]
    document = instance["metadata"]["document"]
    assert (document.key, document.origin) == ("train-1", f"{path}, line 1")


def test_a_batch_of_tensors_by_hand(write: WriteFile, tiny_encoder: str) -> None:
    reader = ConllReader(max_context_words=3, token_indexers={"t": WordPieceIndexer(tiny_encoder)})
    loader = MultiProcessDataLoader(reader, write(CONTENT), batch_size=2)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    (batch,) = loader
    assert batch["sentence_ids"].tolist() == [[0, 0, 0], [0, 0, -1]]
    assert batch["gold"].tolist() == [[[2, 2, 0]], [[1, 1, 1]]]
    assert batch["text"]["t"]["mask"].sum(dim=1).tolist() == [3, 2]


def test_is_registered_with_the_parameters_of_every_reader(write: WriteFile) -> None:
    reader = DatasetReader.from_params(
        Params(
            {
                "type": "conll",
                "max_context_words": 3,
                "token_indexers": {"words": {"type": "single_id"}},
                "label_namespace": "ner_labels",
                "max_instances": 1,
            }
        )
    )
    assert isinstance(reader, ConllReader)
    (instance,) = reader.read(write(CONTENT))
    assert len(instance["text"]) == 3
    assert instance["text"].token_indexers.keys() == {"words"}
    vocab = Vocabulary.from_instances([instance])
    assert set(vocab.get_token_to_index_vocabulary("ner_labels")) == {"Method"}


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_no_word_fits_in_is_refused(limit: int) -> None:
    with pytest.raises(
        ConfigurationError, match=f"max_context_words must be at least 1, got {limit}"
    ):
        ConllReader(max_context_words=limit)
