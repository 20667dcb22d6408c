"""
SEPT of this repository in its own environment: `training_config/sept_minilm.jsonnet` as shipped, 20
epochs, or `sept_minilm_few.jsonnet` for fewer than five (docs/training.md). There is no validation
split: as for the other peers, the last weights are used instead of those of the best epoch.

A text is a whole abstract.
"""

import json
import os
from pathlib import Path
from typing import Any, Dict

from allennlp.commands.train import train_model
from allennlp.common import Params

import sept_allennlp
from benchmarks.peers.annotating import Annotating
from benchmarks.peers.corpus import Abstract
from benchmarks.peers.peer import Trained, Training, serve
from benchmarks.peers.workers import ARCHIVE

CONFIGS = Path(__file__).parents[2] / "training_config"


class Sept(Annotating):
    def train(self, training: Training) -> Trained:
        """Train for a number of updates; there is no deadline."""
        data = training.folder / "data"
        data.mkdir()
        lines = [
            json.dumps({"doc_key": str(number), **in_scierc_format(abstract)})
            for number, abstract in enumerate(training.abstracts)
        ]
        (data / "train.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.environ.update(
            SEPT_ENCODER=training.encoder, SEPT_DATA=str(data), SEPT_SEED=str(training.seed)
        )
        name = "sept_minilm_few" if training.epochs < 5 else "sept_minilm"
        overrides = {"trainer.num_epochs": 1, "validation_data_path": None}
        params = Params.from_file(str(CONFIGS / f"{name}.jsonnet"), json.dumps(overrides))
        loader = params["data_loader"]
        updates = max(1, round(training.epochs * len(lines) / loader["batch_size"]))
        loader["batches_per_epoch"] = updates
        epochs = updates * loader["batch_size"] / len(lines)
        run = (training.folder / ARCHIVE).parent
        train_model(params, str(run))
        # As AllenNLP writes it: 0:01:02.345678.
        duration = json.loads((run / "metrics.json").read_text())["training_duration"]
        hours, minutes, seconds = map(float, duration.split(":"))
        return Trained(epochs, (hours * 60 + minutes) * 60 + seconds)

    def load(self, folder: Path) -> None:
        self._annotator = sept_allennlp.load(folder / ARCHIVE)


def in_scierc_format(abstract: Abstract) -> Dict[str, Any]:
    words = [word for sentence in abstract.sentences for word in sentence]
    first_words = {word.start: number for number, word in enumerate(words)}
    last_words = {word.end: number for number, word in enumerate(words)}
    ner = []
    for sentence in abstract.sentences:
        ner.append(
            [
                [first_words[entity.start], last_words[entity.end], entity.label]
                for entity in abstract.entities
                if sentence[0].start <= entity.start < sentence[-1].end
            ]
        )
    return {
        "sentences": [[word.text for word in sentence] for sentence in abstract.sentences],
        "ner": ner,
    }


if __name__ == "__main__":
    serve(Sept())
