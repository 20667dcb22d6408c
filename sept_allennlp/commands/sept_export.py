import argparse
import importlib.util
from pathlib import Path
from typing import List, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common.file_utils import cached_path
from typing_extensions import override

from sept_allennlp.archives.loading import ArchiveError
from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.documents import Document, DocumentError
from sept_runtime.errors import ExportedModelError, needs_extra
from sept_runtime.formats.inputs import read_requests


@Subcommand.register("sept-export")
class SeptExport(SeptSubcommand):
    """
    Command that writes a trained model as a folder that predicts without PyTorch and AllenNLP.

    `sept predict --model exported/` and `sept_runtime.load("exported/")` use the folder.

    Registered as a `Subcommand` with name "sept-export".
    """

    description = (
        "Export a trained model as a folder that predicts without PyTorch and AllenNLP, by "
        "'sept predict'. The predictions of the folder and of the archive are compared."
    )
    errors = (ArchiveError, ExportedModelError, DocumentError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("archive", help="the model.tar.gz, or the folder of its training")
        parser.add_argument("folder", type=Path, help="the folder to write")
        parser.add_argument(
            "--check",
            metavar="FILE",
            help="compare the predictions of archive and export for these documents, JSON lines as "
            "for 'allennlp predict' (default = a few built-in texts)",
        )
        smaller = parser.add_mutually_exclusive_group()
        smaller.add_argument(
            "--int8",
            metavar="FILE",
            help="also write the encoder in int8, for 'sept predict --precision int8'; FILE "
            "holds a hundred or more texts like those to predict, in the format of --check",
        )
        smaller.add_argument(
            "--compact",
            action="store_true",
            help="write word embeddings in int8 and all other weights in float16, a third of the "
            "space; everything is computed in float32",
        )
        parser.add_argument(
            "--archive-float16",
            metavar="FILE",
            type=Path,
            help="also write the archive with its weights in float16, half the space, to this "
            "model.tar.gz",
        )
        parser.add_argument(
            "--force", action="store_true", help="replace the exported model in the folder"
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        if importlib.util.find_spec("onnxscript") is None:
            raise ExportedModelError(needs_extra("exporting", "export"))
        # Imported here because AllenNLP imports this module at every start.
        from sept_allennlp.export import export
        from sept_allennlp.export.float16_archive import write_float16_archive

        documents, texts = _read(args.check), _read(args.int8)
        archive = Path(cached_path(args.archive))
        agreement = export(archive, args.folder, documents, args.force, texts, compact=args.compact)
        print(f"{args.folder}: {agreement}")
        if args.archive_float16 is not None:
            write_float16_archive(archive, args.archive_float16)
            size = args.archive_float16.stat().st_size / 2**20
            print(f"{args.archive_float16}: {size:.1f} MiB")
        return 0


def _read(path: Optional[str]) -> Optional[List[Document]]:
    return None if path is None else list(read_requests(path))
