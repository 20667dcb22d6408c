import json
import sys
from pathlib import Path
from typing import List

import numpy
import pandas
import pytest
from allennlp.commands import main

import sept_allennlp  # noqa: F401  (registers the commands)
from sept_allennlp.experiments import comparison
from sept_allennlp.experiments.comparison import (
    Difference,
    compare,
    paired_bootstrap,
    read_documents,
    read_system,
)
from sept_allennlp.experiments.counts import COUNTS
from sept_allennlp.experiments.errors import RunError


def test_all_samples_of_one_document_are_equal() -> None:
    # 2 * 2 / (2 + 4) and 2 * 1 / (2 + 4).
    result = paired_bootstrap(numpy.array([[2, 2, 4]]), numpy.array([[1, 2, 4]]))
    assert result == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_the_bootstrap_of_two_documents_by_hand() -> None:
    ours, theirs = numpy.array([[1, 1, 1], [0, 1, 1]]), numpy.array([[0, 1, 1], [1, 1, 1]])
    # Of four samples, one has the first document twice, one the second: differences of 1, 0, 0, -1.
    assert paired_bootstrap(ours, theirs, confidence=0.6) == (0.0, -1.0, 1.0)
    assert paired_bootstrap(ours, theirs, confidence=0.4) == (0.0, 0.0, 0.0)


def test_documents_without_entities() -> None:
    nothing = numpy.zeros((2, 3), dtype=int)
    assert paired_bootstrap(nothing, nothing) == (0.0, 0.0, 0.0)


def brute_force(ours: numpy.ndarray, theirs: numpy.ndarray, draws: int) -> List[float]:
    generator = numpy.random.default_rng(5)

    def f1(counts: numpy.ndarray, sample: numpy.ndarray) -> float:
        right = sum(counts[document][0] for document in sample)
        predicted = sum(counts[document][1] for document in sample)
        gold = sum(counts[document][2] for document in sample)
        return 2 * right / (predicted + gold)

    samples = [generator.integers(len(ours), size=len(ours)) for _ in range(draws)]
    return sorted(f1(ours, sample) - f1(theirs, sample) for sample in samples)


