"""
Hugging Face token classification: a linear layer on the encoder, BIO tags.

As documented in https://huggingface.co/docs/transformers/tasks/token_classification (the first
piece of a word bears its tag; `Trainer`; the pipeline with an aggregation strategy) and, for the
hyper-parameters, in transformers' own `examples/pytorch/token-classification/run_ner.py`: the
defaults of `TrainingArguments`, which are 3 epochs, batches of 8, a learning rate of 5e-5 that
falls to nothing. (The guide itself says 2e-5, 2 epochs, batches of 16: less than half the learning
rate and a third of the updates, which is little for a data set as small as SciERC.)

A text is a sentence, as there; raw text is split where a full stop stands between spaces.
"""

import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

from corpus import Entity, Word, bio_tags, labels_of, split_sentences
from deadline import Deadline
from peer import Peer, Trained, Training, serve
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    pipeline,
)

# The loss leaves it out.
NO_TAG = -100


class TokenClassification(Peer):
    def train(self, training: Training) -> Trained:
        tags = ["O"]
        for label in labels_of(training.abstracts):
            tags += [f"B-{label}", f"I-{label}"]
        tokenizer = AutoTokenizer.from_pretrained(training.encoder)
        examples = [
            encoded(tokenizer, tags, sentence, bio_tags(sentence, abstract.entities))
            for abstract in training.abstracts
            for sentence in abstract.sentences
        ]
        model = AutoModelForTokenClassification.from_pretrained(
            training.encoder,
            id2label=dict(enumerate(tags)),
            label2id={tag: number for number, tag in enumerate(tags)},
        )
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(training.folder),
                num_train_epochs=training.epochs,
                seed=training.seed,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=examples,
            data_collator=DataCollatorForTokenClassification(tokenizer),
            processing_class=tokenizer,
            callbacks=[Deadline(training.deadline)],
        )
        start = time.monotonic()
        trainer.train()
        seconds = time.monotonic() - start
        trainer.save_model()
        return Trained(trainer.state.epoch, seconds)

    def load(self, folder: Path) -> None:
        self._pipeline = pipeline(
            "token-classification", model=str(folder), aggregation_strategy="first"
        )

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """A batch is of sentences."""
        sentences = [split_sentences(text) for text in texts]
        words = [[word.text for word in sentence] for text in sentences for sentence in text]
        found = iter(self._pipeline(words, is_split_into_words=True, batch_size=batch_size))
        for text in sentences:
            # The pipeline counts characters from the start of the sentence.
            yield [
                Entity(
                    sentence[0].start + entity["start"],
                    sentence[0].start + entity["end"],
                    entity["entity_group"],
                )
                for sentence in text
                for entity in next(found)
            ]


def encoded(
    tokenizer: Any, tags: List[str], words: List[Word], word_tags: List[str]
) -> Dict[str, List[int]]:
    """The pieces of a sentence; only the first of each word has a tag."""
    pieces = tokenizer([word.text for word in words], is_split_into_words=True, truncation=True)
    labels = []
    previous = None
    for word in pieces.word_ids():
        labels.append(NO_TAG if word in (None, previous) else tags.index(word_tags[word]))
        previous = word
    return {**pieces, "labels": labels}


if __name__ == "__main__":
    serve(TokenClassification())
