from sept_allennlp.predictors.sept import SEPTPredictor

__all__ = ["SEPTPredictor"]
