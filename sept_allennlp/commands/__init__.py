from sept_allennlp.commands import predict
from sept_allennlp.commands.sept_annotate import SeptAnnotate
from sept_allennlp.commands.sept_data import SeptData
from sept_allennlp.commands.sept_export import SeptExport
from sept_allennlp.commands.sept_filter_curve import SeptFilterCurve
from sept_allennlp.commands.sept_results import SeptResults
from sept_allennlp.commands.sept_suite import SeptSuite
from sept_allennlp.commands.sept_tables import SeptTables
from sept_allennlp.commands.sept_tune import SeptTune

__all__ = [
    "SeptAnnotate",
    "SeptData",
    "SeptExport",
    "SeptFilterCurve",
    "SeptResults",
    "SeptSuite",
    "SeptTables",
    "SeptTune",
    "predict",
]
