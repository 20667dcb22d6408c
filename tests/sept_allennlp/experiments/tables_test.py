import pandas
import pytest

from sept_allennlp.experiments.suite import Row, Table
from sept_allennlp.experiments.tables import fill_table, summarise, table_to_markdown

NONE = float("nan")


@pytest.fixture
def runs() -> pandas.DataFrame:
    rows = [
        ("sept", 1, 0.5, 0.7, 0.60),
        ("sept", 2, 0.5, 0.7, 0.70),
        ("sept", 3, 0.8, 0.7, 0.65),
        ("crf", 1, 0.25, 1.0, 0.4004),
        ("crf", 2, NONE, NONE, NONE),
        ("crf", 3, NONE, NONE, NONE),
        ("sciie", 1, NONE, NONE, NONE),
    ]
    return pandas.DataFrame(rows, columns=["run", "seed", "precision", "recall", "f1"])


@pytest.fixture
def table() -> Table:
    paper = {"precision": 0.642, "recall": 0.716, "f1": 0.677}
    rows = [
        Row("CRF | GloVe", "crf", {"f1": 0.5}),
        Row("SciIE", "sciie", {}),
        Row("SEPT", "sept", paper),
    ]
    return Table("table1", "Table 1", rows)


def test_means_and_deviations(runs: pandas.DataFrame) -> None:
    summary = summarise(runs)
    assert list(summary.index) == ["crf", "sept"]
    sept = summary.loc["sept"]
    # By hand: .60, .70, .65 are .05, .05 and 0 from their mean; .5, .5, .8 are .1, .1 and .2.
    assert sept["seeds"] == 3
    assert sept["f1"] == pytest.approx(0.65)
    assert sept["f1_sd"] == pytest.approx(0.05)
    assert sept["precision"] == pytest.approx(0.6)
    assert sept["precision_sd"] == pytest.approx(0.03**0.5)
    assert sept["recall_sd"] == pytest.approx(0.0, abs=1e-9)
    crf = summary.loc["crf"]
    assert (crf["seeds"], crf["f1"]) == (1, 0.4004)
    assert pandas.isna(crf["f1_sd"])


def test_a_table(runs: pandas.DataFrame, table: Table) -> None:
    filled = fill_table(table, runs)
    assert list(filled["system"]) == ["CRF | GloVe", "SciIE", "SEPT"]
    assert list(filled["seeds"]) == [1, 0, 3]
    assert list(filled["paper_f1"].fillna(0)) == [0.5, 0, 0.677]
    text = table_to_markdown(table, filled, seeds=3)
    assert text.splitlines()[:7] == [
        "**Table 1**",
        "",
        "| system | P | R | F1 | seeds | the paper's: test split, SciBERT, P / R / F1 |",
        "| --- | --- | --- | --- | --- | --- |",
        r"| CRF \| GloVe | .250 | 1.000 | .400 | 1 of 3 | — / — / .500 |",
        "| SciIE | — | — | — | no run | — |",
        "| SEPT | .600 ± .173 | .700 ± .000 | .650 ± .050 | 3 | .642 / .716 / .677 |",
    ]


def test_a_table_before_there_is_any_run(runs: pandas.DataFrame, table: Table) -> None:
    filled = fill_table(table, runs[:0])
    assert list(filled["seeds"]) == [0, 0, 0]
    text = table_to_markdown(table, filled, seeds=0)
    assert text.count("| — | — | — | no run |") == 3
    assert ".642 / .716 / .677" in text


def test_a_table_names_the_encoders(runs: pandas.DataFrame, table: Table) -> None:
    text = table_to_markdown(table, fill_table(table, runs), 3, ["a (bert, 6 layers)", "b (bert)"])
    assert text.endswith("\nEncoder: a (bert, 6 layers); b (bert).\n")


def test_a_run_may_have_several_rows(runs: pandas.DataFrame) -> None:
    filled = fill_table(Table("t", "T", [Row("a", "crf"), Row("b", "crf")]), runs)
    assert list(filled["f1"]) == [0.4004, 0.4004]
