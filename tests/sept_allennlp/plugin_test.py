import subprocess
import sys

import pytest

# What only the extras beside 'train' and 'spacy' bring.
EXTRAS = ("onnx", "onnxscript", "openvino", "pyarrow", "ray")

# What only some commands need.
UNUSED = ("matplotlib", "onnxruntime", "sept_allennlp.experiments", "sept_allennlp.export", "wandb")


@pytest.mark.processes
def test_all_of_the_plugin_can_be_imported_without_the_extras() -> None:
    # As '--include-package sept_allennlp' does, of the README and of 'sept-suite'.
    lines = [
        "import sys",
        # By which Python says that there is no such package.
        f"sys.modules.update(dict.fromkeys({EXTRAS}))",
        "import sept_allennlp",
        # Every command of AllenNLP imports the plugin, and few need these.
        f"assert not sys.modules.keys() & set({UNUSED})",
        "parts = {m.split('.')[1] for m in sys.modules if m.startswith('allennlp_models.')}",
        "assert parts == {'common', 'tagging'}, parts",
        "from allennlp.common.util import import_module_and_submodules",
        "import_module_and_submodules('sept_allennlp')",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
