"""
spaCy's `spancat` on a transformer: every span of up to twelve of spaCy's tokens is classified from
the mean and the maximum of its tokens.

The configuration is what `spacy init config --lang en --pipeline spancat --optimize accuracy --gpu`
writes (https://spacy.io/usage/training#quickstart, https://spacy.io/api/spancategorizer), made by
the same code, but for the encoder's name, the suggester's sizes (1 to 12; it says 1 to 3) and the
length of the training. That is 20000 updates, or until 1600 in a row have brought nothing: hundreds
of epochs of a data set as small as SciERC. Where there is time for fewer updates, the learning rate
rises and falls within those in the same proportions; as it stands it would hardly have risen.

A text is a whole abstract.
"""

import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import spacy
import spacy.cli  # for init_config
import spacy_transformers  # noqa: F401 (or it is imported, once, when the training has begun)
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches, train
from spacy.util import registry, resolve_dot_names
from thinc.api import Config

from benchmarks.peers.corpus import Abstract, Entity
from benchmarks.peers.peer import Peer, Trained, Training, serve

MAX_SPAN_WIDTH = 12


class Enough(Exception):
    """Raised to end spaCy's training, which then saves the model."""


class Updates:
    """
    Counts and times updates, and ends the training after a number of updates or at the deadline.
    """

    def __init__(self) -> None:
        self.number = 0
        self.limit = 0
        self.deadline: Optional[float] = None
        self._first = self._second = self._now = 0.0

    def __call__(self, nlp: Language, info: Dict[str, Any]) -> None:
        """Count an update; spaCy calls this before each one."""
        self._now = time.monotonic()
        late = self.deadline is not None and self._now >= self.deadline
        if info["step"] == 0:
            self._first = self._now
        if info["step"] == 1:
            self._second = self._now
        if late or info["step"] == self.limit:
            raise Enough
        self.number = info["step"] + 1

    @property
    def seconds(self) -> float:
        """Return the time of the updates, without spaCy's evaluation and saving after the first."""
        if self.number < 2:
            return self._now - self._first
        return (self._now - self._second) * self.number / (self.number - 1)


updates = Updates()


@registry.callbacks("benchmarks.updates.v1")
def make_updates() -> Callable[[Language, Dict[str, Any]], None]:
    return updates


class Spancat(Peer):
    def train(self, training: Training) -> Trained:
        nlp = init_nlp(configuration(training))
        updates_per_epoch = count_updates_per_epoch(nlp)
        number = max(1, round(updates_per_epoch * training.epochs))
        settings = nlp.config["training"]
        # nlp.config holds the schedule's settings; train() creates the schedule.
        schedule = settings["optimizer"]["learn_rate"]
        schedule["warmup_steps"] = round(
            schedule["warmup_steps"] / schedule["total_steps"] * number
        )
        schedule["total_steps"] = number
        # spaCy's own limit is one too many.
        settings["max_steps"] = 0
        # Only the last weights count. spaCy still evaluates one abstract after the first update.
        settings["patience"] = 0
        settings["eval_frequency"] = number + 1
        settings["before_update"] = {"@callbacks": "benchmarks.updates.v1"}
        updates.limit, updates.deadline = number, training.deadline
        try:
            train(nlp, training.folder)
        except Enough:
            pass
        return Trained(updates.number / updates_per_epoch, updates.seconds)

    def load(self, folder: Path) -> None:
        self._nlp = spacy.load(folder / "model-last")

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Predict in batches of abstracts."""
        for doc in self._nlp.pipe(texts, batch_size=batch_size):
            yield [
                Entity(span.start_char, span.end_char, span.label_)
                for span in doc.spans[self._nlp.get_pipe("spancat").key]
            ]


def configuration(training: Training) -> Config:
    config = spacy.cli.init_config(lang="en", pipeline=["spancat"], optimize="accuracy", gpu=True)
    corpus = training.folder / "abstracts.spacy"
    spans_key = config["components"]["spancat"]["spans_key"]
    DocBin(docs=annotated(training.abstracts, spans_key)).to_disk(corpus)
    config["paths"]["train"] = config["paths"]["dev"] = str(corpus)
    config["corpora"]["dev"]["limit"] = 1
    config["system"]["seed"] = training.seed
    config["components"]["transformer"]["model"]["name"] = training.encoder
    config["components"]["spancat"]["suggester"] = {
        "@misc": "spacy.ngram_range_suggester.v1",
        "min_size": 1,
        "max_size": MAX_SPAN_WIDTH,
    }
    return config


def annotated(abstracts: List[Abstract], spans_key: str) -> Iterator[Doc]:
    """
    Return the abstracts in spaCy's tokens. Annotated words are whole tokens, so no entity is lost.
    """
    nlp = spacy.blank("en")
    for abstract in abstracts:
        doc = nlp.make_doc(abstract.text)
        doc.spans[spans_key] = [
            doc.char_span(entity.start, entity.end, entity.label) for entity in abstract.entities
        ]
        yield doc


def count_updates_per_epoch(nlp: Language) -> int:
    config = nlp.config.interpolate()
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(config, [settings["train_corpus"]])
    return sum(1 for _ in create_train_batches(nlp, corpus, settings["batcher"], max_epochs=1))


if __name__ == "__main__":
    serve(Spancat())
