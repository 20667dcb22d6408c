"""The work that all peers do, and when each does it."""

import argparse
import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from benchmarks.peers.corpus import Abstract, read_abstracts
from benchmarks.peers.scoring import strict_scores
from benchmarks.peers.surroundings import code_digest, machine, site_packages_mb, versions
from benchmarks.peers.workers import HERE, OURS, PEERS, PeerInfo, Worker, cold_start

SEED = 13370
BATCH_SIZES = (1, 32)
# How many abstracts tell how long an epoch will take.
PROBE_ABSTRACTS = 16
# Of its time, what a training may plan to use: the rest is for what one epoch did not show.
PLANNED_SHARE = 0.95
# Of the epochs planned, what a training must come to before its time is over.
LEAST_REACHED = 0.9
# How much of its time a training may take: a deadline ends it, and then it is to be saved.
MOST_TAKEN = 1.01


class Comparison:
    """
    Measures those figures of the peers that `results` does not have yet.

    # Parameters

    arguments : `argparse.Namespace`
        As the command `benchmarks.peers.run` takes them; its paths are absolute.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._work: Path = arguments.work
        self._work.mkdir(parents=True, exist_ok=True)
        self._data = {split: arguments.data / f"{split}.json" for split in ("train", "dev")}
        self._dev: List[Abstract] = read_abstracts(self._data["dev"])[: arguments.abstracts]
        self._num_train = len(read_abstracts(self._data["train"])[: arguments.abstracts])
        self._peers = [
            peer for peer in (OURS, *PEERS) if not arguments.only or peer.name in arguments.only
        ]
        self.failed: List[str] = []
        path = self._work / "results.json"
        self.results: Dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        here = {
            "machine": machine(),
            "settings": {
                "train_abstracts": self._num_train,
                "dev_abstracts": len(self._dev),
                "budget_seconds": arguments.budget_minutes * 60,
                "seed": SEED,
            },
        }
        if any(self.results.setdefault(name, value) != value for name, value in here.items()):
            raise SystemExit(
                f"{path} has figures of another machine or of other settings: name another --work"
            )
        for peer in self._peers:
            code = code_digest(peer)
            if self._figures(peer).setdefault("code", code) != code:
                print(f"{peer.name}: its code has changed, all of it is measured again")
                self.results["peers"][peer.name] = {"code": code}
            figures = self._figures(peer)
            figures.update(title=peer.title, unit=peer.unit, span_based=peer.span_based)
            figures["recommended_epochs"] = peer.epochs

    def run(self) -> None:
        """Measures. A peer that fails is left out of what follows; `failed` then has its name."""
        self._each(self._make_environment)
        self._each(self._choose_epoch)
        for round_ in range(self._arguments.epoch_repeats):
            self._each(partial(self._measure_epoch, round_))
        self._each(self._train_equally_long)
        self._measure_predictions()
        for round_ in range(self._arguments.repeats):
            self._each(partial(self._measure_cold_start, round_))
        # Takes the longest.
        self._each(self._train_as_recommended)

    def _each(self, measure: Callable[[PeerInfo], None]) -> None:
        for peer in list(self._peers):
            try:
                measure(peer)
            except (ChildProcessError, subprocess.CalledProcessError) as error:
                print(f"{error} (its log: {self._log(peer)})", file=sys.stderr, flush=True)
                self._peers.remove(peer)
                self.failed.append(peer.name)

    def _figures(self, peer: PeerInfo) -> Dict[str, Any]:
        return self.results.setdefault("peers", {}).setdefault(peer.name, {})

    def _keep(self, what: str, peer: PeerInfo) -> None:
        part = self._work / "results.json.part"
        part.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        part.replace(self._work / "results.json")
        print(f"{peer.name}: {what}", flush=True)

    def _python(self, peer: PeerInfo) -> Path:
        if peer is OURS:
            return Path(sys.executable)
        return self._arguments.environments / peer.name / "bin" / "python"

    def _log(self, peer: PeerInfo) -> Path:
        return self._work / f"{peer.name}.log"

    def _worker(self, peer: PeerInfo) -> Worker:
        return Worker(peer, self._python(peer), self._log(peer))

    def _make_environment(self, peer: PeerInfo) -> None:
        python = self._python(peer)
        done = python.parents[1] / "installed"
        requirements = HERE / f"requirements-{peer.name}.txt"
        if peer is not OURS and not (
            done.exists() and done.read_text() == requirements.read_text()
        ):
            print(f"{peer.name}: making its environment ...", flush=True)
            with self._log(peer).open("a", encoding="utf-8") as log:
                for command in (
                    [sys.executable, "-m", "venv", "--clear", str(python.parents[1])],
                    [str(python), "-m", "pip", "install", "-r", str(requirements)],
                ):
                    subprocess.run(command, check=True, stdout=log, stderr=log)
            done.write_text(requirements.read_text())
        figures = self._figures(peer)
        if "environment_mb" not in figures:
            figures["versions"] = versions(python, peer.packages)
            figures["environment_mb"] = site_packages_mb(python)
            self._keep(f"environment of {figures['environment_mb']:.0f} MB", peer)

    def _train(
        self,
        peer: PeerInfo,
        name: str,
        *,
        epochs: float,
        abstracts: int,
        seconds: Optional[float] = None,
    ) -> Dict[str, Any]:
        folder = self._model(peer, name)
        shutil.rmtree(folder, ignore_errors=True)
        with self._worker(peer) as worker:
            return worker.ask(
                "train",
                data=str(self._data["train"]),
                encoder=str(self._arguments.encoder),
                folder=str(folder),
                epochs=epochs,
                abstracts=abstracts,
                seconds=seconds,
                seed=SEED,
            )

    def _model(self, peer: PeerInfo, name: str) -> Path:
        return (self._work / "models" / f"{peer.name}-{name}").resolve()

    def _choose_epoch(self, peer: PeerInfo) -> None:
        """
        A peer whose epoch would take too long, which a short training says, sees a half, a quarter,
        ... of the abstracts.
        """
        figures = self._figures(peer)
        if "epoch_abstracts" in figures:
            return
        number = min(PROBE_ABSTRACTS, self._num_train)
        probe = self._train(peer, "probe", epochs=1, abstracts=number)
        whole = probe["update_seconds"] * self._num_train / number
        fraction = 1.0
        if whole > self._arguments.epoch_minutes * 60:
            while whole * fraction > self._arguments.fraction_minutes * 60:
                fraction /= 2
        figures["epoch_abstracts"] = max(1, round(self._num_train * fraction))
        figures["epochs"] = []
        self._keep(f"an epoch of all abstracts will take about {whole:.0f} s", peer)

    def _measure_epoch(self, round_: int, peer: PeerInfo) -> None:
        figures = self._figures(peer)
        if len(figures["epochs"]) <= round_:
            trained = self._train(peer, "epoch", epochs=1, abstracts=figures["epoch_abstracts"])
            figures["epochs"].append(trained)
            self._keep(f"epoch in {trained['update_seconds']:.1f} s", peer)

    def _epoch_seconds(self, peer: PeerInfo) -> float:
        """Of all abstracts; the slowest of the repeats, to be on the safe side."""
        epochs = self._figures(peer)["epochs"]
        return max(
            trained["update_seconds"] / trained["abstracts"] * self._num_train / trained["epochs"]
            for trained in epochs
        )

    def _train_equally_long(self, peer: PeerInfo) -> None:
        """As many epochs as fit into the time, from annotated abstracts to a saved model."""
        figures = self._figures(peer)
        if "equal" in figures:
            return
        budget = self._arguments.budget_minutes * 60
        around = max(
            trained["seconds"] - trained["update_seconds"] for trained in figures["epochs"]
        )
        epochs = (budget * PLANNED_SHARE - around) / self._epoch_seconds(peer)
        if peer is OURS:
            epochs = max(1, int(epochs))
        equal = self._trained_and_scored(peer, "equal", epochs, budget)
        fewer = epochs_to_train_anew(epochs, equal, budget)
        if fewer is not None:
            equal = self._trained_and_scored(peer, "equal", fewer, budget)
        figures["equal"] = equal
        self._keep(f"F1 at equal time {figures['equal']['f1']:.4f}", peer)

    def _train_as_recommended(self, peer: PeerInfo) -> None:
        figures = self._figures(peer)
        if "f1" in figures.get("recommended", {}):
            return
        if peer.epochs is None:
            figures["recommended"] = {"left_out": peer.why_no_epochs}
        else:
            minutes = self._epoch_seconds(peer) * peer.epochs / 60
            if minutes > self._arguments.recommended_minutes:
                why = f"left out: would take about {minutes:.0f} min"
                figures["recommended"] = {"left_out": why}
            else:
                figures["recommended"] = self._trained_and_scored(
                    peer, "recommended", peer.epochs, None
                )
        self._keep(f"recommended epochs: {figures['recommended']}", peer)

    def _trained_and_scored(
        self, peer: PeerInfo, name: str, epochs: float, seconds: Optional[float]
    ) -> Dict[str, Any]:
        trained = self._train(peer, name, epochs=epochs, abstracts=self._num_train, seconds=seconds)
        with self._worker(peer) as worker:
            worker.ask("load", folder=str(self._model(peer, name)))
            found = worker.ask("predict", texts=self._texts(), batch_size=max(BATCH_SIZES))
        gold = [abstract.entities for abstract in self._dev]
        return {**trained, **strict_scores(found["entities"], gold)}

    def _texts(self) -> List[str]:
        return [abstract.text for abstract in self._dev]

    def _measure_predictions(self) -> None:
        """All peers stay loaded and predict in turn; each has predicted a little before."""
        repeats = self._arguments.repeats
        for peer in self._peers:
            self._figures(peer).setdefault("predictions", {str(size): [] for size in BATCH_SIZES})
        if all(
            len(runs) >= repeats
            for peer in self._peers
            for runs in self._figures(peer)["predictions"].values()
        ):
            return
        workers: Dict[str, Worker] = {}
        with ExitStack() as loaded:

            def start(peer: PeerInfo) -> None:
                workers[peer.name] = loaded.enter_context(self._worker(peer))
                workers[peer.name].ask("load", folder=str(self._model(peer, "equal")))
                workers[peer.name].ask("predict", texts=self._texts()[:4], batch_size=4)

            def predict(round_: int, size: int, peer: PeerInfo) -> None:
                runs = self._figures(peer)["predictions"][str(size)]
                if len(runs) <= round_:
                    run = workers[peer.name].ask("predict", texts=self._texts(), batch_size=size)
                    del run["entities"]
                    runs.append(run)
                    rate = len(self._dev) / run["seconds"]
                    self._keep(f"batches of {size}: {rate:.1f} abstracts/s", peer)

            self._each(start)
            for round_ in range(repeats):
                for size in BATCH_SIZES:
                    self._each(partial(predict, round_, size))

    def _measure_cold_start(self, round_: int, peer: PeerInfo) -> None:
        starts = self._figures(peer).setdefault("cold_starts", [])
        if len(starts) <= round_:
            folder = str(self._model(peer, "equal"))
            text = self._texts()[0]
            starts.append(cold_start(peer, self._python(peer), self._log(peer), folder, text))
            self._keep(f"cold start in {starts[-1]:.1f} s", peer)


def epochs_to_train_anew(
    planned: float, trained: Dict[str, Any], budget_seconds: float
) -> Optional[float]:
    """
    Returns None if a training came to nearly all epochs planned, in time; else how many it would
    have come to: the epoch measured before was no measure of these, so the schedule was cut off.
    """
    reached = trained["epochs"] / planned
    in_time = budget_seconds * MOST_TAKEN / trained["seconds"]
    if reached >= LEAST_REACHED and in_time >= 1:
        return None
    return planned * min(reached, in_time) * PLANNED_SHARE
