import json
import time
from dataclasses import dataclass
from typing import Any, Dict, List

import torch
from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules
from allennlp.predictors import Predictor

from sept_allennlp.archives.loading import load_archive
from sept_allennlp.commands.predict import annotate_lines
from sept_allennlp.corpus.inputs import CorpusError
from sept_allennlp.corpus.settings import ModelSettings, file_digest
from sept_allennlp.corpus.shards import ShardLines
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.formats.requests import dump_line


@dataclass
class PredictedShard:
    """
    What became of a shard's lines.

    # Parameters

    lines : `List[str]`
        The documents with their entities, in the order of the input, as `allennlp predict` writes
        them.
    errors : `List[str]`
        For each line that failed a line of JSON, with `file`, `line` and `error`, and the `id` and
        `doc_key` if there are.
    seconds : `float`
    started : `float`
        In seconds since 1970.
    """

    lines: List[str]
    errors: List[str]
    seconds: float
    started: float


class ShardPredictor:
    """
    Holds a worker's model and predicts one shard after the other, as `allennlp predict` does.

    # Parameters

    settings : `ModelSettings`

    # Raises

    `CorpusError` if the archive is another than it was when the run began, or holds no SEPT.
    """

    def __init__(self, settings: ModelSettings) -> None:
        torch.set_num_threads(settings.threads)
        # As AllenNLP's commands do.
        import_plugins()
        for package in settings.packages:
            import_module_and_submodules(package)
        if file_digest(settings.archive) != settings.digest:
            raise CorpusError(
                f"{settings.archive}: the archive is not the one that the run began with"
            )
        self._predictor = load_predictor(settings)
        self._batch_size = settings.batch_size

    def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
        started, clock = time.time(), time.perf_counter()
        lines: List[str] = []
        errors: List[str] = []
        outputs = self._outputs(shard_lines.lines)
        for index, output in enumerate(outputs):
            if "error" in output:
                errors.append(dump_line(_error(output, shard_lines, index, file_name)))
            else:
                lines.append(self._predictor.dump_line(output))
        return PredictedShard(lines, errors, time.perf_counter() - clock, started)

    def _outputs(self, lines: List[bytes]) -> List[Dict[str, Any]]:
        try:
            return list(annotate_lines(self._predictor, lines, self._batch_size))
        except Exception:
            # A document that the model fails on, or that is too large for the GPU, must not cost
            # the others their entities.
            return [self._output(line) for line in lines]

    def _output(self, line: bytes) -> Dict[str, Any]:
        try:
            (output,) = annotate_lines(self._predictor, [line], batch_size=1)
            return output
        except Exception as error:
            # What it says of itself could be read, or it would not have come to the model.
            fields = json.loads(line)
            names = {name: fields[name] for name in ("id", "doc_key") if name in fields}
            return {**names, "error": f"the model failed: {type(error).__name__}: {error}"}


def _error(
    output: Dict[str, Any], shard_lines: ShardLines, index: int, file_name: str
) -> Dict[str, Any]:
    # An empty line stands in for one that could not be read.
    reason = shard_lines.unreadable.get(index, output["error"])
    where = {"file": file_name, "line": shard_lines.shard.first_line + index, "error": reason}
    return {**where, **{name: value for name, value in output.items() if name not in where}}


def load_predictor(settings: ModelSettings) -> SEPTPredictor:
    archive = load_archive(
        settings.archive, cuda_device=settings.cuda_device, overrides=settings.overrides
    )
    predictor = Predictor.from_archive(archive, extra_args=dict(settings.predictor_args))
    if not isinstance(predictor, SEPTPredictor):
        raise CorpusError(f"{settings.archive}: holds no SEPT but a {type(archive.model).__name__}")
    return predictor
