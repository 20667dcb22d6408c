from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands import Html


@Subcommand.register("sept-html")
class SeptHtml(SeptSubcommand, Html):
    """
    `allennlp sept-html`: as `sept html`.

    Registered as a `Subcommand` with name "sept-html".
    """

    requires_plugins = False
