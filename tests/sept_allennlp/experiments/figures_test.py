from pathlib import Path
from typing import List
from xml.etree import ElementTree

import matplotlib.image
import pandas
import pytest

from sept_allennlp.experiments.figures import fill_figure, save_figure
from sept_allennlp.experiments.suite import Figure, Line, Point


def sweep(prefix: str) -> List[Point]:
    # Not in the order of the axis.
    return [Point("all", f"{prefix}_all"), Point(500, f"{prefix}_500"), Point(50, f"{prefix}_50")]


FIGURE = Figure(
    "figure2",
    "Figure 2: F1 & negatives",
    "negatives per document",
    [Line("SciERC", sweep("s")), Line("BC5CDR", [*sweep("b"), Point(100, "b_100")])],
)


@pytest.fixture
def runs() -> pandas.DataFrame:
    rows = [(f"s_{p}", seed, f1) for p in ("50", "all") for seed, f1 in ((1, 0.5), (2, 0.6))]
    rows += [("b_50", 1, 0.8), ("b_500", 1, 0.7), ("s_500", 1, float("nan"))]
    table = pandas.DataFrame(rows, columns=["run", "seed", "f1"])
    return table.assign(precision=table["f1"], recall=table["f1"])


def svg_texts(file: Path) -> List[str]:
    elements = ElementTree.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()).strip() for element in elements]


def test_the_points_of_a_figure(runs: pandas.DataFrame) -> None:
    filled = fill_figure(FIGURE, runs)
    assert list(filled["line"]) == ["SciERC"] * 3 + ["BC5CDR"] * 4
    assert list(filled["x"]) == ["all", 500, 50, "all", 500, 50, 100]
    assert list(filled["seeds"]) == [2, 0, 2, 0, 1, 1, 0]
    assert list(filled["f1"].fillna(0)) == pytest.approx([0.55, 0, 0.55, 0, 0.7, 0.8, 0])
    # Of .5 and .6: .1 / √2.
    deviation = 0.1 / 2**0.5
    assert list(filled["f1_sd"].fillna(0)) == pytest.approx([deviation, 0, deviation, 0, 0, 0, 0])


def test_the_files_of_a_figure(runs: pandas.DataFrame, tmp_path: Path) -> None:
    filled = fill_figure(FIGURE, runs)
    png, svg = save_figure(FIGURE, filled, tmp_path / "figure2.v1")
    assert (png.name, svg.name) == ("figure2.v1.png", "figure2.v1.svg")
    assert matplotlib.image.imread(png).shape[:2] == (600, 1050)
    texts = svg_texts(svg)
    # The axis: numbers in order, words after them.
    assert texts[:5] == ["50", "100", "500", "all", "negatives per document"]
    assert {"SciERC", "BC5CDR", "Figure 2: F1 & negatives", "F1 on the validation data"} <= {*texts}
    notes = " ".join(texts)
    assert "Mean and standard deviation over 1 to 2 seeds." in notes
    assert "No run: SciERC at 500, BC5CDR at all, BC5CDR at 100." in notes


def test_the_same_numbers_give_the_same_bytes(runs: pandas.DataFrame, tmp_path: Path) -> None:
    filled = fill_figure(FIGURE, runs)
    first = save_figure(FIGURE, filled, tmp_path / "first")
    second = save_figure(FIGURE, filled, tmp_path / "second")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_figure_without_runs(runs: pandas.DataFrame, tmp_path: Path) -> None:
    _, svg = save_figure(FIGURE, fill_figure(FIGURE, runs[:0]), tmp_path / "figure")
    texts = " ".join(svg_texts(svg))
    assert "No run: SciERC at all, SciERC at 500" in texts
    assert "deviation" not in texts
