import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.commands import main
from pyarrow import parquet

import sept_allennlp  # noqa: F401  (registers the command)
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.inference.json_lines import predict_lines

TEXTS = [f"We train a parser (fast) on corpus {n}. It works." for n in range(9)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    lines = [json.dumps({"id": str(n), "abstract": text}) for n, text in enumerate(TEXTS)]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.processes
def test_an_archive_annotates_as_predict_does(
    trained_archive: str,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    pytest.importorskip("ray")
    output = corpus.with_name("out")
    # The folder of a training is as good as the archive in it.
    folder = Path(trained_archive).parent
    command = f"sept-annotate {folder} {corpus} --output {output} --text-field abstract"
    options = "--batch-size 1 --shard-size 5 --output-format parquet --actors 2"
    monkeypatch.setattr(sys, "argv", ["allennlp", *command.split(), *options.split()])
    main()
    assert "9 lines in = 9 annotated + 0 failed, in 2 shards" in capsys.readouterr().err
    rows: List[Dict[str, Any]] = [
        row
        for path in sorted((output / "annotations").iterdir())
        for row in parquet.read_table(path).to_pylist()
    ]
    predictor = SEPTPredictor.from_path(trained_archive)
    lines = [json.dumps({"text": text}).encode() for text in TEXTS]
    expected = [*predict_lines(predictor, lines, predictor.decoding, batch_size=1)]
    assert [row["id"] for row in rows] == [str(n) for n in range(9)]
    assert any(row["entities"] for row in rows)
    for row, predicted in zip(rows, expected, strict=True):
        assert [without_score(entity) for entity in row["entities"]] == [
            without_score(entity) for entity in predicted["entities"]
        ]
        assert [entity["score"] for entity in row["entities"]] == pytest.approx(
            [entity["score"] for entity in predicted["entities"]], abs=1e-5
        )


def without_score(entity: Dict[str, Any]) -> Dict[str, Any]:
    # A column of Parquet that an entity does not have is null.
    given = {name: value for name, value in entity.items() if value is not None}
    return {name: value for name, value in given.items() if name not in ("score", "labels")}


@pytest.mark.parametrize(
    "options, message",
    [
        ("--gpus-per-actor 2", "must be between 0 and 1, because a model runs on one GPU, got '2'"),
        (
            "--gpus-per-actor -1",
            "must be between 0 and 1, because a model runs on one GPU, got '-1'",
        ),
    ],
)
def test_wrong_values_are_refused(
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    options: str,
    message: str,
) -> None:
    command = f"sept-annotate model.tar.gz {corpus} --output {corpus.with_name('out')}"
    monkeypatch.setattr(sys, "argv", ["allennlp", *command.split(), *options.split()])
    with pytest.raises(SystemExit):
        main()
    assert message in capsys.readouterr().err
