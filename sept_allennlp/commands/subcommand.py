import argparse
from typing import TYPE_CHECKING

from allennlp.commands.subcommand import Subcommand

from sept_runtime.commands.command import Command

if TYPE_CHECKING:
    from sept_runtime.commands.command import Subparsers


class SeptSubcommand(Subcommand, Command):
    """A `Command` among those of `allennlp`. Messages call it by the name it is registered with."""

    def add_subparser(self, parser: "Subparsers") -> argparse.ArgumentParser:
        """How AllenNLP asks for `add_to`."""
        return self.add_to(parser, called=self.name)
