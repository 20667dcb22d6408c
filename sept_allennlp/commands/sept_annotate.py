import argparse
import importlib.util
import json
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.common.util import SigTermReceived

from sept_allennlp.archives.loading import ArchiveError
from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands.arguments import add_engine_arguments, positive_int
from sept_runtime.corpus import LINES_PER_SHARD, CorpusError
from sept_runtime.onnx import ExportedModelError


@Subcommand.register("sept-annotate")
class SeptAnnotate(SeptSubcommand):
    """
    `allennlp sept-annotate model.tar.gz corpus/ --output annotated/` annotates a corpus of any size
    on all cores, GPUs or machines there are, and goes on where it was interrupted; see
    `sept_runtime.corpus`.

    Registered as a `Subcommand` with name "sept-annotate".
    """

    description = (
        "Annotate a corpus of any size, with the entities that 'allennlp predict' finds. The "
        "same command after an interruption does the rest."
    )
    errors = (CorpusError, ArchiveError, ExportedModelError, ConfigurationError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The archive, the corpus, the output, and what each worker gets."""
        parser.add_argument(
            "archive", help="the model's archive, or the folder of an exported model"
        )
        parser.add_argument(
            "inputs",
            nargs="+",
            metavar="input",
            help="a file of JSON lines (.jsonl, .jsonl.gz, .jsonl.zst) or a .parquet file, a "
            "folder of such, or a pattern",
        )
        parser.add_argument(
            "--text-column", help="the column of Parquet files that holds the text (default = text)"
        )
        # AllenNLP says the defaults, but those of groups.
        parser.add_argument(
            "--batch-size", type=positive_int, default=32, help="how many documents share a batch"
        )
        parser.add_argument(
            "--progress-seconds", type=float, default=10.0, help="how often to say how far it is"
        )
        parser.add_argument(
            "-o", "--overrides", default="", help="of the archive's configuration, as JSON"
        )
        parser.add_argument(
            "--predictor-args", type=json.loads, default={}, help="as for 'allennlp predict'"
        )
        add_engine_arguments(parser)
        _add_output(parser.add_argument_group("output"))
        _add_workers(parser.add_argument_group("workers"))

    def run(self, args: argparse.Namespace) -> int:
        """
        Gives status 130 after Ctrl-C. That single lines failed is no failure of the run.
        """
        if importlib.util.find_spec("ray") is None:
            raise CorpusError("needs Ray, which comes by: pip install 'ray>=2.60,<3' 'pyarrow>=17'")
        if args.format == "parquet" and args.predictor_args.get("soft_labels") is not None:
            raise CorpusError("soft labels go into JSON lines alone; leave out --format parquet")
        # What it needs is imported when the command runs, and not at every start of AllenNLP.
        from sept_allennlp.corpus import ArchiveShardPredictor
        from sept_runtime.corpus.prediction import ExportedShardPredictor
        from sept_runtime.corpus.run import predict_corpus
        from sept_runtime.corpus.settings import CorpusSettings, ModelSettings

        # A worker of an exported model imports neither PyTorch nor AllenNLP.
        exported = Path(args.archive).is_dir()
        model = ModelSettings.of(
            args.archive if exported else str(cached_path(args.archive)),
            overrides=args.overrides,
            predictor_args=args.predictor_args,
            packages=tuple(args.include_package),
            batch_size=args.batch_size,
            engine=args.engine,
            precision=args.precision,
        )
        settings = CorpusSettings(
            model,
            inputs=tuple(args.inputs),
            output=args.output,
            format=args.format,
            compression=args.compression,
            lines_per_shard=args.shard_size,
            text_column=args.text_column,
            workers=args.actors,
            cpus=args.cpus_per_actor,
            gpus=args.gpus_per_actor,
            address=args.address,
            progress_seconds=args.progress_seconds,
        )
        try:
            predictor_class = ExportedShardPredictor if exported else ArchiveShardPredictor
            counts = predict_corpus(settings, _report, predictor_class)
        except (KeyboardInterrupt, SigTermReceived):
            print(f"{self.name}: stopped; the same command goes on from here", file=sys.stderr)
            return 130
        print(f"{args.output}: {counts}, in {counts.shards:,} shards", file=sys.stderr)
        if counts.failed:
            print(f"The lines that failed are listed in {args.output / 'errors'}.", file=sys.stderr)
        return 0


# argparse has no public name for it.
_Group = argparse._ArgumentGroup


def _add_output(group: _Group) -> None:
    group.add_argument(
        "--output", type=Path, required=True, help="the folder for the annotated documents"
    )
    group.add_argument(
        "--format", choices=["jsonl", "parquet"], default="jsonl", help="(default = jsonl)"
    )
    group.add_argument(
        "--compression", choices=["gz", "zst", "none"], default="gz", help="(default = gz)"
    )
    group.add_argument(
        "--shard-size",
        type=positive_int,
        default=LINES_PER_SHARD,
        help=f"the most documents of an output file (default = {LINES_PER_SHARD})",
    )


def _add_workers(group: _Group) -> None:
    group.add_argument(
        "--actors",
        type=positive_int,
        help="how many processes hold a model (default = as many as there are cores, or GPUs, and "
        "memory for)",
    )
    group.add_argument("--cpus-per-actor", type=_positive_share, default=1.0, help="(default = 1)")
    group.add_argument(
        "--gpus-per-actor",
        type=_share_of_one,
        default=0.0,
        help="may be a fraction, then several share a GPU (default = 0)",
    )
    group.add_argument(
        "--address",
        help="of a Ray cluster, or 'auto' on one of its machines (default = this machine alone)",
    )


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    if number > 1 and number != int(number):
        raise argparse.ArgumentTypeError("must be a fraction of one, or a whole number")
    return number


def _share_of_one(text: str) -> float:
    number = _share(text)
    if number > 1:
        raise argparse.ArgumentTypeError("must be 1 at most: a model runs on one GPU")
    return number


def _positive_share(text: str) -> float:
    number = _share(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number
