import argparse
import sys
from pathlib import Path

from typing_extensions import override

from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.errors import ExportedModelError


class Models(Command):
    """Command that lists the installed models."""

    name = "models"
    description = "List the models that are installed, with the scores in their model cards."

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        pass

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing it here keeps other commands light.
        from sept_runtime.models import installed_models, key_figures

        models = installed_models()
        if not models:
            print("No model is installed.", file=sys.stderr)
        for model in models.values():
            print(f"{model.name} {model.version}  {model.folder}")
            for row in key_figures(model.card) or ["The model card has no scores."]:
                print(f"  {row}")
        return 0


class Package(Command):
    """Command that makes an installable package of an exported model."""

    name = "package"
    description = "Make a wheel of an exported model, for 'pip install'."
    errors = (DocumentError, ExportedModelError, OSError, ValueError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder of the exported model")
        parser.add_argument(
            "--name", required=True, help="the model's name, as in 'sept predict --model NAME'"
        )
        parser.add_argument(
            "--package-version",
            default="1.0.0",
            metavar="VERSION",
            help="the package's version (default = %(default)s)",
        )
        parser.add_argument("--summary", default="", help="one line about the model")
        parser.add_argument(
            "-o",
            "--output",
            type=Path,
            default=Path("dist"),
            help="the folder to write the wheel into (default = %(default)s)",
        )
        parser.add_argument(
            "--source",
            action="store_true",
            help="write the package's source, for 'pip install FOLDER', as the folder --output "
            "instead of a wheel",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing it here keeps other commands light.
        from sept_runtime.models import ModelPackage

        package = ModelPackage(args.folder, args.name, args.package_version, args.summary)
        written = (package.write_source if args.source else package.write_wheel)(args.output)
        print(written)
        return 0
