import argparse
import importlib.util
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Dict, NoReturn, Optional, Tuple, Type

from typing_extensions import override

from sept_runtime.commands.arguments import (
    add_decoding_arguments,
    add_engine_arguments,
    add_record_arguments,
    decoding_arguments,
    number_of,
    positive_int,
    probability,
    record_fields,
)
from sept_runtime.commands.command import Command
from sept_runtime.corpus import LINES_PER_SHARD
from sept_runtime.errors import CorpusError, ExportedModelError, needs_extra
from sept_runtime.options import Kind

if TYPE_CHECKING:
    from sept_runtime.corpus.output_folder import Counts, OutputFolder
    from sept_runtime.corpus.prediction import ShardPredictor


class Annotate(Command):
    """
    Command that annotates a corpus of any size on all cores or machines.

    It continues after an interruption. See `sept_runtime.corpus`.
    """

    name = "annotate"
    description = (
        "Annotate a corpus of any size with the entities that 'sept predict' finds. After an "
        "interruption, the same command continues."
    )
    errors: ClassVar[Tuple[Type[Exception], ...]] = (CorpusError, ExportedModelError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        self._add_model(parser)
        parser.add_argument(
            "inputs",
            nargs="+",
            metavar="input",
            help="a file of any format that 'sept predict' reads, plain or compressed, a folder of "
            "such files, or a pattern",
        )
        # In groups, because AllenNLP adds the defaults to the help of other arguments.
        add_record_arguments(parser)
        prediction = parser.add_argument_group("prediction")
        prediction.add_argument(
            "--batch-size",
            type=positive_int,
            default=32,
            help="the number of documents in a batch (default = 32)",
        )
        add_engine_arguments(prediction)
        _add_output_arguments(parser.add_argument_group("output"))
        self._add_workers(parser.add_argument_group("workers"))
        add_decoding_arguments(parser)

    def _add_model(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--model",
            help="the name of an installed model, or the folder of an exported one (default = the "
            "installed model if there is exactly one; 'sept models' lists them)",
        )

    def _add_workers(self, group: argparse._ArgumentGroup) -> None:
        group.add_argument(
            "--actors",
            type=positive_int,
            metavar="N",
            help="the number of workers, each with a model of its own (default = as many as the "
            "machines have cores, GPUs and memory for)",
        )
        group.add_argument(
            "--cpus-per-actor",
            type=number_of(
                Kind(
                    "a number above 0 and at most 1, or a whole number",
                    lambda value: 0 < value and (value <= 1 or float(value).is_integer()),
                )
            ),
            default=1.0,
            metavar="N",
            help="the cores of each worker (default = 1)",
        )
        group.add_argument(
            "--address",
            help="the address of a Ray cluster, or 'auto' on one of its machines (default = this "
            "machine alone)",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        if importlib.util.find_spec("ray") is None or importlib.util.find_spec("pyarrow") is None:
            raise CorpusError(needs_extra("the command", "ray"))
        options = decoding_arguments(args)
        if args.output_format == "parquet":
            missing = {"soft_labels": options.get("soft_labels") is not None, "--keep": args.keep}
            for option, is_given in missing.items():
                if is_given:
                    raise CorpusError(
                        f"--output-format parquet has no column for what {option} adds. Use "
                        f"--output-format jsonl, or leave out {option}."
                    )
        # Imported here, so that other commands start without it.
        from sept_runtime.corpus.formats import suffix
        from sept_runtime.corpus.output_folder import OutputFolder
        from sept_runtime.corpus.run import predict_corpus
        from sept_runtime.corpus.settings import CorpusSettings, ModelSettings

        path, predictor_class, model_options = self._model(args)
        model = ModelSettings.of(
            path,
            predictor_args=options,
            batch_size=args.batch_size,
            engine=args.engine,
            precision=args.precision,
            **model_options,
        )
        settings = CorpusSettings(
            model,
            inputs=tuple(args.inputs),
            output=args.output,
            output_format=args.output_format,
            compression=args.compression,
            lines_per_shard=args.shard_size,
            format=args.format,
            fields=record_fields(args),
            one_per_line=args.one_per_line,
            workers=args.actors,
            cpus=args.cpus_per_actor,
            gpus=getattr(args, "gpus_per_actor", 0.0),
            address=args.address,
            progress_seconds=args.progress_seconds,
        )
        handler = signal.signal(signal.SIGTERM, _interrupt)
        try:
            counts = predict_corpus(settings, _report, predictor_class)
        except KeyboardInterrupt:
            _report(f"{args.output}: stopped. The same command continues from here.")
            return 130
        finally:
            signal.signal(signal.SIGTERM, handler)
        output = OutputFolder(args.output, suffix(args.output_format, args.compression))
        return _result(output, counts, args.max_failed)

    def _model(
        self, args: argparse.Namespace
    ) -> "Tuple[str, Type[ShardPredictor], Dict[str, Any]]":
        """Return the model's path, its predictor and further `ModelSettings`."""
        from sept_runtime.corpus.prediction import ExportedShardPredictor
        from sept_runtime.models import find_model

        return str(find_model(args.model)), ExportedShardPredictor, {}


def _result(output: "OutputFolder", counts: "Counts", max_failed: float) -> int:
    """Print the result of a run and return its exit status."""
    _report(f"{output.path}: {counts}, in {counts.shards:,} shards")
    if counts.skipped:
        _report(f"First skipped: {counts.reason}")
    if not counts.failed:
        # A run without any usable document fails, unless the corpus is empty.
        return int(counts.skipped > 0 and not counts.annotated)
    first = output.first_error()
    _report(
        f"The lines that failed are listed in {output.path / 'errors'}. The first is "
        f"{first['file']}, line {first['line']}: {first['error']}"
    )
    failed = counts.failed / counts.read
    if not counts.annotated:
        _report("Nothing could be annotated." if counts.skipped else "All lines failed.")
    elif failed > max_failed:
        _report(
            f"{failed:.1%} of the lines failed, more than --max-failed allows ({max_failed:.1%})."
        )
    else:
        return 0
    return 1


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output", type=Path, required=True, help="the folder for the annotated documents"
    )
    group.add_argument(
        "--output-format",
        choices=["jsonl", "parquet"],
        default="jsonl",
        help="the format of the output (default = jsonl)",
    )
    group.add_argument(
        "--compression",
        choices=["gz", "zst", "none"],
        default="gz",
        help="the compression of the output (default = gz)",
    )
    group.add_argument(
        "--shard-size",
        type=positive_int,
        default=LINES_PER_SHARD,
        metavar="N",
        help=f"the largest number of documents in an output file (default = {LINES_PER_SHARD})",
    )
    group.add_argument(
        "--max-failed",
        type=probability,
        default=0.05,
        metavar="SHARE",
        help="the share of lines that may fail without the exit status becoming 1; if all lines "
        "fail it always is 1 (default = 0.05)",
    )
    group.add_argument(
        "--progress-seconds",
        type=number_of(Kind("a number above 0", lambda value: 0 < value < float("inf"))),
        default=10.0,
        metavar="N",
        help="the seconds between two reports of the progress (default = 10)",
    )


def _interrupt(number: int, frame: Optional[FrameType]) -> NoReturn:
    raise KeyboardInterrupt


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
