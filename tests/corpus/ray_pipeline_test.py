import runpy
import sys

import pytest

from sept_allennlp.corpus import ray_pipeline


def test_can_be_imported_where_ray_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # As '--include-package sept_allennlp' does in every training.
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "annotate_units" in runpy.run_path(str(ray_pipeline.__file__))
