"""Figures as files, by matplotlib: readable in gray and small, the same bytes in each run."""

from pathlib import Path
from typing import Any, Callable, List


def save(draw: Callable[[], Any], stem: Path) -> List[Path]:
    """
    Writes `stem.png` and `stem.svg`. The same numbers and the same matplotlib give the same bytes.

    # Parameters

    draw : `Callable[[], matplotlib.figure.Figure]`
        Called with the style set; see `canvas`.
    stem : `Path`
        The files' path without its suffix.
    """
    # Only here: matplotlib takes a second to import, and every start of AllenNLP imports this.
    import matplotlib
    import matplotlib.style

    settings: Any = {
        # Otherwise the identifiers inside an SVG are random.
        "svg.hashsalt": "sept_allennlp",
        # Text as text, which can be searched, and needs no font's outlines.
        "svg.fonttype": "none",
        "savefig.dpi": 150,
    }
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    # petroff10: colors that were chosen to be told apart by the color-blind, too.
    with matplotlib.style.context(["default", "petroff10"]), matplotlib.rc_context(settings):
        drawn = draw()
        files = []
        for kind, hidden in metadata.items():
            files.append(stem.with_name(f"{stem.name}.{kind}"))
            drawn.savefig(files[-1], format=kind, metadata=hidden)
    return files


def canvas() -> Any:
    """An empty `matplotlib.figure.Figure`; not of pyplot's, which would look for a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4), layout="constrained")
