import argparse
import functools
import os
import signal
from pathlib import Path
from typing import Any

from allennlp.commands.subcommand import Subcommand
from allennlp.common.util import SigTermReceived

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.experiments import (
    Runner,
    SuiteError,
    default_jobs,
    read_trainings,
    share_devices,
    train_command,
    visible_devices,
    write_folds,
)
from sept_allennlp.training.config_defaults import config_variables
from sept_runtime.commands.arguments import positive_int


@Subcommand.register("sept-suite")
class SeptSuite(SeptSubcommand):
    """
    `allennlp sept-suite SUITE.jsonnet --serialization-dir RUNS` trains every run of a suite with
    every seed, into `RUNS/NAME/SEED`; see docs/experiments.md. Called again, it goes on with what
    is not finished.

    Registered as a `Subcommand` with name "sept-suite".
    """

    description = (
        "Train all runs of a suite with several seeds. What is finished is kept, what was "
        "interrupted goes on."
    )
    errors = (SuiteError,)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The suite, the folder of its runs, and which of them to train how."""
        parser.add_argument("suite", type=Path, help="the suite's jsonnet file")
        parser.add_argument(
            "-s",
            "--serialization-dir",
            type=Path,
            required=True,
            help="the folder of all runs; each has its own in it, NAME/SEED",
        )
        parser.add_argument(
            "--seeds",
            type=int,
            nargs="+",
            default=[13370, 13371, 13372],
            help="what SEPT_SEED is, one after the other",
        )
        parser.add_argument("--runs", nargs="+", default=[], help="train only these")
        parser.add_argument(
            "--folds",
            type=_folds,
            help="cross-validation: split the documents of SEPT_DATA's train.json and dev.json in "
            "so many folds, and train each run once without each of them, into "
            "NAME/SEED/fold_K_of_N (default = what the suite says; 0 = none)",
        )
        parser.add_argument(
            "--jobs",
            type=positive_int,
            help="how many trainings run at once (default = one a GPU, or one for every four cores "
            "of the processor, which they share)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say where each training stands"
        )

    def run(self, args: argparse.Namespace) -> int:
        """
        Gives status 1 if a training could not be finished, 130 where Ctrl-C, SIGTERM or the end of
        the terminal has stopped them.
        """
        root = args.serialization_dir
        trainings = read_trainings(args.suite, root, args.seeds, args.runs, args.folds)
        if trainings[0].fold and not args.dry_run:
            write_folds(config_variables()["SEPT_DATA"], root, trainings[0].fold.of)
        # The trainings are processes of their own, which know nothing of this one's packages.
        packages = list(dict.fromkeys(["sept_allennlp", *args.include_package]))
        runner = Runner(
            trainings,
            share_devices(args.jobs or default_jobs(os.environ), visible_devices(os.environ)),
            command=functools.partial(train_command, packages=packages),
        )
        if args.dry_run:
            runner.survey()
            return 0
        # Not under nohup, which ignores it. Windows has none.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, _stop)
        try:
            return 0 if runner.run() else 1
        except (KeyboardInterrupt, SigTermReceived):
            return 130


def _stop(*_: Any) -> None:
    # What AllenNLP makes of SIGTERM.
    raise SigTermReceived


def _folds(text: str) -> int:
    number = int(text)
    if number < 0 or number == 1:
        raise argparse.ArgumentTypeError("must be 2 or more, or 0")
    return number
