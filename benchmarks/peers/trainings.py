"""The trainings of the peers: their length, seeds and scores."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from benchmarks.peers.corpus import Abstract
from benchmarks.peers.environments import Environments
from benchmarks.peers.results import Results
from benchmarks.peers.scoring import strict_scores
from benchmarks.peers.workers import ARCHIVE, OURS, PeerInfo

# The abstracts of a short training that estimates the time of an epoch.
PROBE_ABSTRACTS = 16
# The share of its time that a training plans to use; the rest is a reserve.
PLANNED_SHARE = 0.95
# The share of the planned epochs that a training must reach in its time.
LEAST_REACHED = 0.9
# The share of its time that a training may take, since it is saved after the deadline.
MOST_TAKEN = 1.01
# For the scored predictions, whose time is not measured.
BATCH_SIZE = 32


class Trainings:
    """
    # Parameters

    arguments : `argparse.Namespace`
        As for `Comparison`.
    data : `Path`
        The file to train on.
    num_train : `int`
        How many of its abstracts are used.
    dev : `List[Abstract]`
        What trained models are scored on.
    results : `Results`
    environments : `Environments`
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        data: Path,
        num_train: int,
        dev: List[Abstract],
        results: Results,
        environments: Environments,
    ) -> None:
        self._arguments = arguments
        self._data = data
        self._num_train = num_train
        self._dev = dev
        self._results = results
        self._environments = environments

    def model(self, peer: PeerInfo, name: str, seed: int) -> Path:
        """Return the folder of a trained model."""
        return (self._arguments.work / "models" / f"{peer.name}-{name}-{seed}").resolve()

    def choose_epoch(self, peer: PeerInfo) -> None:
        """
        Choose how many abstracts an epoch is measured on. If a short training shows that an epoch
        would take too long, half, a quarter, ... of the abstracts are used.
        """
        figures = self._results.of(peer)
        if "epoch_abstracts" in figures or peer.trained_by:
            return
        number = min(PROBE_ABSTRACTS, self._num_train)
        probe = self._train(peer, "probe", self._arguments.seeds[0], epochs=1, abstracts=number)
        whole = probe["update_seconds"] * self._num_train / number
        fraction = 1.0
        if whole > self._arguments.epoch_minutes * 60:
            while whole * fraction > self._arguments.fraction_minutes * 60:
                fraction /= 2
        figures["epoch_abstracts"] = max(1, round(self._num_train * fraction))
        figures["epochs"] = []
        self._results.keep(f"an epoch of all abstracts will take about {whole:.0f} s", peer)

    def measure_epoch(self, round_: int, peer: PeerInfo) -> None:
        figures = self._results.of(peer)
        if peer.trained_by or len(figures["epochs"]) > round_:
            return
        seed, abstracts = self._arguments.seeds[0], figures["epoch_abstracts"]
        trained = self._train(peer, "epoch", seed, epochs=1, abstracts=abstracts)
        figures["epochs"].append(trained)
        self._results.keep(f"epoch in {trained['update_seconds']:.1f} s", peer)

    def train_equally_long(self, seed: int, peer: PeerInfo) -> None:
        """
        Train for as many epochs as fit into the time from annotated abstracts to a saved model.
        """
        runs = self._runs(peer, "equal")
        if seed in runs:
            return
        if peer.trained_by:
            run = self._exported(peer, "equal", seed)
        else:
            budget = self._arguments.budget_minutes * 60
            epochs = self._epochs_within(budget, peer)
            run = self._trained_and_scored(peer, "equal", seed, epochs, budget)
            fewer = epochs_to_train_anew(epochs, run, budget)
            if fewer is not None:
                run = self._trained_and_scored(peer, "equal", seed, fewer, budget)
        self._results.of(peer)["equal"].append(run)
        self._results.keep(f"F1 at equal time {run['f1']:.4f} (seed {seed})", peer)

    def train_as_recommended(self, seed: int, peer: PeerInfo) -> None:
        """Train for the recommended number of epochs, if the time allows."""
        if seed in self._runs(peer, "recommended"):
            return
        figures = self._results.of(peer)
        left_out = self._why_left_out(peer)
        if left_out:
            figures["recommended_left_out"] = left_out
            self._results.keep(f"recommended epochs: {left_out}", peer)
            return
        figures.pop("recommended_left_out", None)
        if peer.trained_by:
            run = self._exported(peer, "recommended", seed)
        else:
            run = self._trained_and_scored(peer, "recommended", seed, peer.epochs, None)
        figures["recommended"].append(run)
        self._results.keep(f"F1 with recommended epochs {run['f1']:.4f} (seed {seed})", peer)

    def _runs(self, peer: PeerInfo, name: str) -> Dict[int, Dict[str, Any]]:
        return {run["seed"]: run for run in self._results.of(peer).setdefault(name, [])}

    def _why_left_out(self, peer: PeerInfo) -> str:
        if peer.epochs is None:
            return peer.why_no_epochs
        if peer.trained_by:
            return str(self._results.of(OURS).get("recommended_left_out", ""))
        minutes = self._epoch_seconds(peer) * peer.epochs / 60
        if minutes <= self._arguments.recommended_minutes:
            return ""
        return f"left out: would take about {minutes:.0f} min"

    def _epoch_seconds(self, peer: PeerInfo) -> float:
        """Return the time of an epoch of all abstracts. The slowest repeat counts, to be safe."""
        return max(
            trained["update_seconds"] / trained["abstracts"] * self._num_train / trained["epochs"]
            for trained in self._results.of(peer)["epochs"]
        )

    def _epochs_within(self, seconds: float, peer: PeerInfo) -> float:
        around = max(
            trained["seconds"] - trained["update_seconds"]
            for trained in self._results.of(peer)["epochs"]
        )
        return (seconds * PLANNED_SHARE - around) / self._epoch_seconds(peer)

    def _train(
        self,
        peer: PeerInfo,
        name: str,
        seed: int,
        *,
        epochs: float,
        abstracts: int,
        seconds: Optional[float] = None,
    ) -> Dict[str, Any]:
        folder = self.model(peer, name, seed)
        shutil.rmtree(folder, ignore_errors=True)
        with self._environments.worker(peer) as worker:
            return worker.ask(
                "train",
                data=str(self._data),
                encoder=str(self._arguments.encoder),
                folder=str(folder),
                epochs=epochs,
                abstracts=abstracts,
                seconds=seconds,
                seed=seed,
            )

    def _trained_and_scored(
        self, peer: PeerInfo, name: str, seed: int, epochs: float, seconds: Optional[float]
    ) -> Dict[str, Any]:
        trained = self._train(
            peer, name, seed, epochs=epochs, abstracts=self._num_train, seconds=seconds
        )
        return {"seed": seed, **trained, **self._scores(peer, name, seed)}

    def _exported(self, peer: PeerInfo, name: str, seed: int) -> Dict[str, Any]:
        """
        Export the model that another peer trained, and return the figures of that training with the
        scores of the export.

        # Raises

        `ChildProcessError` if there is no such training.
        """
        trained = self._runs(OURS, name).get(seed)
        if trained is None:
            raise ChildProcessError(
                f"{peer.name} needs the training '{name}' of {peer.trained_by} with seed {seed}: "
                f"measure {peer.trained_by} as well"
            )
        archive, folder = self.model(OURS, name, seed) / ARCHIVE, self.model(peer, name, seed)
        command = [sys.executable, "-m", "allennlp", "sept-export", str(archive), str(folder)]
        self._environments.run(peer, [*command, "--force"])
        return {**trained, **self._scores(peer, name, seed)}

    def _scores(self, peer: PeerInfo, name: str, seed: int) -> Dict[str, float]:
        texts = [abstract.text for abstract in self._dev]
        with self._environments.worker(peer) as worker:
            worker.ask("load", folder=str(self.model(peer, name, seed)))
            found = worker.ask("predict", texts=texts, batch_size=BATCH_SIZE)
        return strict_scores(found["entities"], [abstract.entities for abstract in self._dev])


def epochs_to_train_anew(
    planned: float, trained: Dict[str, Any], budget_seconds: float
) -> Optional[float]:
    """
    Return how many epochs would have fit into the time. Returns None if the training reached nearly
    all planned epochs in time. Otherwise the schedule was cut off, and a new training is needed.
    """
    reached = trained["epochs"] / planned
    in_time = budget_seconds * MOST_TAKEN / trained["seconds"]
    if reached >= LEAST_REACHED and in_time >= 1:
        return None
    return planned * min(reached, in_time) * PLANNED_SHARE
