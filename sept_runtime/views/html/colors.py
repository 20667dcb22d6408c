"""The colors of entity types."""

import zlib
from typing import Dict, Iterable, List, Tuple

# Black text is readable on each color, and each stands out from a white and from a black page.
# SciERC's types always have these.
TYPE_COLORS = {
    "Task": "#e69f00",
    "Method": "#56b4e9",
    "Metric": "#3fbf8f",
    "Material": "#e88ac0",
    "OtherScientificTerm": "#b39ddb",
    "Generic": "#a8adb4",
}
OTHER_COLORS = (
    "#f0845a",
    "#cdb91f",
    "#6fc4ba",
    "#c9a47c",
    "#9bc53d",
    "#8fa8f0",
    "#d68fd6",
    "#e08585",
)


def colors_of(labels: Iterable[str]) -> Dict[str, str]:
    """
    Choose a color for each type, in the order of a legend: SciERC's types come first.

    Colors differ while there are enough. A type has the same color on every page if possible, since
    it follows from the type's name and not from its index.
    """
    colors: Dict[str, str] = {}
    for label in sorted(labels, key=_legend_order):
        colors[label] = TYPE_COLORS.get(label) or _free_color(label, colors)
    return colors


def color_rules(labels: Iterable[str]) -> List[str]:
    """Return a rule of CSS for each label, numbered in the order of `colors_of`."""
    return [
        f".type{index} {{ --bar: {color}; }}"
        for index, color in enumerate(colors_of(labels).values())
    ]


def _free_color(label: str, taken: Dict[str, str]) -> str:
    number = zlib.crc32(label.encode("utf-8", "surrogatepass"))
    count = len(OTHER_COLORS)
    for step in range(count):
        color = OTHER_COLORS[(number + step) % count]
        if color not in taken.values():
            return color
    return f"hsl({number % 360} 60% 70%)"


def _legend_order(label: str) -> Tuple[int, str]:
    known = list(TYPE_COLORS)
    return (known.index(label) if label in known else len(known), label)
