from sept_allennlp.commands import predict
from sept_allennlp.commands.sept_brat import SeptBrat
from sept_allennlp.commands.sept_html import SeptHtml
from sept_allennlp.commands.sept_results import SeptResults
from sept_allennlp.commands.sept_show import SeptShow

__all__ = ["SeptBrat", "SeptHtml", "SeptResults", "SeptShow", "predict"]