@pytest.mark.parametrize("at_once", [1, 1000, 10**6])
def test_the_same_as_sample_by_sample(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_AT_ONCE", at_once)
    generator = numpy.random.default_rng(1)
    right = generator.integers(0, 5, size=(2, 9))
    ours, theirs = (numpy.stack([r, r + 2, numpy.full(9, 6)], axis=1) for r in right)
    differences = brute_force(ours, theirs, draws=401)
    difference, low, high = paired_bootstrap(ours, theirs, draws=401, seed=5)
    # Of 401 in order, 2.5% of the way from the first to the last.
    assert (low, high) == pytest.approx((differences[10], differences[390]))
    sums = ours.sum(axis=0), theirs.sum(axis=0)
    (expected,) = [2 * a[0] / (a[1] + a[2]) - 2 * b[0] / (b[1] + b[2]) for a, b in [sums]]
    assert difference == pytest.approx(expected)


def table(*rows: object) -> pandas.DataFrame:
    return pandas.DataFrame(rows, columns=["seed", "document", *COUNTS])


def test_a_systems_seeds_are_summed_and_documents_meet_by_their_keys() -> None:
    ours = table((1, "a", 1, 1, 2), (1, "b", 1, 2, 2), (2, "a", 2, 2, 2), (2, "b", 0, 1, 2))
    theirs = table((2, "b", 0, 0, 2), (2, "a", 1, 1, 2), (3, "a", 2, 2, 2))
    # With seed 2 alone: 2 * 2 / (3 + 4) and 2 * 1 / (1 + 4).
    found = compare(ours, theirs, ("ours", "theirs"))
    assert found.f1 == pytest.approx(4 / 7 - 2 / 5)
    assert (found.documents, found.seeds) == (2, 1)
    assert compare(ours, ours, ("ours", "ours")) == (0.0, 0.0, 0.0, 2, 2)


@pytest.mark.parametrize(
    "theirs, complaint",
    [
        (table((2, "a", 0, 0, 1)), "ours and theirs have no seed in common"),
        (
            table((1, "a", 1, 1, 1), (1, "c", 1, 1, 1), (1, "d", 1, 1, 1)),
            "ours and theirs must predict the same documents, but only one has 'b' and 2 more",
        ),
        (
            table((1, "a", 1, 1, 1), (1, "b", 1, 1, 2)),
            "different gold annotations of document 'b'",
        ),
    ],
)
def test_systems_that_cannot_be_compared_are_refused(
    theirs: pandas.DataFrame, complaint: str
) -> None:
    ours = table((1, "a", 1, 1, 1), (1, "b", 1, 1, 1))
    with pytest.raises(RunError, match=complaint):
        compare(ours, theirs, ("ours", "theirs"))


def test_documents_that_were_not_predicted_with_every_seed() -> None:
    ours = table((1, "a", 1, 1, 1), (1, "b", 1, 1, 1), (2, "a", 1, 1, 1))
    with pytest.raises(RunError, match="ours has no prediction of document 'b' with some"):
        compare(ours, ours, ("ours", "theirs"))


def test_a_difference_is_written_with_its_interval() -> None:
    difference = Difference(0.01214, -0.00431, 0.0198, 400, 2)
    assert str(difference) == "+.0121 [-.0043, +.0198], 400 documents, 2 seeds"
    assert str(difference._replace(seeds=1)).endswith(", 1 seed")


@pytest.fixture
def systems(tmp_path: Path) -> Path:
    """Two runs of a suite: "good" has both entities of the document, "bad" one of them."""
    gold = [[0, 0, "Task"], [1, 1, "Task"]]
    document = {"doc_key": "NA", "sentences": [["a", "b"]], "ner": [gold]}
    for name, found in (("good", gold), ("bad", gold[:1])):
        for seed in ("1", "2"):
            folder = tmp_path / name / seed
            folder.mkdir(parents=True)
            line = json.dumps({**document, "predicted_ner": [found]})
            (folder / "validation_predictions.jsonl").write_text(line)
    return tmp_path


def test_the_predictions_of_a_system(systems: Path) -> None:
    all_seeds = [[1, "NA", 1, 1, 2], [2, "NA", 1, 1, 2]]
    assert read_system(systems / "bad").to_numpy().tolist() == all_seeds
    single = systems / "bad" / "2"
    for path in (single, single / "validation_predictions.jsonl"):
        assert read_system(path).to_numpy().tolist() == [[0, "NA", 1, 1, 2]]
    with pytest.raises(RunError, match="none/validation_predictions.jsonl does not exist"):
        read_system(systems / "none")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["allennlp", "sept-results", *map(str, arguments)])
    main()


def test_the_command_compares(
    systems: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    target = systems / "differences.csv"
    good, bad = systems / "good", systems / "bad"
    run(monkeypatch, good, "--against", bad, "--csv", target)
    # 1 and 2 * 1 / (1 + 2).
    expected = "good - bad: +.3333 [+.3333, +.3333], 1 documents, 2 seeds\n"
    assert capsys.readouterr().out == expected
    assert target.read_text().splitlines() == [
        "system,reference,f1,low,high,documents,seeds",
        "good,bad,0.3333,0.3333,0.3333,1,2",
    ]
    # With another seed, too, as each is one training.
    run(monkeypatch, good / "1", "--against", bad / "2")
    assert "+.3333" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="sept-results: .*does not exist"):
        run(monkeypatch, good, "--against", systems / "none")


