from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Token, Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import TokenIndexer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizerFast

from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_runtime.tokenization import word_pieces
from sept_runtime.tokenization.words import restore_brackets
from tests.conftest import TINY_ENCODER

TOKENIZER = AutoTokenizer.from_pretrained(str(TINY_ENCODER))


def indexed(words: List[str]) -> dict:
    indexer = WordPieceIndexer(str(TINY_ENCODER))
    return indexer.tokens_to_indices([Token(word) for word in words], Vocabulary())


def pieces_of(words: List[str]) -> List[List[str]]:
    """Return the pieces of each word by its offsets."""
    tensors = indexed(words)
    pieces = TOKENIZER.convert_ids_to_tokens(tensors["token_ids"])
    return [pieces[first : last + 1] for first, last in tensors["piece_offsets"]]


def test_words_and_pieces_by_hand():
    words = ["We", "evaluate", "parsers", "-LRB-", "F1", "-RRB-", "."]
    assert indexed(words) == {
        "token_ids": TOKENIZER.convert_tokens_to_ids(
            "we e ##v ##al ##u ##a ##t ##e parser ##s ( f ##1 ) .".split()
        ),
        "mask": [True] * 7,
        "wordpiece_mask": [True] * 15,
        "piece_offsets": [[0, 0], [1, 7], [8, 9], [10, 10], [11, 12], [13, 13], [14, 14]],
    }


def test_threads_may_share_an_indexer_that_forgets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(word_pieces, "_MOST_WORDS", 3)
    documents = [[f"model{n % 50}", f"CRF{n % 7}", "We"] for n in range(400)]
    indexer = WordPieceIndexer(str(TINY_ENCODER))

    def index(words: List[str]) -> dict:
        return indexer.tokens_to_indices([Token(word) for word in words], Vocabulary())

    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(index, documents))
    assert at_once == list(map(index, documents))


def test_brackets_reach_the_encoder_as_its_pre_training_spelled_them():
    words = ["-LRB-", "-RRB-", "-LSB-", "-RSB-", "-LCB-", "-RCB-"]
    assert pieces_of(words) == [["("], [")"], ["["], ["]"], ["{"], ["}"]]


@pytest.mark.parametrize("nothing", ["\u200b", "\x00", "\u0301", "\u200d\ufeff"])
def test_a_word_without_pieces_gets_the_unknown_piece(nothing):
    assert TOKENIZER.tokenize(nothing) == []
    assert pieces_of(["the", nothing, "model"]) == [["the"], ["[UNK]"], ["model"]]
    assert pieces_of([nothing, nothing]) == [["[UNK]"], ["[UNK]"]]


def test_an_unknown_piece_that_comes_first_is_no_padding(tmp_path: Path):
    # As in encoders whose vocabulary begins with it: its id is 0, the padding's is 1.
    (tmp_path / "vocab.txt").write_text("\n".join("[UNK] [PAD] [CLS] [SEP] [MASK] model".split()))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(str(tmp_path))
    indexer = WordPieceIndexer(str(tmp_path))
    words = [Token("model"), Token("\u200b")]
    assert indexer.tokens_to_indices(words, Vocabulary())["token_ids"] == [5, 0]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.lists(st.text(min_size=1, max_size=6) | st.sampled_from(["model", "CRF", "a b", "[SEP]"]))
)
@example(["\u4e2d\u6587", "na\u00efve", "\U0001f600", "x\u200by"])
def test_a_words_pieces_do_not_depend_on_its_neighbors(words):
    expected = [TOKENIZER.tokenize(word) or ["[UNK]"] for word in restore_brackets(words)]
    assert pieces_of(words) == expected
    # And every piece is of one word, in order.
    tensors = indexed(words)
    places = [place for first, last in tensors["piece_offsets"] for place in range(first, last + 1)]
    assert places == list(range(len(tensors["token_ids"])))


def test_an_empty_document():
    empty = {"token_ids": [], "mask": [], "wordpiece_mask": [], "piece_offsets": []}
    assert indexed([]) == empty
    assert WordPieceIndexer(str(TINY_ENCODER)).get_empty_token_list() == empty


def test_documents_are_padded_to_the_longest_in_words_and_in_pieces():
    vocab = Vocabulary()
    fields = []
    for words in (["the", "parsers"], [], ["the", "model", "of", "words"]):
        field = TextField(
            [Token(word) for word in words], {"tokens": WordPieceIndexer(str(TINY_ENCODER))}
        )
        field.index(vocab)
        fields.append(field)
    lengths = [field.get_padding_lengths() for field in fields]
    longest = {name: max(length[name] for length in lengths) for name in lengths[0]}
    tensors = fields[0].batch_tensors([field.as_tensor(longest) for field in fields])["tokens"]

    the, parser, s, model, of, words = TOKENIZER.convert_tokens_to_ids(
        ["the", "parser", "##s", "model", "of", "words"]
    )
    pad = TOKENIZER.pad_token_id
    assert tensors["token_ids"].tolist() == [
        [the, parser, s, pad],
        [pad] * 4,
        [the, model, of, words],
    ]
    assert tensors["token_ids"].dtype == torch.long
    assert tensors["wordpiece_mask"].tolist() == [[True] * 3 + [False], [False] * 4, [True] * 4]
    assert tensors["mask"].tolist() == [[True] * 2 + [False] * 2, [False] * 4, [True] * 4]
    assert tensors["piece_offsets"].tolist() == [
        [[0, 0], [1, 2], [0, 0], [0, 0]],
        [[0, 0]] * 4,
        [[0, 0], [1, 1], [2, 2], [3, 3]],
    ]


def test_is_registered_and_equal_to_one_of_the_same_encoder(tiny_encoder, tmp_path):
    indexer = TokenIndexer.from_params(Params({"type": "word_pieces", "model_name": tiny_encoder}))
    assert isinstance(indexer, WordPieceIndexer)
    assert indexer == WordPieceIndexer(tiny_encoder)
    elsewhere = tmp_path / "encoder"
    elsewhere.symlink_to(tiny_encoder)
    assert indexer != WordPieceIndexer(str(elsewhere))
    assert indexer != "word_pieces"
