import argparse

from allennlp.commands.subcommand import Subcommand

from sept_runtime.commands.command import Command


class SeptSubcommand(Subcommand, Command):
    """A `Command` among those of `allennlp`. Messages call it by the name it is registered with."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        return self.add_to(parser, called=self.name)


def positive_int(text: str) -> int:
    """The type of an argument that counts things."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
