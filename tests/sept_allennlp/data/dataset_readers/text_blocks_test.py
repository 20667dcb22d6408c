import gzip
import json
from pathlib import Path
from typing import Any, Callable, List

import pytest
from allennlp.common.checks import ConfigurationError
from transformers import AutoTokenizer

from sept_allennlp.data.dataset_readers import TextBlockReader
from tests.conftest import TINY_ENCODER

TOKENIZER = AutoTokenizer.from_pretrained(str(TINY_ENCODER))


def blocks(path: str, block_length: int) -> List[str]:
    """Return the pieces of each block, joined by spaces."""
    reader = TextBlockReader(str(TINY_ENCODER), block_length=block_length)
    return [
        " ".join(TOKENIZER.convert_ids_to_tokens(instance["pieces"].tensor.tolist()))
        for instance in reader.read(path)
    ]


def test_blocks_by_hand(write_jsonl: Callable[..., str]) -> None:
    texts = write_jsonl(
        {"text": "The parser is new ."},
        {"tokens": ["A", "method", "for", "parsing"]},
        {"sentences": [["We", "present", "results", "."]], "ner": [[[2, 2, "Task"]]]},
    )
    # The pieces of the three, each with its end: those of "parsing" and "results" are two.
    assert blocks(texts, block_length=7) == [
        "[CLS] the parser is new . [SEP]",
        "[CLS] [SEP] a method for parsing [SEP]",
        "[CLS] [SEP] we present results . [SEP]",
    ]


def test_a_long_text_fills_several_blocks_and_the_rest_is_dropped(
    write_jsonl: Callable[..., str],
) -> None:
    texts = write_jsonl({"text": "a the of in on an by"})
    assert blocks(texts, block_length=5) == ["[CLS] a the of [SEP]", "[CLS] in on an [SEP]"]


def test_no_block_is_longer_than_what_the_encoder_takes(write_jsonl: Callable[..., str]) -> None:
    (block,) = blocks(write_jsonl({"text": "a " * 70}), block_length=512)
    assert len(block.split()) == 64


def test_several_files_compressed_or_not(tmp_path: Path, write_jsonl: Callable[..., str]) -> None:
    write_jsonl({"text": "a the"}, name="1.jsonl")
    with gzip.open(tmp_path / "2.jsonl.gz", "wt") as file:
        file.write(json.dumps({"text": "of in"}) + "\n")
    # "a the [SEP]" and "of in [SEP]" in blocks of three.
    assert blocks(str(tmp_path), block_length=5) == [
        "[CLS] a the [SEP] [SEP]",
        "[CLS] of in [SEP] [SEP]",
    ]


@pytest.mark.parametrize(
    "line, fault",
    [
        ("{", "not valid JSON"),
        ({"title": "no text"}, "none of the record's fields has a name known for texts"),
        ({"text": " "}, "'text' is empty"),
        (["a"], "expected a JSON object, found a list"),
    ],
)
def test_a_bad_line_stops_the_reading(
    line: Any, fault: str, write_jsonl: Callable[..., str]
) -> None:
    texts = write_jsonl({"text": "The parser is new ."}, line)
    with pytest.raises(ConfigurationError) as error:
        blocks(texts, block_length=7)
    assert f"{texts}, line 2: " in str(error.value)
    assert fault in str(error.value)


def test_too_little_text(write_jsonl: Callable[..., str]) -> None:
    with pytest.raises(ConfigurationError, match="do not fill a block of 8 word pieces"):
        blocks(write_jsonl({"text": "The parser is new ."}), block_length=10)


def test_too_short_a_block(write_jsonl: Callable[..., str]) -> None:
    with pytest.raises(ConfigurationError, match="block_length 2 is too short"):
        blocks(write_jsonl({"text": "The parser is new ."}), block_length=2)


def test_a_file_that_does_not_exist() -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        blocks("nowhere.jsonl", block_length=7)
