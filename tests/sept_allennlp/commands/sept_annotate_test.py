from pathlib import Path

import pytest
from allennlp.commands import main

import sept_allennlp  # noqa: F401  (registers the command)


def test_soft_labels_in_a_format_that_has_no_place_for_them_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--format", "parquet", "--predictor-args", '{"soft_labels": 0.01}']
    paths = ["model.tar.gz", "texts.jsonl", "--output", str(tmp_path / "annotated")]
    monkeypatch.setattr("sys.argv", ["allennlp", "sept-annotate", *paths, *options])
    with pytest.raises(SystemExit, match="^sept-annotate: soft labels go into JSON lines alone"):
        main()
    assert not (tmp_path / "annotated").exists()
