"""
Hugging Face token classification: a linear layer on the encoder, BIO tags.

As documented in https://huggingface.co/docs/transformers/tasks/token_classification (the first
piece of a word bears its tag; `Trainer`; the pipeline) and, for the hyper-parameters, in
transformers' own `examples/pytorch/token-classification/run_ner.py`: the defaults of
`TrainingArguments`, which are 3 epochs, batches of 8, a learning rate of 5e-5 that falls to
nothing. (The guide itself says 2e-5, 2 epochs, batches of 16: less than half the learning rate and
a third of the updates, which is little for a data set as small as SciERC.)

A text is a sentence, as in these guides; raw text is split at full stops between spaces. A word has
the tag of its first piece, as in training and in that script's scores. (The pipeline's aggregation
treats each part of "log-linear" as a word, also those without a tag in training.)
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List

from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from benchmarks.peers.corpus import Entity, Word, bio_tags, entities_of, labels_of, split_sentences
from benchmarks.peers.peer import Peer, Trained, Training, serve

# Ignored by the loss.
NO_TAG = -100


class TokenClassification(Peer):
    def train(self, training: Training) -> Trained:
        # Only here, because prediction does not need them.
        from transformers import (
            DataCollatorForTokenClassification,
            Trainer,
            TrainingArguments,
            set_seed,
        )

        from benchmarks.peers.deadline import TrainingClock

        set_seed(training.seed)
        clock = TrainingClock(training.deadline)
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
            callbacks=[clock],
        )
        trainer.train()
        trainer.save_model()
        return Trained(trainer.state.epoch, clock.seconds)

    def load(self, folder: Path) -> None:
        self._pipeline = pipeline("token-classification", model=str(folder), ignore_labels=[])

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Predict in batches of sentences."""
        sentences = [split_sentences(text) for text in texts]
        words = [[word.text for word in sentence] for text in sentences for sentence in text]
        found = iter(self._pipeline(words, is_split_into_words=True, batch_size=batch_size))
        for text in sentences:
            yield [
                entity
                for sentence in text
                for entity in entities_of(sentence, word_tags(sentence, next(found)))
            ]


def word_tags(words: List[Word], pieces: List[Dict[str, Any]]) -> List[str]:
    """Return the tag of each word's first piece, or O where a long sentence was truncated."""
    # The pipeline counts characters from the start of the sentence.
    tags = {words[0].start + piece["start"]: piece["entity"] for piece in pieces}
    return [tags.get(word.start, "O") for word in words]


def encoded(
    tokenizer: Any, tags: List[str], words: List[Word], word_tags: List[str]
) -> Dict[str, List[int]]:
    """Return the pieces of a sentence; only the first piece of each word has a tag."""
    pieces = tokenizer([word.text for word in words], is_split_into_words=True, truncation=True)
    labels = []
    previous = None
    for word in pieces.word_ids():
        labels.append(NO_TAG if word in (None, previous) else tags.index(word_tags[word]))
        previous = word
    return {**pieces, "labels": labels}


if __name__ == "__main__":
    serve(TokenClassification())
