from sept_allennlp.commands import predict
from sept_allennlp.commands.sept_annotate import SeptAnnotate
from sept_allennlp.commands.sept_brat import SeptBrat
from sept_allennlp.commands.sept_export import SeptExport
from sept_allennlp.commands.sept_filter_curve import SeptFilterCurve
from sept_allennlp.commands.sept_html import SeptHtml
from sept_allennlp.commands.sept_results import SeptResults
from sept_allennlp.commands.sept_show import SeptShow
from sept_allennlp.commands.sept_suite import SeptSuite
from sept_allennlp.commands.sept_tables import SeptTables

__all__ = [
    "SeptAnnotate",
    "SeptBrat",
    "SeptExport",
    "SeptFilterCurve",
    "SeptHtml",
    "SeptResults",
    "SeptShow",
    "SeptSuite",
    "SeptTables",
    "predict",
]
