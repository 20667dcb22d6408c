import json
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List

import torch
from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules

from sept_allennlp.corpus.inputs import CorpusError
from sept_allennlp.corpus.settings import ModelSettings, file_digest
from sept_allennlp.corpus.shards import ShardLines
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import failure_to_json
from sept_runtime.json_prediction import predict_lines


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

    `CorpusError` if the archive is another than it was when the run began, and `ArchiveError` if it
    is not safe to load, or holds no SEPT.
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
        """
        Predicts a shard's lines. One that fails costs no other its entities: a batch that fails is
        predicted anew, line by line.

        # Parameters

        shard_lines : `ShardLines`
        file_name : `str`
            What the errors call the file.
        """
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
            return list(self._predict(lines))
        except Exception:
            # A document that the model fails on, or that is too large for the GPU, must not cost
            # the others their entities.
            return [self._output(line) for line in lines]

    def _output(self, line: bytes) -> Dict[str, Any]:
        try:
            (output,) = self._predict([line])
            return output
        except Exception as error:
            # What it says of itself could be read, or it would not have come to the model.
            reason = f"the model failed: {type(error).__name__}: {error}"
            return failure_to_json(reason, json.loads(line))

    def _predict(self, lines: List[bytes]) -> Iterator[JsonObject]:
        return predict_lines(self._predictor, lines, self._predictor.decoding, self._batch_size)


def _error(
    output: Dict[str, Any], shard_lines: ShardLines, index: int, file_name: str
) -> Dict[str, Any]:
    # An empty line stands in for one that could not be read.
    reason = shard_lines.unreadable.get(index, output["error"])
    where = {"file": file_name, "line": shard_lines.shard.first_line + index, "error": reason}
    return {**where, **{name: value for name, value in output.items() if name not in where}}


def load_predictor(settings: ModelSettings) -> SEPTPredictor:
    """
    # Raises

    `ArchiveError` if the archive is not safe to load, or holds no SEPT.
    """
    return SEPTPredictor.from_path(
        settings.archive,
        cuda_device=settings.cuda_device,
        import_plugins=False,
        overrides=settings.overrides,
        **settings.predictor_args,
    )
