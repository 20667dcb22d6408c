import argparse
from typing import TYPE_CHECKING

from allennlp.commands.subcommand import Subcommand

from sept_runtime.commands.command import Command

if TYPE_CHECKING:
    from sept_runtime.commands.command import Subparsers


class SeptSubcommand(Subcommand, Command):
    """Base class for sub-commands of `allennlp`, which messages call by their registered names."""

    def add_subparser(self, parser: "Subparsers") -> argparse.ArgumentParser:
        """Call `add_to`, which AllenNLP knows by this name."""
        return self.add_to(parser, called=self.name)
