import shutil
from pathlib import Path
from typing import List, Optional

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

from sept_allennlp.archives.encoders import PretrainedEncoder

PIECES = ["<pad>", "<unk>", "<s>", "</s>", "word"]


def write_encoder(
    folder: Path, template: Optional[str], length: Optional[int], positions: int
) -> str:
    """Write an encoder whose tokenizer has no class of its own. Return its folder."""
    tokenizer = Tokenizer(models.WordLevel({p: i for i, p in enumerate(PIECES)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if template is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", 2), ("</s>", 3)]
        )
    arguments = {} if length is None else {"model_max_length": length}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", **arguments
    ).save_pretrained(folder)
    BertConfig(max_position_embeddings=positions).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    "template, prefix, suffix",
    [("<s> $A </s>", [2], [3]), ("<s> <s> $A", [2, 2], []), ("$A </s>", [], [3]), (None, [], [])],
)
def test_special_pieces_are_those_of_the_tokenizer(
    tmp_path: Path, template: Optional[str], prefix: List[int], suffix: List[int]
) -> None:
    location = write_encoder(tmp_path / "encoder", template, 64, 64)
    assert PretrainedEncoder(location).special_pieces() == (prefix, suffix)


@pytest.mark.parametrize(
    "length, positions, expected",
    [
        (64, 512, 64),
        (1024, 600, 600),
        (8192, 8192, 8192),
        # The tokenizer does not say, and RoBERTa's positions are two more than it takes.
        (None, 514, 512),
        (None, 128, 128),
    ],
)
def test_the_length_is_limited_by_tokenizer_and_positions(
    tmp_path: Path, length: Optional[int], positions: int, expected: int
) -> None:
    location = write_encoder(tmp_path / "encoder", None, length, positions)
    assert PretrainedEncoder(location).max_pieces() == expected


def test_an_archived_encoder_is_used_only_beside_weights(tiny_encoder: str, tmp_path: Path) -> None:
    encoder = str(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    run = tmp_path / "run"
    PretrainedEncoder(encoder).archive_into(str(run))
    assert PretrainedEncoder(encoder, str(run)).location == encoder
    (run / "weights.th").touch()
    archived = PretrainedEncoder(encoder, str(run))
    assert archived.archived
    assert Path(archived.location).is_relative_to(run / "vocabulary")
    assert archived.tokenizer.get_vocab() == PretrainedEncoder(encoder).tokenizer.get_vocab()
    assert archived.config.hidden_size == 16
    # Another one, and without the folder of a run.
    assert PretrainedEncoder(tiny_encoder, str(run)).location == tiny_encoder
    assert PretrainedEncoder(encoder).location == encoder


@pytest.mark.parametrize(
    "folder, fault",
    [("empty", "there is no encoder in this folder"), ("none", "there is no such folder")],
)
def test_a_folder_without_an_encoder_is_refused_in_one_line(
    folder: str, fault: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    location = str(tmp_path / folder)
    with pytest.raises(FileNotFoundError) as caught:
        PretrainedEncoder(location)
    message = str(caught.value)
    assert message.startswith(f"{location}: {fault}; give the folder of an encoder")
    assert "\n" not in message
