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
        ("[]", "suite must be an object"),
        ("{}", "missing 1 required positional argument: 'runs'"),
        ("{ runs: {} }", "'runs' must give a configuration for each run's name"),
        ("{ runs: { a: 1 } }", "run 'a' is no configuration"),
        ("{ runs: { folds: {} } }", "'folds' is no name for a run"),
        ("{ runs: { a: {} }, folds: 1 }", "'folds' must be a number from 2, or 0 for none"),
        ("{ runs: { a: {} }, folds: 'all' }", "'folds' must be a number from 2, or 0 for none"),
        (
            "{ runs: { a: {}, b: {} }, tables: [{ name: 't', title: 'T', reference: 'b', rows: "
            "[{ system: 'A', run: 'a' }] }] }",
            "t: no row has the run 'b', its reference",
        ),
        (
            "{ runs: { a: {} }, tables: [{ name: 't', title: 'T', columns: ['f1', 'rel'], rows: "
            "[{ system: 'A', run: 'a' }] }] }",
            r"t: 'columns' is \['f1', 'rel'\]; there are precision, .*, rel_plus_f1",
        ),
        ("{ runs: { '../a': {} } }", "'../a' will not do as a name"),
        ("{ runs: { a: {} }, tabels: [] }", "unexpected keyword argument 'tabels'"),
        ("{ runs: { a: {} }, tables: {} }", "suite.tables must be a list"),
        ("{ runs: { a: {} }, tables: [1] }", r"suite.tables\[0\] must be an object"),
        (SUITE + "{ runs: { a: {} } }", "t, B: there is no run 'b'"),
        (SUITE.replace("'b' }] }", "'c' }] }"), "f, A at all: there is no run 'c'"),
        (SUITE.replace("system: 'B'", "sytem: 'B'"), r"tables\[0\].rows\[1\]: .*'sytem'"),
        (SUITE.replace("f1: 0.5", "F1: 0.5"), "t, A: the paper's F1 is 0.5"),
        (SUITE.replace("f1: 0.5", "f1: '.5'"), "t, A: the paper's f1 is '.5'"),
        (SUITE.replace("{ f1: 0.5 }", "0.5"), "t, A: 'paper' must be an object"),
        (SUITE.replace("'all'", "1"), "f: A has 2 points at 1"),
        (SUITE.replace("name: 'f'", "name: 't'"), "would write the file t.csv"),
        (SUITE.replace("name: 'f'", "name: 'runs'"), "would write the file runs.csv"),
    ],
)
def test_what_is_no_suite(suite_file: Callable[[str], Path], text: str, complaint: str) -> None:
    file = suite_file(text)
    with pytest.raises(SuiteError, match=f"^{file}: (?s:.*){complaint}"):
        read_suite(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="none.jsonnet"):
        read_suite(tmp_path / "none.jsonnet")
