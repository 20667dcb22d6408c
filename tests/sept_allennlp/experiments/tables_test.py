import pandas
import pytest
from msgspec.structs import replace

from sept_allennlp.experiments.suite import Row, Table
from sept_allennlp.experiments.tables import fill_table, summarize, table_to_markdown

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
    summary = summarize(runs)
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


def test_a_table_without_runs(runs: pandas.DataFrame, table: Table) -> None:
    filled = fill_table(table, runs[:0])
    assert list(filled["seeds"]) == [0, 0, 0]
    text = table_to_markdown(table, filled, seeds=0)
    assert text.count("| — | — | — | no run |") == 3
    assert ".642 / .716 / .677" in text


def test_a_table_of_systems_that_are_not_the_papers(runs: pandas.DataFrame) -> None:
    table = Table("t", "T", [Row("a", "crf"), Row("b", "sept")])
    lines = table_to_markdown(table, fill_table(table, runs), 3).splitlines()
    assert lines[2] == "| system | P | R | F1 | seeds |"
    assert lines[4] == "| a | .250 | 1.000 | .400 | 1 of 3 |"


def test_a_table_names_the_encoders(runs: pandas.DataFrame, table: Table) -> None:
    text = table_to_markdown(table, fill_table(table, runs), 3, ["a (bert, 6 layers)", "b (bert)"])
    assert text.endswith("\nEncoder: a (bert, 6 layers); b (bert).\n")


def test_a_run_may_have_several_rows(runs: pandas.DataFrame) -> None:
    filled = fill_table(Table("t", "T", [Row("a", "crf"), Row("b", "crf")]), runs)
    assert list(filled["f1"]) == [0.4004, 0.4004]


@pytest.fixture
def documents() -> pandas.DataFrame:
    rows = [("sept", 1, "d", 1, 2, 2), ("crf", 1, "d", 2, 2, 2), ("crf", 2, "d", 0, 0, 2)]
    return pandas.DataFrame(rows, columns=["run", "seed", "document", "right", "predicted", "gold"])


def test_a_table_with_a_reference(
    runs: pandas.DataFrame, table: Table, documents: pandas.DataFrame
) -> None:
    compared = replace(table, reference="sept")
    filled = fill_table(compared, runs, documents)
    assert list(filled["difference_f1"].fillna(-1)) == [0.5, -1, -1]
    assert list(filled["difference_seeds"].fillna(-1)) == [1, -1, -1]
    lines = table_to_markdown(compared, filled, seeds=3).splitlines()
    assert lines[2].startswith("| system | P | R | F1 | F1 minus that of SEPT | seeds |")
    assert lines[4].endswith("| .400 | +.500 [+.500, +.500] | 1 of 3 | — / — / .500 |")
    assert lines[6].endswith("| .650 ± .050 | — | 3 | .642 / .716 / .677 |")
    assert lines[-1].endswith("the 95% interval of a paired bootstrap over 1 documents.")


def test_without_predictions_a_reference_changes_nothing(
    runs: pandas.DataFrame, table: Table, documents: pandas.DataFrame
) -> None:
    plain = fill_table(table, runs)
    compared = replace(table, reference="sept")
    for given in (None, documents[:0], documents[1:]):
        pandas.testing.assert_frame_equal(fill_table(compared, runs, given), plain)
    assert table_to_markdown(compared, plain, 3) == table_to_markdown(table, plain, 3)


def test_a_table_of_runs_in_folds_says_so(runs: pandas.DataFrame, table: Table) -> None:
    text = table_to_markdown(table, fill_table(table, runs), 3, folds=5)
    assert "on all documents, in 5-fold cross-validation" in text


def test_a_table_may_name_its_columns(runs: pandas.DataFrame) -> None:
    runs["rel_f1"] = [0.4, 0.5, 0.6, NONE, NONE, NONE, NONE]
    rows = [Row("CRF", "crf"), Row("SciIE", "sciie"), Row("SEPT", "sept")]
    table = Table("t", "T", rows, columns=["f1", "rel_f1", "rel_plus_f1"])
    filled = fill_table(table, runs)
    assert filled["rel_f1"].iloc[2] == pytest.approx(0.5)
    assert filled["rel_f1_sd"].iloc[2] == pytest.approx(0.1)
    lines = table_to_markdown(table, filled, 3).splitlines()
    assert lines[2] == "| system | F1 | Rel F1 | Rel+ F1 | seeds |"
    # No run finds relations with their entities' labels, and the CRF none at all.
    assert lines[4] == "| CRF | .400 | — | — | 1 of 3 |"
    assert lines[6] == "| SEPT | .650 ± .050 | .500 ± .100 | — | 3 |"
    assert lines[-1].startswith("Rel: ")
