import argparse
import functools
import os
import signal
from pathlib import Path
from typing import Any

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import SigTermReceived
from typing_extensions import override

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.training.config_defaults import config_variables
from sept_runtime.commands.arguments import number_of, positive_int
from sept_runtime.options import Kind


@Subcommand.register("sept-suite")
class SeptSuite(SeptSubcommand):
    """
    Command that trains all runs of a suite.

    `allennlp sept-suite SUITE.jsonnet -s RUNS` trains every run with every seed, into
    `RUNS/NAME/SEED`. The same command resumes what an interruption left unfinished. See
    docs/experiments.md.

    Registered as a `Subcommand` with name "sept-suite".
    """

    description = (
        "Train all runs of a suite with several seeds. Finished runs are kept, interrupted ones "
        "resumed."
    )
    errors = (ConfigurationError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("suite", type=Path, help="the suite's jsonnet file")
        parser.add_argument(
            "-s",
            "--serialization-dir",
            type=Path,
            required=True,
            help="the folder of all runs; each run gets NAME/SEED in it",
        )
        parser.add_argument(
            "--seeds",
            type=int,
            nargs="+",
            default=[13370, 13371, 13372],
            help="the values of SEPT_SEED (default = 13370 13371 13372)",
        )
        parser.add_argument("--runs", nargs="+", default=[], help="train only these runs")
        parser.add_argument(
            "--folds",
            type=number_of(
                Kind(
                    "2 or more, or 0 for none",
                    lambda value: isinstance(value, int) and value >= 0 and value != 1,
                )
            ),
            help="cross-validation: split the documents of SEPT_DATA's train.json and dev.json "
            "into this many folds, and train each run once without each fold, into "
            "NAME/SEED/fold_K_of_N (default = the suite's own number; 0 = none)",
        )
        parser.add_argument(
            "--jobs",
            type=positive_int,
            help="the number of trainings that run at once (default = one for each GPU, or one for "
            "every four cores)",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="train nothing: print the status of each training, check that the encoders can be "
            "loaded, time some updates of each run, and estimate the hours",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Only here: every start of AllenNLP imports this file.
        from sept_allennlp.experiments.cost import estimate_cost
        from sept_allennlp.experiments.folds import write_folds
        from sept_allennlp.experiments.runner import (
            Runner,
            default_jobs,
            share_devices,
            visible_devices,
        )
        from sept_allennlp.experiments.training import read_trainings, train_command

        root = args.serialization_dir
        trainings = read_trainings(args.suite, root, args.seeds, args.runs, args.folds)
        if trainings[0].fold and not args.dry_run:
            write_folds(config_variables()["SEPT_DATA"], root, trainings[0].fold.of)
        # The trainings are processes of their own and need the same packages.
        packages = list(dict.fromkeys(["sept_allennlp", *args.include_package]))
        jobs = args.jobs or default_jobs(os.environ)
        runner = Runner(
            trainings,
            share_devices(jobs, visible_devices(os.environ)),
            command=functools.partial(train_command, packages=packages),
        )
        if args.dry_run:
            return estimate_cost(args.suite, runner.survey(), jobs, print)
        # nohup ignores the signal, and that should stay so. Windows has none.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, _stop)
        try:
            return 0 if runner.run() else 1
        except (KeyboardInterrupt, SigTermReceived):
            return 130


def _stop(*_: Any) -> None:
    # As AllenNLP does for SIGTERM.
    raise SigTermReceived
