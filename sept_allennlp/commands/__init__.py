from sept_allennlp.commands import predict
from sept_allennlp.commands.show import Show

__all__ = ["Show", "predict"]
