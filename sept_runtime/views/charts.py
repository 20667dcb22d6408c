"""Charts of counts."""

from typing import Sequence

from sept_runtime.analysis import EntityCount
from sept_runtime.documents import DocumentError
from sept_runtime.errors import needs_extra
from sept_runtime.formats.files import write_aside
from sept_runtime.views.html.colors import colors_of

# More lines than this cannot be told apart.
_MOST_LINES = 8
_MOST_BARS = 40


def draw_counts(path: str, entities: Sequence[EntityCount], values: Sequence[str]) -> None:
    """
    Draw entities as bars, or over the values of a field as lines.

    # Parameters

    path : `str`
        The picture to write; its suffix says in which format.
    entities : `Sequence[EntityCount]`
        The most frequent first.
    values : `Sequence[str]`
        The values of the field, in order; none for bars.

    # Raises

    `DocumentError` if matplotlib is not installed or there is nothing to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DocumentError(needs_extra("a chart", "charts")) from None
    if not entities:
        raise DocumentError("there is no entity to draw")
    if values:
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.subplots()
        for entity in entities[:_MOST_LINES]:
            counts = [entity.by_value[value] for value in values]
            axes.plot(values, counts, marker="o", markersize=3, label=entity.name)
        axes.legend(fontsize=8, frameon=False)
        axes.tick_params(axis="x", rotation=45 if len(values) > 8 else 0)
        axes.set_ylabel("documents")
        axes.set_ylim(bottom=0)
    else:
        shown = list(entities[:_MOST_BARS])[::-1]
        figure = Figure(figsize=(9, 1 + 0.25 * len(shown)), layout="constrained")
        axes = figure.subplots()
        colors = colors_of({entity.label for entity in shown})
        # Two entities may have one name under two labels.
        axes.barh(
            range(len(shown)),
            [entity.documents for entity in shown],
            color=[colors[entity.label] for entity in shown],
        )
        axes.set_yticks(range(len(shown)), [entity.name for entity in shown], fontsize=8)
        axes.set_xlabel("documents")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with write_aside(path) as aside:
        figure.savefig(aside, format=path.rpartition(".")[2], dpi=150)
