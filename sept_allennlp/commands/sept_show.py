from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands import Show


@Subcommand.register("sept-show")
class SeptShow(SeptSubcommand, Show):
    """
    `allennlp sept-show`: as `sept show`.

    Registered as a `Subcommand` with name "sept-show".
    """

    requires_plugins = False
