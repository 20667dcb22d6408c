from sept_allennlp.commands.sept_brat import SeptBrat
from sept_allennlp.commands.sept_html import SeptHtml

__all__ = ["SeptBrat", "SeptHtml"]
