"""A self-contained HTML page over a corpus of predictions."""
