import json
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, settings

# The same inputs in every run of the suite; "make fuzz" looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("suite")

TINY_ENCODER = Path(__file__).parents[1] / "fixtures" / "tiny_encoder"


@pytest.fixture(scope="session")
def tiny_encoder() -> str:
    """The folder of a pre-trained encoder that takes 64 pieces at once, 16 wide."""
    return str(TINY_ENCODER)


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., str]:
    """Writes objects (as JSON) and strings (as they are) to a file, one a line; gives its path."""

    def write(*lines: Any, name: str = "abstracts.jsonl") -> str:
        path = tmp_path / name
        path.write_text(
            "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines),
            encoding="utf-8",
        )
        return str(path)

    return write


@pytest.fixture(scope="session")
def trained_archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The archive of a SEPT trained for a moment: wrong about most things, sure about none."""
    from allennlp.commands.train import train_model

    from tests.experiments import experiment

    run = tmp_path_factory.mktemp("trained") / "run"
    overrides = {"trainer.num_epochs": 2, "trainer.optimizer.lr": 0.01}
    train_model(experiment(overrides), str(run))
    return str(run / "model.tar.gz")
