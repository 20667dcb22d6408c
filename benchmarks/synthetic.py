"""
Synthetic inputs: abstracts of the size of SciERC's, and encoders of well-known sizes with random
weights, which are as fast as trained ones.
"""

import json
import random
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

# As in SciERC's training data.
NUM_DOCUMENTS = 350
WORDS_PER_ABSTRACT = 130
SENTENCES_PER_ABSTRACT = 5
ENTITIES_PER_SENTENCE = 3
ENTITY_WIDTHS = [1] * 32 + [2] * 36 + [3] * 16 + [4] * 8 + [5] * 4 + [6] * 2 + [7, 8]
RELATION_LABELS = ["COMPARE", "CONJUNCTION", "EVALUATE-FOR", "FEATURE-OF", "PART-OF", "USED-FOR"]
LABELS = ["Generic", "Material", "Method", "Metric", "OtherScientificTerm", "Task"]

WORDS = """
the of a and in to for is on we that with this by are as an which from can be our method model
data system approach results based language information task using word speech recognition text
algorithm learning show performance image problem set new two translation parsing features paper
these it between analysis knowledge structure machine propose training methods not domain one or
used semantic evaluation , . ( ) - accuracy recall precision statistical probabilistic grammar
unsupervised segmentation disambiguation classification representation convolutional stereo
morphological hyperparameters factorization discriminative
""".split()


def abstracts(number: int, seed: int = 0) -> List[Dict[str, Any]]:
    """Return documents in SciERC's format."""
    generator = random.Random(seed)
    return [_abstract(f"abstract-{index}", generator) for index in range(number)]


def with_relations(documents: List[Dict[str, Any]], seed: int = 0) -> List[Dict[str, Any]]:
    """Return the documents with a relation from each entity of a sentence to the next one."""
    generator = random.Random(seed)
    return [
        {
            **document,
            "relations": [
                [
                    [*head[:2], *tail[:2], generator.choice(RELATION_LABELS)]
                    for head, tail in zip(entities, entities[1:])
                ]
                for entities in document["ner"]
            ],
        }
        for document in documents
    ]


def lines_of_text(number: int) -> List[bytes]:
    """Return abstracts as inputs of prediction: raw text, one JSON object a line."""
    return [
        json.dumps({"text": " ".join(map(" ".join, document["sentences"]))}).encode()
        for document in abstracts(number)
    ]


def _abstract(key: str, generator: random.Random) -> Dict[str, Any]:
    sentences: List[List[str]] = []
    entities: List[List[List[Any]]] = []
    mean_words = WORDS_PER_ABSTRACT // SENTENCES_PER_ABSTRACT
    start = 0
    for _ in range(generator.randint(SENTENCES_PER_ABSTRACT - 2, SENTENCES_PER_ABSTRACT + 2)):
        # Words at the front of the list are drawn more often.
        length = generator.randint(mean_words // 2, mean_words * 3 // 2)
        ranks = (int(len(WORDS) * generator.random() ** 2) for _ in range(length))
        sentences.append([WORDS[rank] for rank in ranks])
        label_of = {}
        for _ in range(ENTITIES_PER_SENTENCE):
            width = generator.choice(ENTITY_WIDTHS)
            first = start + generator.randint(0, length - width)
            label_of[first, first + width - 1] = generator.choice(LABELS)
        entities.append([[first, last, label] for (first, last), label in label_of.items()])
        start += length
    return {"doc_key": key, "sentences": sentences, "ner": entities}


def write_documents(documents: Iterable[Dict[str, Any]], path: Path) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


class EncoderSize(NamedTuple):
    hidden_size: int
    num_layers: int
    vocab_size: int


MINILM = EncoderSize(hidden_size=384, num_layers=6, vocab_size=30522)
SCIBERT = EncoderSize(hidden_size=768, num_layers=12, vocab_size=31090)


def write_encoder(size: EncoderSize, words: Iterable[str], folder: Path, seed: int = 0) -> str:
    """
    Write a BERT of the given size with random weights, and a tokenizer that splits long words into
    two pieces. Return its folder.
    """
    folder.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for word in dict.fromkeys(word.lower() for word in words):
        pieces += [word] if len(word) < 10 else [word[:7], "##" + word[7:]]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(list(dict.fromkeys(pieces))[: size.vocab_size]))
    BertTokenizerFast(str(vocabulary), model_max_length=512).save_pretrained(str(folder))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=size.vocab_size,
        hidden_size=size.hidden_size,
        num_hidden_layers=size.num_layers,
        num_attention_heads=12,
        intermediate_size=4 * size.hidden_size,
    )
    BertModel(config).save_pretrained(str(folder))
    return str(folder)
