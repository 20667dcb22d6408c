"""
SpanMarker: every span of up to eight words is written behind the sentence as a pair of markers, and
classified from them.

As documented in its README and in https://tomaarsen.github.io/SpanMarkerNER/ ("Getting started"):
`SpanMarkerModel.from_pretrained` with `model_max_length=256`, `marker_max_length=128`,
`entity_max_length=8`; its `Trainer` with 3 epochs, batches of 32, a learning rate of 5e-5 with a
tenth of the updates to warm up, weight decay .01. Its half precision and its two loading processes
are for a GPU and left out.

A text is a sentence, as in this guide; raw text is split at full stops between spaces.
"""

from pathlib import Path
from typing import Iterator, List

from datasets import Dataset
from span_marker import SpanMarkerModel, Trainer
from transformers import TrainingArguments, set_seed

from benchmarks.peers.corpus import Entity, bio_tags, labels_of, split_sentences
from benchmarks.peers.deadline import TrainingClock
from benchmarks.peers.peer import Peer, Trained, Training, serve


class SpanMarker(Peer):
    def train(self, training: Training) -> Trained:
        set_seed(training.seed)
        clock = TrainingClock(training.deadline)
        tags = ["O"]
        for label in labels_of(training.abstracts):
            tags += [f"B-{label}", f"I-{label}"]
        examples = [
            {
                "tokens": [word.text for word in sentence],
                "ner_tags": [tags.index(tag) for tag in bio_tags(sentence, abstract.entities)],
            }
            for abstract in training.abstracts
            for sentence in abstract.sentences
        ]
        model = SpanMarkerModel.from_pretrained(
            training.encoder,
            labels=tags,
            model_max_length=256,
            marker_max_length=128,
            entity_max_length=8,
        )
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(training.folder),
                learning_rate=5e-5,
                per_device_train_batch_size=32,
                num_train_epochs=training.epochs,
                weight_decay=0.01,
                warmup_ratio=0.1,
                seed=training.seed,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_list(examples),
            callbacks=[clock],
        )
        trainer.train()
        trainer.save_model(str(training.folder))
        return Trained(trainer.state.epoch, clock.seconds)

    def load(self, folder: Path) -> None:
        self._model = SpanMarkerModel.from_pretrained(str(folder))

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Predict in batches of sentences; a long sentence counts as several."""
        sentences = [split_sentences(text) for text in texts]
        words = [[word.text for word in sentence] for text in sentences for sentence in text]
        found = iter(self._model.predict(words, batch_size=batch_size))
        for text in sentences:
            yield [
                Entity(
                    sentence[entity["word_start_index"]].start,
                    sentence[entity["word_end_index"] - 1].end,
                    entity["label"],
                )
                for sentence in text
                for entity in next(found)
            ]


if __name__ == "__main__":
    serve(SpanMarker())
