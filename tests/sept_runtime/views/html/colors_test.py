import pytest

from sept_runtime.views.html.colors import OTHER_COLORS, TYPE_COLORS, colors_of


def luminance(color: str) -> float:
    """Return the luminance as defined by the Web Content Accessibility Guidelines."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", [*TYPE_COLORS.values(), *OTHER_COLORS])
def test_black_labels_are_readable_on_every_color(color):
    # 7 is the stricter of the guidelines' two levels.
    assert (luminance(color) + 0.05) / 0.05 >= 7


def test_colors_are_stable_and_different():
    names = [f"type {i}" for i in range(len(OTHER_COLORS))]
    colors = colors_of([*names, "Task"])
    assert len(set(colors.values())) == len(colors)
    assert colors == colors_of(["Task", *reversed(names)])
    assert colors["Task"] == TYPE_COLORS["Task"]
    # Alone on a page, a type has the color that it has beside SciERC's.
    assert colors_of(["Disease"])["Disease"] == colors_of(["Disease", "Method"])["Disease"]


def test_any_number_of_types_has_colors():
    assert len(colors_of(map(str, range(200)))) == 200
