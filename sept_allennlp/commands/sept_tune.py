import argparse
import json
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands.arguments import positive_int
from sept_runtime.errors import needs_extra


@Subcommand.register("sept-tune")
class SeptTune(SeptSubcommand):
    """
    Command that searches for the best values of a configuration's options.

    `allennlp sept-tune CONFIG.jsonnet SPACE.json -s STUDY --trials 30` runs an Optuna study, which
    the same command resumes. See docs/experiments.md.

    Registered as a `Subcommand` with name "sept-tune".
    """

    description = (
        "Search for the best values of a configuration's options with Optuna. The same command "
        "resumes a study."
    )
    errors = (ConfigurationError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("config", type=Path, help="the training configuration")
        parser.add_argument(
            "space",
            type=Path,
            help="a JSON file: for each option a list of choices, or a range such as "
            '{"low": 1e-5, "high": 1e-3, "log": true}',
        )
        parser.add_argument(
            "-s",
            "--serialization-dir",
            type=Path,
            required=True,
            help="the folder of the study and its trainings",
        )
        parser.add_argument(
            "--trials",
            type=positive_int,
            default=20,
            help="the number of trials, earlier ones included (default = %(default)s)",
        )
        parser.add_argument(
            "--folds",
            type=int,
            default=0,
            help="score each trial by its mean over this number of folds of SEPT_DATA (default = "
            "the configuration's own split)",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        try:
            # Only here: it is an extra, and takes a second to import.
            from sept_allennlp.experiments.tune import read_space, tune
        except ModuleNotFoundError as error:
            raise ConfigurationError(f"{needs_extra('tuning', 'tune')} ({error})") from None
        packages = list(dict.fromkeys(["sept_allennlp", *args.include_package]))
        space = read_space(args.space)
        root = args.serialization_dir
        values = tune(args.config, space, root, args.trials, args.folds, _print_line, packages)
        print(f"allennlp train {args.config} -o '{json.dumps(values)}'")
        return 0


def _print_line(line: str) -> None:
    print(line, flush=True)
