"""The scores of a run, and what tables call them."""

from sept_allennlp.training.metrics.relation_sets import SENSES

SCORES = ["precision", "recall", "f1"]

# Those of a run that finds relations, too.
RELATION_SCORES = [f"{sense}_{name}" for sense in SENSES for name in SCORES]

HEADINGS = {
    "precision": "P",
    "recall": "R",
    "f1": "F1",
    "rel_precision": "Rel P",
    "rel_recall": "Rel R",
    "rel_f1": "Rel F1",
    "rel_plus_precision": "Rel+ P",
    "rel_plus_recall": "Rel+ R",
    "rel_plus_f1": "Rel+ F1",
}
