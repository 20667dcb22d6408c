"""
GLiNER: labels are written before the text, and every span of up to twelve words is compared with
each of them.

Trained from the same encoder as the others (`GLiNER.from_config`, whose `model_name` is any
encoder), not from the models that its authors trained: with those it would bring what they have
seen of other annotation. The settings are those of the configuration in
https://urchade.github.io/GLiNER/training.html ("Using Configuration Files"): markers, twelve words,
dropout .4, batches of 8, learning rates of 1e-5 for the encoder and 5e-5 for the rest that rise for
a tenth of the updates and fall by a cosine, weight decay .01, no focal loss. `hidden_size` is, as
there, the encoder's. All labels are named in each example, as it says for "fixed label set use
cases". It says 10000 updates; where there is time for fewer, the schedule is over these.

A text is a whole abstract (it reads 384 words), in GLiNER's own words, of which the annotated words
are one or more: no entity is lost.
"""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List

from gliner import GLiNER
from transformers import AutoConfig

from benchmarks.peers.corpus import Abstract, Entity, labels_of
from benchmarks.peers.peer import Peer, Trained, Training, serve

LABELS = "labels.json"


class Gliner(Peer):
    def train(self, training: Training) -> Trained:
        # Only here, because prediction does not need them.
        from gliner.training import Trainer, TrainingArguments
        from transformers import set_seed

        from benchmarks.peers.deadline import TrainingClock

        set_seed(training.seed)
        clock = TrainingClock(training.deadline)
        labels = labels_of(training.abstracts)
        model = GLiNER.from_config(
            {
                "model_name": training.encoder,
                "span_mode": "markerV0",
                "max_width": 12,
                "hidden_size": AutoConfig.from_pretrained(training.encoder).hidden_size,
                "dropout": 0.4,
                "max_len": 384,
                "max_types": 25,
            }
        )
        # As `model.train_model`, which takes no callbacks and therefore no deadline.
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(training.folder),
                num_train_epochs=training.epochs,
                per_device_train_batch_size=8,
                learning_rate=1e-5,
                others_lr=5e-5,
                weight_decay=0.01,
                others_weight_decay=0.01,
                lr_scheduler_type="cosine",
                warmup_ratio=0.1,
                max_grad_norm=1.0,
                focal_loss_alpha=-1,
                focal_loss_gamma=0,
                loss_reduction="sum",
                masking="none",
                seed=training.seed,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=[annotated(model, abstract, labels) for abstract in training.abstracts],
            data_collator=model.data_collator_class(
                model.config, data_processor=model.data_processor, prepare_labels=True
            ),
            callbacks=[clock],
        )
        trainer.train()
        model.save_pretrained(training.folder)
        # Prediction takes the labels; the model does not save them.
        (training.folder / LABELS).write_text(json.dumps(labels), encoding="utf-8")
        return Trained(trainer.state.epoch, clock.seconds)

    def load(self, folder: Path) -> None:
        self._model = GLiNER.from_pretrained(str(folder), local_files_only=True)
        self._labels = json.loads((folder / LABELS).read_text(encoding="utf-8"))

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Predict in batches of abstracts."""
        for entities in self._model.inference(texts, self._labels, batch_size=batch_size):
            yield [Entity(found["start"], found["end"], found["label"]) for found in entities]


def annotated(model: GLiNER, abstract: Abstract, labels: List[str]) -> Dict[str, Any]:
    """Return an abstract as GLiNER trains on it: entities count its words, end included."""
    words = list(model.data_processor.words_splitter(abstract.text))
    first_words = {start: number for number, (_, start, _) in enumerate(words)}
    last_words = {end: number for number, (_, _, end) in enumerate(words)}
    return {
        "tokenized_text": [word for word, _, _ in words],
        "ner": [
            [first_words[entity.start], last_words[entity.end], entity.label]
            for entity in abstract.entities
        ],
        "ner_labels": labels,
    }


if __name__ == "__main__":
    serve(Gliner())
