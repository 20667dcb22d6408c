import argparse
import importlib.util
from pathlib import Path
from typing import List, Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common.file_utils import cached_path

from sept_allennlp.archives.loading import ArchiveError
from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.inputs import read_requests
from sept_runtime.onnx import ExportedModelError


@Subcommand.register("sept-export")
class SeptExport(SeptSubcommand):
    """
    `allennlp sept-export model.tar.gz exported/` writes a trained model as a folder that predicts
    without PyTorch and AllenNLP (`sept predict --model exported/`,
    `sept_runtime.load("exported/")`), after it has compared the two; see `sept_allennlp.export`.

    Registered as a `Subcommand` with name "sept-export".
    """

    description = (
        "Export a trained model as a folder that predicts without PyTorch and AllenNLP, by "
        "'sept predict'."
    )
    errors = (ArchiveError, ExportedModelError, DocumentError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The archive, the folder, and what they are compared on."""
        parser.add_argument("archive", help="the model's archive")
        parser.add_argument("folder", type=Path, help="the folder to write")
        parser.add_argument(
            "--check",
            metavar="FILE",
            help="documents to compare the archive and the export on, one JSON object a line as "
            "for 'allennlp predict' (default = a few of our own)",
        )
        parser.add_argument(
            "--int8",
            metavar="FILE",
            help="write the encoder in int8, too, for 'sept predict --precision int8'; it is "
            "calibrated on FILE: a hundred texts or more like those to predict, as for --check",
        )
        parser.add_argument(
            "--force", action="store_true", help="replace an exported model of that name"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Exports, and prints how well the two agree."""
        if importlib.util.find_spec("onnxscript") is None:
            raise ExportedModelError(
                "Exporting needs the extra 'export': pip install 'sept_allennlp[export]'."
            )
        # What it needs is imported when the command runs, and not at every start of AllenNLP.
        from sept_allennlp.export import export

        documents, texts = _read(args.check), _read(args.int8)
        agreement = export(cached_path(args.archive), args.folder, documents, args.force, texts)
        print(f"{args.folder}: {agreement}")
        return 0


def _read(path: Optional[str]) -> Optional[List[Document]]:
    return None if path is None else list(read_requests(path))
