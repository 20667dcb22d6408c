from sept_allennlp.commands import predict
from sept_allennlp.commands.results import Results
from sept_allennlp.commands.show import Show

__all__ = ["Results", "Show", "predict"]