def test_the_command_compares_at_several_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    document = {"doc_key": "a", "sentences": [["a", "b", "c"]], "ner": [[[0, 0, "Task"]]]}
    words = [{"start_word": n, "end_word": n, "label": "Task"} for n in range(3)]
    scored = [{**word, "score": score} for word, score in zip(words, (0.9, 0.5, 0.6))]
    files = []
    for name, entities in (("all", scored), ("none", words[:1])):
        predicted = [[[entity["start_word"], entity["end_word"], "Task"] for entity in entities]]
        file = tmp_path / name
        file.write_text(json.dumps({**document, "predicted_ner": predicted, "entities": entities}))
        files.append(file)
    run(monkeypatch, files[0], "--against", files[1], "--min-score", 0, 0.5, 0.55, 0.7)
    # One right of 3, 3, 2 and 1 predicted, against 1 of 1: 2 / 4, 2 / 3 and 1 less 1.
    differences = [line.split()[:7] for line in capsys.readouterr().out.splitlines()]
    assert [(words[3], words[6]) for words in differences] == [
        ("0)", "-.5000"),
        ("0.5)", "-.5000"),
        ("0.55)", "-.3333"),
        ("0.7)", "+.0000"),
    ]
    with pytest.raises(SystemExit, match="'a' has no scores, so --min-score cannot be applied"):
        run(monkeypatch, files[1], "--against", files[0], "--min-score", 0.5)
    with pytest.raises(SystemExit, match="--min-score needs --against"):
        run(monkeypatch, files[0], "--min-score", 0.5)


def test_the_command_compares_relations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    entities, gold = [[0, 0, "Task"], [1, 1, "Task"]], [0, 0, 1, 1, "PART-OF"]
    document = {"doc_key": "a", "sentences": [["a", "b", "c"]], "ner": [entities]}
    files = []
    # Right but for an entity's label; reversed.
    for name, second, relation in (("one", "Method", (0, 1)), ("two", "Task", (1, 0))):
        words = enumerate(("Task", second))
        line = {
            **document,
            "gold_relations": [[gold]],
            "entities": [{"start_word": n, "end_word": n, "label": label} for n, label in words],
            "relations": [
                {"head": relation[0], "tail": relation[1], "label": "PART-OF", "score": 0.6}
            ],
        }
        files.append(tmp_path / name)
        files[-1].write_text(json.dumps(line))
    target = tmp_path / "differences.csv"
    one, two = files
    run(monkeypatch, one, "--against", two, "--score", "rel", "--csv", target)
    expected = "+1.0000 [+1.0000, +1.0000], 1 documents, 1 seed\n"
    assert capsys.readouterr().out == f"one - two, Rel F1: {expected}"
    assert target.read_text().splitlines() == [
        "system,reference,score,f1,low,high,documents,seeds",
        "one,two,rel,1.0000,1.0000,1.0000,1,1",
    ]
    run(monkeypatch, one, "--against", two, "--score", "rel_plus", "--min-score", 0.5)
    expected = "+.0000 [+.0000, +.0000], 1 documents, 1 seed\n"
    assert capsys.readouterr().out == f"one (score >= 0.5) - two, Rel+ F1: {expected}"
    run(monkeypatch, one, "--against", two, "--score", "rel", "--min-score", 0.7)
    assert "one (score >= 0.7) - two, Rel F1: +.0000" in capsys.readouterr().out
    run(monkeypatch, one, "--against", two, "--score", "entities")
    assert capsys.readouterr().out.startswith("one - two: -.5000")
    with pytest.raises(SystemExit, match="--score needs --against"):
        run(monkeypatch, one, "--score", "rel")
    two.write_text(json.dumps({**json.loads(two.read_text()), "gold_relations": None}))
    with pytest.raises(SystemExit, match="two has no document with annotated relations"):
        run(monkeypatch, one, "--against", two, "--score", "rel")


def test_a_table_of_documents(tmp_path: Path) -> None:
    file = tmp_path / "documents.csv"
    file.write_text("run,seed,document,right,predicted,gold\na,1,NA,1,2,3\n")
    assert read_documents(file).to_numpy().tolist() == [["a", 1, "NA", 1, 2, 3]]
    for text in ("run,seed\na,1\n", "run,seed,document,right,predicted,gold\na,1,b,x,2,3\n"):
        file.write_text(text)
        with pytest.raises(RunError, match="documents.csv is not a table of documents"):
            read_documents(file)
