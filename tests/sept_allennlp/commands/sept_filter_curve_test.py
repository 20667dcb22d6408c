import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable

import pandas
import pytest
from allennlp.commands import main
from allennlp.commands.train import train_model

from tests.experiments import FIXTURES, experiment

DEV = str(FIXTURES / "abstracts" / "dev.json")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["allennlp", "sept-filter-curve", *arguments])
        main()

    return run


@pytest.mark.trains
def test_the_curve_is_that_of_the_filter(
    command: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = tmp_path / "run"
    train_model(experiment({"trainer.num_epochs": 3}, "span_filter_light.jsonnet"), str(run))
    stem = tmp_path / "figures" / "figure3"
    command(str(run / "model.tar.gz"), DEV, "--output", str(stem))

    points = pandas.read_csv(f"{stem}.csv")
    assert list(points.columns) == ["threshold", "recall", "filtration_rate"]
    assert points["threshold"].iloc[0] == pytest.approx(1e-8)
    assert points["threshold"].is_monotonic_increasing
    assert points["recall"].is_monotonic_decreasing
    assert points["filtration_rate"].is_monotonic_increasing
    # At the least threshold all of the 160 entities pass but the one that is too wide.
    assert points["recall"].iloc[0] == 159 / 160 and points["recall"].iloc[-1] < 0.1

    # The same as when the filter was trained, up to what a batch's rounding does.
    pandas.testing.assert_frame_equal(
        pandas.read_csv(run / "filter_curve.csv"), points, atol=0.01, check_exact=False
    )

    metrics = json.loads((run / "metrics.json").read_text())
    rate = metrics["best_validation_filtration_rate"]
    printed = capsys.readouterr().out
    assert f"recall {metrics['best_validation_recall']:.4f}, filtration rate {rate:.4f}" in printed
    texts = [element.text for element in ElementTree.parse(f"{stem}.svg").iter() if element.text]
    assert "recall of the entities" in texts
    assert any(text.startswith("the filter's own: ") for text in texts)
    assert Path(f"{stem}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("fault", ["a SEPT", "no data"])
def test_other_models_and_data_without_entities_are_refused(
    fault: str,
    command: Callable[..., None],
    trained_archive: str,
    filter_archive: str,
    tmp_path: Path,
) -> None:
    data = DEV if fault == "a SEPT" else "nowhere.json"
    archive = trained_archive if fault == "a SEPT" else filter_archive
    message = "must hold a span filter, not a SEPT" if fault == "a SEPT" else "nowhere.json"
    with pytest.raises(SystemExit, match=message):
        command(archive, data, "--output", str(tmp_path / "figure3"))
    assert not (tmp_path / "figure3.csv").exists()
