import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

import pytest

import sept_allennlp
import sept_runtime
from sept_runtime.documents import Document
from sept_runtime.inference.annotator import Entity
from sept_runtime.onnx import ExportedPredictor
from tests.openvino import ENGINES

TEXTS = [
    "We use a parser (fast) for parsing.",
    "",
    "It works on state-of-the-art documents, as Smith et al. (2019) say. It is a model.",
    " ".join(["We train a small model on a corpus of documents ."] * 60),
    "\u200b \x00 👩‍🔬 -LRB- \ud800",
] * 3


def rounded(found: List[List[Entity]]) -> Any:
    return [[(e.start, e.end, e.label, round(e.score, 4)) for e in entities] for entities in found]


@pytest.mark.parametrize(
    "options", [{}, {"flat": False, "top_labels": 2}, {"min_score": 0.3, "flat": True}]
)
def test_the_same_answers_as_the_archive(
    trained_archive: str, exported_model: Path, options: Dict[str, Any]
) -> None:
    expected = list(sept_allennlp.load(trained_archive, **options).annotate(TEXTS, batch_size=4))
    found = list(sept_runtime.load(exported_model, **options).annotate(TEXTS, batch_size=4))
    assert rounded(found) == rounded(expected)
    assert any(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_has_no_influence(exported_model: Path, engine: str) -> None:
    model = sept_runtime.load(exported_model, engine=engine)
    together = list(model.annotate(TEXTS, batch_size=8))
    alone = [entities for text in TEXTS for entities in model.annotate([text])]
    assert rounded(together) == rounded(alone)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_may_share_a_model(exported_model: Path, engine: str) -> None:
    model = sept_runtime.load(exported_model, threads=2, engine=engine)
    texts = [f"We train model {n} on {n % 7} documents." for n in range(60)]
    expected = list(model.annotate(texts, batch_size=1))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: next(model.annotate([text])), texts))
    assert rounded(found) == rounded(expected)


def test_very_many_spans_are_scored_in_chunks(
    exported_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [Document("", [["We", "train", "unsupervised", "models"] * 5] * 3)] * 2
    predictor = ExportedPredictor(exported_model)
    expected = predictor.score_batch(documents)
    monkeypatch.setattr("sept_runtime.onnx.heads._MAX_ROWS", 7)
    for found, scored in zip(predictor.score_batch(documents), expected):
        assert found.spans.tolist() == scored.spans.tolist()
        assert found.probabilities == pytest.approx(scored.probabilities, abs=1e-5)


def test_invalid_options_are_refused(exported_model: Path) -> None:
    with pytest.raises(ValueError, match="threads must be at least 1"):
        sept_runtime.load(exported_model, threads=0)
    with pytest.raises(ValueError, match="min_score must be a number between 0 and 1"):
        sept_runtime.load(exported_model, min_score=2.0)


FLAT = """
import json, random, sys
from pathlib import Path
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.inference.json_lines import predict_lines

predictor = ExportedPredictor(Path(sys.argv[1]), threads=1, engine=sys.argv[2])
def lines(seed, number):
    draw = random.Random(seed)
    for _ in range(number):
        words = draw.choices("we train a parser unsupervised .".split(), k=draw.randint(1, 150))
        yield json.dumps({"text": " ".join(words)}).encode()

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20

after = []
for seed, number in ((1, 2000), (2, 3000), (2, 3000)):
    for _ in predict_lines(predictor, lines(seed, number), predictor.decoding, 32):
        pass
    after.append(resident())
print(json.dumps(after))
"""


@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="says how much memory there is")
@pytest.mark.parametrize("engine", ENGINES)
def test_memory_stays_flat_over_documents_of_all_lengths(exported_model: Path, engine: str) -> None:
    run = [sys.executable, "-c", FLAT, str(exported_model), engine]
    output = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    first, others, others_again = json.loads(output)
    # New shapes of batches take memory until all were seen: 4 MB here in OpenVINO, and 20 MB if
    # lengths are not rounded up.
    assert others < first + 12
    assert others_again < others + 4


LIGHT = """
import sys
import sept_runtime
model = sept_runtime.load(sys.argv[1], engine=sys.argv[2])
(entities,) = model.annotate(["We use a parser for parsing."])
assert entities
heavy = {"torch", "allennlp", "transformers", "sept_allennlp", "onnx", "pandas"} & set(sys.modules)
assert not heavy, heavy
# One of the two is enough.
assert [name for name in ("onnxruntime", "openvino") if name in sys.modules] == [sys.argv[2]]
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_it_predicts_without_the_training_half(exported_model: Path, engine: str) -> None:
    subprocess.run([sys.executable, "-c", LIGHT, str(exported_model), engine], check=True)
