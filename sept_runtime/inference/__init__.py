"""Prediction: batching, JSON lines, files, and the annotator."""
