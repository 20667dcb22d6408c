import runpy
import sys

import pytest

from sept_runtime.commands import main
from sept_runtime.corpus import ray_cluster


def test_can_be_imported_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    # As '--include-package sept_allennlp' does in every training.
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "RayCluster" in runpy.run_path(str(ray_cluster.__file__))


def test_the_command_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit, match="^sept annotate: needs the extra 'ray': pip install"):
        main(["annotate", "in", "--output", "out"])
