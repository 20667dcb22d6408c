from sept_allennlp.training.metrics.calibration_error import CalibrationError
from sept_allennlp.training.metrics.strict_relation_f1 import StrictRelationF1
from sept_allennlp.training.metrics.strict_span_f1 import StrictSpanF1

__all__ = ["CalibrationError", "StrictRelationF1", "StrictSpanF1"]
