"""The measurements of all peers, in order."""

import argparse
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

from benchmarks.peers.corpus import read_abstracts
from benchmarks.peers.environments import Environments, site_packages_mb, versions
from benchmarks.peers.results import Results
from benchmarks.peers.trainings import Trainings
from benchmarks.peers.workers import ENCODER, OURS, PEERS, PeerInfo, Worker, cold_start

BATCH_SIZES = (1, 32)


class Comparison:
    """
    Measures the figures of the peers that `results` lacks.

    # Parameters

    arguments : `argparse.Namespace`
        As the command `benchmarks.peers.run` takes them; its paths are absolute.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        work: Path = arguments.work
        work.mkdir(parents=True, exist_ok=True)
        train, dev = (arguments.data / f"{split}.json" for split in ("train", "dev"))
        abstracts = read_abstracts(dev)[: arguments.abstracts]
        num_train = len(read_abstracts(train)[: arguments.abstracts])
        self._texts = [abstract.text for abstract in abstracts]
        self._peers = [
            peer for peer in (OURS, *PEERS) if not arguments.only or peer.name in arguments.only
        ]
        settings = {
            "train_abstracts": num_train,
            "dev_abstracts": len(abstracts),
            "budget_seconds": arguments.budget_minutes * 60,
        }
        self._results = Results(work, settings, self._peers)
        self._environments = Environments(arguments.environments, work)
        self._trainings = Trainings(
            arguments, train, num_train, abstracts, self._results, self._environments
        )
        self.failed: List[str] = []

    @property
    def results(self) -> Dict[str, Any]:
        return self._results.everything

    def run(self) -> None:
        """Measure everything. A peer that fails is left out of the rest and named in `failed`."""
        trainings, seeds = self._trainings, self._arguments.seeds
        self._each(self._make_environment)
        self._each(trainings.choose_epoch)
        for round_ in range(self._arguments.epoch_repeats):
            self._each(partial(trainings.measure_epoch, round_))
        self._each(partial(trainings.train_equally_long, seeds[0]))
        self._measure_predictions()
        for round_ in range(self._arguments.repeats):
            self._each(partial(self._measure_cold_start, round_))
        for seed in seeds[1:]:
            self._each(partial(trainings.train_equally_long, seed))
        # Last, because it takes longest.
        for seed in seeds:
            self._each(partial(trainings.train_as_recommended, seed))

    def _each(self, measure: Callable[[PeerInfo], None]) -> None:
        for peer in list(self._peers):
            try:
                measure(peer)
            except (ChildProcessError, subprocess.CalledProcessError) as error:
                log = self._environments.log(peer)
                print(f"{error} (its log: {log})", file=sys.stderr, flush=True)
                self._peers.remove(peer)
                self.failed.append(peer.name)

    def _make_environment(self, peer: PeerInfo) -> None:
        self._environments.make(peer)
        figures = self._results.of(peer)
        if "environment_mb" not in figures:
            python = self._environments.python(peer)
            figures["versions"] = versions(python, peer.packages)
            figures["environment_mb"] = site_packages_mb(python)
            self._results.keep(f"environment of {figures['environment_mb']:.0f} MB", peer)

    def _model(self, peer: PeerInfo) -> str:
        """Return the model for measurements of time and memory."""
        if peer is ENCODER:
            return str(self._arguments.encoder)
        return str(self._trainings.model(peer, "equal", self._arguments.seeds[0]))

    def _measure_predictions(self) -> None:
        """Measure predictions. All peers stay loaded and predict in turn, after a short warm-up."""
        repeats = self._arguments.repeats
        # Times are relative to the encoder in batches of one; larger ones are slower by padding.
        encoder = {"1": self.results.setdefault("encoder_alone", [])}
        runs_of = {ENCODER.name: encoder}
        for peer in self._peers:
            runs_of[peer.name] = self._results.of(peer).setdefault(
                "predictions", {str(size): [] for size in BATCH_SIZES}
            )
        if all(len(runs) >= repeats for sizes in runs_of.values() for runs in sizes.values()):
            return
        workers: Dict[str, Worker] = {}
        with ExitStack() as loaded:

            def start(peer: PeerInfo) -> None:
                worker = loaded.enter_context(self._environments.worker(peer))
                workers[peer.name] = worker
                worker.ask("load", folder=self._model(peer))
                worker.ask("predict", texts=self._texts[:4], batch_size=4)

            def predict(round_: int, size: int, peer: PeerInfo) -> None:
                runs = runs_of[peer.name].get(str(size))
                if runs is not None and len(runs) <= round_:
                    run = workers[peer.name].ask("predict", texts=self._texts, batch_size=size)
                    del run["entities"]
                    runs.append(run)
                    rate = len(self._texts) / run["seconds"]
                    self._results.keep(f"batches of {size}: {rate:.1f} abstracts/s", peer)

            start(ENCODER)
            self._each(start)
            for round_ in range(repeats):
                predict(round_, 1, ENCODER)
                for size in BATCH_SIZES:
                    self._each(partial(predict, round_, size))

    def _measure_cold_start(self, round_: int, peer: PeerInfo) -> None:
        starts = self._results.of(peer).setdefault("cold_starts", [])
        if len(starts) <= round_:
            environments = self._environments
            python, log = environments.python(peer), environments.log(peer)
            starts.append(cold_start(peer, python, log, self._model(peer), self._texts[0]))
            self._results.keep(f"cold start in {starts[-1]:.1f} s", peer)
