from sept_allennlp.commands.sept_html import SeptHtml

__all__ = ["SeptHtml"]
