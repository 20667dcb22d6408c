from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands import Brat


@Subcommand.register("sept-brat")
class SeptBrat(SeptSubcommand, Brat):
    """
    `allennlp sept-brat`: as `sept brat`.

    Registered as a `Subcommand` with name "sept-brat".
    """

    requires_plugins = False
