import random

import torch
from transformers import AutoTokenizer

from sept_allennlp.data.dataset_readers import TextBlockReader
from sept_allennlp.data.mlm_collator import MaskedLanguageModelCollator
from tests.conftest import TINY_ENCODER

TOKENIZER = AutoTokenizer.from_pretrained(str(TINY_ENCODER))


def test_the_expected_share_of_pieces_is_masked() -> None:
    random.seed(1)
    reader = TextBlockReader(str(TINY_ENCODER), block_length=64)
    parser, end = TOKENIZER.convert_tokens_to_ids(["parser", "[SEP]"])
    # Of each block's 64 pieces 59 are words, and of all of them 40,120.
    block = [parser] * 30 + [end] * 3 + [parser] * 29
    instances = [reader.text_to_instance(block) for _ in range(680)]
    batch = MaskedLanguageModelCollator(str(TINY_ENCODER))(instances)
    pieces, targets = batch["pieces"], batch["targets"]

    originals = torch.stack([instance["pieces"].tensor for instance in instances])
    special = originals != parser
    guessed = targets != -100
    assert (targets[guessed] == parser).all()
    assert not (guessed & special).any()
    assert torch.equal(pieces[~guessed], originals[~guessed])
    # Shares of 40,120 and of some 6,000 draws, give or take four standard errors.
    assert abs(guessed.sum().item() / 40_120 - 0.15) < 0.008
    shares = [
        (pieces[guessed] == piece).float().mean().item()
        for piece in (TOKENIZER.mask_token_id, parser)
    ]
    assert abs(shares[0] - 0.8) < 0.021
    # Any other piece may be itself, too.
    assert abs(shares[1] - 0.1) < 0.017


def test_other_pieces_each_time() -> None:
    reader = TextBlockReader(str(TINY_ENCODER), block_length=64)
    instances = [reader.text_to_instance([20] * 62)]
    collator = MaskedLanguageModelCollator(str(TINY_ENCODER), mask_probability=0.5)
    assert not torch.equal(collator(instances)["targets"], collator(instances)["targets"])
    # What is read stays what it was.
    assert instances[0]["pieces"].tensor.tolist()[1:-1] == [20] * 62
