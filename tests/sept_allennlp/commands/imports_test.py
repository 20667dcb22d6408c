import subprocess
import sys

import pytest


@pytest.mark.processes
def test_the_commands_import_experiments_only_when_they_run() -> None:
    # AllenNLP itself imports pandas, by scikit-learn.
    script = (
        "import sys, sept_allennlp\n"
        "print([m for m in sys.modules if m in ('matplotlib', 'optuna')"
        " or m.startswith('sept_allennlp.experiments')])"
    )
    run = [sys.executable, "-c", script]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == "[]"
