"""Strict scores of named entity recognition."""

from typing import Dict


def precision_recall_f1(right: int, predicted: int, gold: int) -> Dict[str, float]:
    """Return `precision`, `recall` and `f1` from counts of entities; 0 if a denominator is 0."""
    return {
        "precision": right / predicted if predicted else 0.0,
        "recall": right / gold if gold else 0.0,
        "f1": 2 * right / (predicted + gold) if predicted + gold else 0.0,
    }
