import argparse
import importlib.util
import json
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.file_utils import cached_path
from allennlp.common.util import SigTermReceived

from sept_allennlp.corpus import LINES_PER_SHARD, CorpusError


@Subcommand.register("sept-annotate")
class SeptAnnotate(Subcommand):
    """
    `allennlp sept-annotate model.tar.gz corpus/ --output annotated/` annotates a corpus of any size
    on all cores, GPUs or machines there are, and goes on where it was interrupted; see
    `sept_allennlp.corpus`.

    Registered as a `Subcommand` with name "sept-annotate".
    """

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        # What it needs is imported when the command runs, and not at every start of AllenNLP.
        description = (
            "Annotate a corpus of any size, with the entities that 'allennlp predict' finds. The "
            "same command after an interruption does the rest."
        )
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument("archive", help="the model's archive")
        subparser.add_argument(
            "inputs",
            nargs="+",
            metavar="input",
            help="a file of JSON lines (.jsonl, .jsonl.gz, .jsonl.zst) or a .parquet file, a "
            "folder of such, or a pattern",
        )
        subparser.add_argument(
            "--output", type=Path, required=True, help="the folder for the annotated documents"
        )
        subparser.add_argument("--format", choices=["jsonl", "parquet"], default="jsonl")
        subparser.add_argument("--compression", choices=["gz", "zst", "none"], default="gz")
        subparser.add_argument(
            "--shard-size",
            type=_positive,
            default=LINES_PER_SHARD,
            help=f"the most documents of an output file (default = {LINES_PER_SHARD})",
        )
        subparser.add_argument(
            "--text-column", help="the column of Parquet files that holds the text (default = text)"
        )
        subparser.add_argument(
            "--actors",
            type=_positive,
            help="how many processes hold a model (default = as many as there are cores, or GPUs, "
            "and memory for)",
        )
        subparser.add_argument(
            "--cpus-per-actor", type=_positive_share, default=1.0, help="(default = 1)"
        )
        subparser.add_argument(
            "--gpus-per-actor",
            type=_share_of_one,
            default=0.0,
            help="may be a fraction, then several share a GPU (default = 0)",
        )
        subparser.add_argument("--batch-size", type=_positive, default=32, help="(default = 32)")
        subparser.add_argument(
            "--address",
            help="of a Ray cluster, or 'auto' on one of its machines (default = this machine "
            "alone)",
        )
        subparser.add_argument(
            "--progress-seconds",
            type=float,
            default=10.0,
            help="how often to say how far it is (default = 10)",
        )
        subparser.add_argument(
            "-o", "--overrides", default="", help="of the archive's configuration, as JSON"
        )
        subparser.add_argument(
            "--predictor-args", type=json.loads, default={}, help="as for 'allennlp predict'"
        )
        subparser.set_defaults(func=annotate_from_args)
        return subparser


def annotate_from_args(args: argparse.Namespace) -> None:
    """
    # Raises

    `SystemExit` with status 1 if the corpus is not annotated completely, 130 after Ctrl-C. That
    single lines failed is no failure of the run.
    """
    if importlib.util.find_spec("ray") is None:
        sys.exit("sept-annotate: needs Ray, which comes by: pip install 'ray[data]>=2.60,<2.64'")
    from sept_allennlp.archives.loading import ArchiveError
    from sept_allennlp.corpus.run import predict_corpus
    from sept_allennlp.corpus.settings import CorpusSettings, ModelSettings

    try:
        model = ModelSettings.of(
            str(cached_path(args.archive)),
            overrides=args.overrides,
            predictor_args=args.predictor_args,
            packages=tuple(args.include_package),
            batch_size=args.batch_size,
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
        counts = predict_corpus(settings, _report)
    except (CorpusError, ArchiveError, OSError) as error:
        sys.exit(f"sept-annotate: {error}")
    except (KeyboardInterrupt, SigTermReceived):
        print("sept-annotate: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    print(f"{args.output}: {counts}, in {counts.shards:,} shards", file=sys.stderr)
    if counts.failed:
        print(f"The lines that failed are listed in {args.output / 'errors'}.", file=sys.stderr)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


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
