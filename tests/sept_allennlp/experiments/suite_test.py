from pathlib import Path
from typing import Callable

import pytest

from sept_allennlp.experiments.suite import Line, Point, Row, SuiteError, read_suite

SUITE = """
{
  runs: { a: { seed: std.extVar('SEPT_SEED') }, b: { device: std.extVar('SEPT_DEVICE') } },
  tables: [{ name: 't', title: 'T', rows: [
    { system: 'A', run: 'a', paper: { f1: 0.5 } },
    { system: 'B', run: 'b' },
  ] }],
  figures: [{ name: 'f', title: 'F', x_label: 'x', lines: [
    { label: 'A', points: [{ x: 1, run: 'a' }, { x: 'all', run: 'b' }] },
  ] }],
}
"""


@pytest.fixture
def suite_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "suite.jsonnet"
        file.write_text(text)
        return file

    return write


def test_a_suite(suite_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEPT_DEVICE", raising=False)
    suite = read_suite(suite_file(SUITE), seed=7)
    assert suite.runs == {"a": {"seed": "7"}, "b": {"device": "auto"}}
    (table,) = suite.tables
    assert table.rows == [Row("A", "a", {"f1": 0.5}), Row("B", "b", {})]
    (figure,) = suite.figures
    assert figure.lines == [Line("A", [Point(1, "a"), Point("all", "b")])]


def test_the_seed_is_the_environments_unless_given(
    suite_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_SEED", "3")
    assert read_suite(suite_file(SUITE)).runs["a"] == {"seed": "3"}


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("{ runs: { a: error 'no data' } }", "no data"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "Object missing required field `runs`"),
        ("{ runs: {} }", "'runs' is empty. Give a configuration for each run's name"),
        ("{ runs: { a: 1 } }", r"runs\[...\]: Expected `object`, got `int`"),
        ("{ runs: { folds: {} } }", "A run cannot be named 'folds'"),
        ("{ runs: { a: {} }, folds: 1 }", "'folds' must be 2 or more, or 0 for none, got 1"),
        ("{ runs: { a: {} }, folds: 'all' }", "folds: Expected `int`, got `str`"),
        (
            "{ runs: { a: {}, b: {} }, tables: [{ name: 't', title: 'T', reference: 'b', rows: "
            "[{ system: 'A', run: 'a' }] }] }",
            "t: no row has the reference's run 'b'",
        ),
        (
            "{ runs: { a: {} }, tables: [{ name: 't', title: 'T', columns: ['f1', 'rel'], rows: "
            "[{ system: 'A', run: 'a' }] }] }",
            r"t: 'columns' may hold precision, .*, rel_plus_f1, score, got \['f1', 'rel'\]",
        ),
        ("{ runs: { '../a': {} } }", "'../a' is not a valid name: use letters"),
        ("{ runs: { a: {} }, tabels: [] }", "Object contains unknown field `tabels`"),
        ("{ runs: { a: {} }, tables: {} }", "tables: Expected `array`, got `object`"),
        ("{ runs: { a: {} }, tables: [1] }", r"tables\[0\]: Expected `object`, got `int`"),
        (SUITE + "{ runs: { a: {} } }", "t, B: the suite has no run 'b'"),
        (SUITE.replace("'b' }] }", "'c' }] }"), "f, A at all: the suite has no run 'c'"),
        (SUITE.replace("system: 'B'", "sytem: 'B'"), r"tables\[0\].rows\[1\]: .*`sytem`"),
        (
            SUITE.replace("f1: 0.5", "F1: 0.5"),
            "paper: Invalid enum value 'F1'",
        ),
        (SUITE.replace("f1: 0.5", "f1: '.5'"), "paper.*: Expected `float`, got `str`"),
        (SUITE.replace("{ f1: 0.5 }", "0.5"), "paper: Expected `object`, got `float`"),
        (SUITE.replace("'all'", "1"), "f: A has 2 points at 1"),
        (SUITE.replace("name: 'f'", "name: 't'"), "would write t.csv"),
        (SUITE.replace("name: 'f'", "name: 'runs'"), "would write runs.csv"),
    ],
)
def test_an_invalid_suite_is_refused(
    suite_file: Callable[[str], Path], text: str, complaint: str
) -> None:
    file = suite_file(text)
    with pytest.raises(SuiteError, match=f"^{file}: (?s:.*){complaint}"):
        read_suite(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="none.jsonnet"):
        read_suite(tmp_path / "none.jsonnet")
