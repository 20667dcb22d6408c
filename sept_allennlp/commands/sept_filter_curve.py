import argparse
from pathlib import Path
from typing import List, Tuple

import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.util import int_to_device
from allennlp.data.data_loaders import MultiProcessDataLoader

from sept_allennlp.archives.loading import ArchiveError, load_archive
from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.models.span_filter import SpanFilterModel
from sept_allennlp.training.metrics.filter_curve import CurvePoint, write_curve
from sept_runtime.documents import DocumentError


@Subcommand.register("sept-filter-curve")
class SeptFilterCurve(SeptSubcommand):
    """
    The command `allennlp sept-filter-curve FILTER.tar.gz DATA --output STEM`.

    It draws the paper's Figure 3, a span filter's recall and filtration rate against its threshold,
    as `STEM.png`, `STEM.svg` and `STEM.csv`.

    Registered as a `Subcommand` with name "sept-filter-curve".
    """

    requires_plugins = False
    description = "Draw a span filter's recall and filtration rate against its threshold."
    errors = (ArchiveError, ConfigurationError, DocumentError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the filter's archive, the data, and the figure's path."""
        parser.add_argument("archive", help="the filter's model.tar.gz")
        parser.add_argument(
            "data", help="an annotated file in the format of the filter's training data"
        )
        parser.add_argument(
            "--output",
            type=Path,
            required=True,
            metavar="STEM",
            help="the files to write, STEM.png and others",
        )
        parser.add_argument(
            "--cuda-device", type=int, default=-1, help="the GPU's number (default = the CPU)"
        )
        parser.add_argument(
            "--batch-size",
            type=int,
            default=16,
            help="the number of documents in a batch (default = %(default)s)",
        )

    def run(self, args: argparse.Namespace) -> int:
        """
        Draw the figure.

        # Raises

        `ConfigurationError` for an archive without a filter, a filter whose threshold is unknown,
        and data without entities.
        """
        # Only here: matplotlib takes a second to import.
        from sept_allennlp.experiments.filter_figure import save_filter_figure

        points, threshold = _curve(args)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        table = args.output.with_name(f"{args.output.name}.csv")
        write_curve(points, table)
        for file in [table, *save_filter_figure(points, threshold, args.output)]:
            print(file)
        return 0


def _curve(args: argparse.Namespace) -> Tuple[List[CurvePoint], float]:
    check_for_gpu(args.cuda_device)
    archive = load_archive(args.archive, cuda_device=args.cuda_device)
    model = archive.model
    if not isinstance(model, SpanFilterModel):
        raise ConfigurationError(
            f"{args.archive}: the archive must hold a span filter, not a {type(model).__name__}"
        )
    # Before the work, since it may be unknown.
    threshold = float(torch.tensor(model.threshold_logit()).sigmoid())
    loader = MultiProcessDataLoader(
        archive.validation_dataset_reader, args.data, batch_size=args.batch_size, quiet=True
    )
    loader.index_with(model.vocab)
    model.count(loader, int_to_device(args.cuda_device))
    if not model.metric.num_gold:
        raise ConfigurationError(f"{args.data}: has no annotated entity")
    points = model.metric.curve()
    at_threshold = model.get_metrics(reset=True)
    print(
        f"at the filter's own threshold, {threshold:.3g}: recall "
        f"{at_threshold['recall']:.4f}, filtration rate {at_threshold['filtration_rate']:.4f}; "
        f"at 99% recall: filtration rate {at_threshold['filtration_rate_at_99_recall']:.4f}"
    )
    return points, threshold
