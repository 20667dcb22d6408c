import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Tuple, Type

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from typing_extensions import override

from sept_allennlp.archives.loading import ArchiveError
from sept_allennlp.archives.unpacking import ARCHIVE_NAME
from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands.annotate import Annotate
from sept_runtime.commands.arguments import number_of
from sept_runtime.options import PROBABILITY, Kind

if TYPE_CHECKING:
    from sept_runtime.corpus.prediction import ShardPredictor


@Subcommand.register("sept-annotate")
class SeptAnnotate(SeptSubcommand, Annotate):
    """
    The command `sept annotate` for archives, which can use GPUs. It accepts exported models, too.

    Registered as a `Subcommand` with name "sept-annotate".
    """

    description = (
        "Annotate a corpus of any size with the entities that 'allennlp predict' finds. After an "
        "interruption, the same command continues."
    )
    errors = (*Annotate.errors, ArchiveError, ConfigurationError)

    @override
    def _add_model(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model", help="the archive of a model, the folder of its training, or an exported model"
        )
        parser.add_argument(
            "-o",
            "--overrides",
            default="",
            help="overrides of the archive's configuration, as JSON",
        )

    @override
    def _add_workers(self, group: argparse._ArgumentGroup) -> None:
        super()._add_workers(group)
        group.add_argument(
            "--gpus-per-actor",
            type=number_of(
                Kind(
                    "between 0 and 1, because a model runs on one GPU",
                    PROBABILITY.accepts,
                )
            ),
            default=0.0,
            metavar="N",
            help="the GPUs of each worker, 1 at most; with a fraction, several workers share one "
            "(default = 0)",
        )

    @override
    def _model(
        self, args: argparse.Namespace
    ) -> "Tuple[str, Type[ShardPredictor], Dict[str, Any]]":
        options = {"overrides": args.overrides, "packages": tuple(args.include_package)}
        model = Path(args.model)
        if model.is_dir() and (model / ARCHIVE_NAME).is_file():
            # The folder of a training has checkpoints as well, which the workers do not need.
            args.model = str(model / ARCHIVE_NAME)
        elif model.is_dir():
            # Its workers import neither PyTorch nor AllenNLP.
            path, predictor_class, _ = super()._model(args)
            return path, predictor_class, options
        from sept_allennlp.corpus import ArchiveShardPredictor

        return str(cached_path(args.model)), ArchiveShardPredictor, options
