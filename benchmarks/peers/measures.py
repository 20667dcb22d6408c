"""The measures of a peer, which `report.py` writes as a page."""

from statistics import mean, median, stdev
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

Figures = Dict[str, Any]
Runs = List[Dict[str, float]]


class Measure(NamedTuple):
    """
    # Parameters

    title : `str`
    value : `Callable[[Figures], Optional[float]]`
        None where it has not been measured.
    shown : `str`
        How a value is formatted.
    more_is_better : `bool`
    remark : `Callable[[Figures], str]`
        What stands behind the value.
    """

    title: str
    value: Callable[[Figures], Optional[float]]
    shown: str
    more_is_better: bool = False
    remark: Callable[[Figures], str] = lambda figures: ""

    def text(self, value: Optional[float]) -> str:
        return "" if value is None else format(value, self.shown)

    def cell(self, figures: Figures) -> str:
        """Return the peer's cell of the table."""
        return f"{self.text(self.value(figures))}{self.remark(figures)}".strip()


def measures(results: Dict[str, Any]) -> Dict[str, Measure]:
    """
    Return all measures by name, in the order of the page.

    # Parameters

    results : `Dict[str, Any]`
        As `Results.everything`.
    """
    settings = results["settings"]
    encoder = _seconds(results.get("encoder_alone", []))
    return {
        "speed_1": _speed(1, settings["dev_abstracts"], encoder),
        "speed_32": _speed(32, settings["dev_abstracts"], encoder),
        "memory_1": _memory(1),
        "memory_32": _memory(32),
        "epoch": _epoch(settings["train_abstracts"]),
        "cold_start": Measure(
            "cold start (s)", lambda figures: _middle(figures.get("cold_starts", [])), ".1f"
        ),
        "environment": Measure(
            "environment (MB)", lambda figures: figures.get("environment_mb"), ".0f"
        ),
        "equal": _f1("equal", "F1, equal time"),
        "recommended": _f1("recommended", "F1, recommended epochs"),
    }


def _middle(values: Sequence[float]) -> Optional[float]:
    return median(values) if values else None


def _seconds(runs: Runs) -> Optional[float]:
    return _middle([run["seconds"] for run in runs])


def _runs(figures: Figures, size: int) -> Runs:
    return figures.get("predictions", {}).get(str(size), [])


def _speed(size: int, dev_abstracts: int, encoder: Optional[float]) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        seconds = _seconds(_runs(figures, size))
        return None if seconds is None else dev_abstracts / seconds

    def remark(figures: Figures) -> str:
        seconds = _seconds(_runs(figures, size))
        return "" if seconds is None or encoder is None else f" ({seconds / encoder:.2f} encoders)"

    return Measure(f"predicts, batch {size} (abstracts/s)", value, ".1f", True, remark)


def _memory(size: int) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        # In later rounds, the process still holds memory of the larger batches.
        return min((run["peak_mb"] for run in _runs(figures, size)), default=None)

    return Measure(f"peak memory, batch {size} (MB)", value, ".0f")


def _epoch(train_abstracts: int) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        return _middle(
            [
                run["update_seconds"] / run["abstracts"] * train_abstracts / run["epochs"]
                for run in figures.get("epochs", [])
            ]
        )

    def remark(figures: Figures) -> str:
        seen = figures.get("epoch_abstracts", train_abstracts)
        return "" if seen == train_abstracts else f" (from {seen} of {train_abstracts} abstracts)"

    return Measure("training epoch (s)", value, ".0f", remark=remark)


def _f1(training: str, title: str) -> Measure:
    def runs(figures: Figures) -> Runs:
        return figures.get(training, [])

    def value(figures: Figures) -> Optional[float]:
        scores = [run["f1"] for run in runs(figures)]
        return mean(scores) if scores else None

    def remark(figures: Figures) -> str:
        left_out = figures.get(f"{training}_left_out")
        if not runs(figures):
            return f" ({left_out})" if left_out else ""
        scores = [run["f1"] for run in runs(figures)]
        deviation = f" ± {stdev(scores):.3f}" if len(scores) > 1 else ""
        epochs = mean([run["epochs"] for run in runs(figures)])
        minutes = mean([run["seconds"] for run in runs(figures)]) / 60
        shown = [f"{epochs:.3g} epochs"]
        if training == "equal":
            shown.append(f"{minutes:.1f} min")
        if len(scores) > 1:
            shown.append(f"{len(scores)} seeds")
        return f"{deviation} ({', '.join(shown)})"

    return Measure(title, value, ".3f", True, remark)
