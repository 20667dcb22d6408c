import runpy
import sys

import pytest
from allennlp.commands import main

from sept_runtime.corpus import ray_pipeline


def test_can_be_imported_where_ray_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # As '--include-package sept_allennlp' does in every training.
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "predict_shards" in runpy.run_path(str(ray_pipeline.__file__))


def test_the_command_says_where_ray_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(
        sys, "argv", ["allennlp", "sept-annotate", "m.tar.gz", "in", "--output", "o"]
    )
    with pytest.raises(SystemExit, match="needs Ray, which comes by: pip install"):
        main()
