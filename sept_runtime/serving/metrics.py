from typing import List

from sept_runtime.serving.queue import PredictionQueue


class Metrics:
    """
    What a server has done, in the text format of Prometheus.

    # Parameters

    queue : `PredictionQueue`
    """

    def __init__(self, queue: PredictionQueue) -> None:
        self._queue = queue

    def text(self) -> str:
        """Return all metrics with their current values."""
        counts = self._queue.counts
        lines: List[str] = []
        for name, kind, explanation, value in (
            ("documents_total", "counter", "Documents predicted.", counts.documents),
            ("words_total", "counter", "Words in predicted documents.", counts.words),
            ("batches_total", "counter", "Batches computed.", counts.batches),
            ("compute_seconds_total", "counter", "Time spent computing.", counts.seconds),
            (
                "queued_documents",
                "gauge",
                "Documents that wait or are computed.",
                self._queue.num_documents,
            ),
        ):
            lines += [
                f"# HELP sept_{name} {explanation}",
                f"# TYPE sept_{name} {kind}",
                f"sept_{name} {value}",
            ]
        return "\n".join(lines) + "\n"
