import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Iterator, List, Tuple

from sept_runtime.corpus.inputs import CorpusError
from sept_runtime.corpus.settings import ModelSettings, model_digest
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import failure_to_json
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.onnx.folder import folder_size
from sept_runtime.options import Decoding

if TYPE_CHECKING:
    # It imports pyarrow, which not everybody has who says '--include-package sept_allennlp'.
    from sept_runtime.corpus.shards import ShardLines


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


class ShardPredictor(ABC):
    """
    Holds a worker's model and predicts one shard after the other, as `allennlp predict` does. A
    subclass knows a kind of model, and what it takes:

    process_bytes : `float`
        What a worker takes besides its model.
    bytes_per_model_byte : `float`
        A loaded model, per byte of its files, with room for its loading.

    # Parameters

    settings : `ModelSettings`

    # Raises

    `CorpusError` if the model is another than it was when the run began, and what `load` raises.
    """

    process_bytes: ClassVar[float]
    bytes_per_model_byte: ClassVar[float] = 3

    def __init__(self, settings: ModelSettings) -> None:
        if model_digest(settings.archive) != settings.digest:
            raise CorpusError(
                f"{settings.archive}: the model is not the one that the run began with"
            )
        self._predictor, self._decoding = self.load(settings)
        self._batch_size = settings.batch_size

    @classmethod
    @abstractmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """What predicts, and which of the spans become entities."""

    @classmethod
    def worker_bytes(cls, settings: ModelSettings) -> float:
        """What a worker takes."""
        path = Path(settings.archive)
        size = folder_size(path) if path.is_dir() else path.stat().st_size
        return cls.process_bytes + cls.bytes_per_model_byte * size

    def predict(self, shard_lines: "ShardLines", file_name: str) -> PredictedShard:
        """
        Predicts a shard's lines. One that fails costs no other its entities: a batch that fails is
        predicted anew, line by line.
        """
        started, clock = time.time(), time.perf_counter()
        lines: List[str] = []
        errors: List[str] = []
        outputs = self._outputs(shard_lines.lines)
        for index, output in enumerate(outputs):
            if "error" in output:
                errors.append(dump_line(_error(output, shard_lines, index, file_name)))
            else:
                lines.append(dump_line(output))
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
        return predict_lines(self._predictor, lines, self._decoding, self._batch_size)


def _error(
    output: Dict[str, Any], shard_lines: "ShardLines", index: int, file_name: str
) -> Dict[str, Any]:
    # An empty line stands in for one that could not be read.
    reason = shard_lines.unreadable.get(index, output["error"])
    where = {"file": file_name, "line": shard_lines.shard.first_line + index, "error": reason}
    return {**where, **{name: value for name, value in output.items() if name not in where}}


class ExportedShardPredictor(ShardPredictor):
    """For exported models: its process imports neither PyTorch nor AllenNLP."""

    process_bytes = 0.5 * 2**30

    @classmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """
        # Raises

        `ExportedModelError` if it is not one to load, and `CorpusError` for settings that only
        archives know.
        """
        for option, given in (
            ("overrides", settings.overrides),
            ("packages to include", settings.packages),
            ("GPU", settings.cuda_device >= 0),
        ):
            if given:
                raise CorpusError(f"{settings.archive}: an exported model takes no {option}")
        predictor = ExportedPredictor(
            Path(settings.archive), settings.threads, settings.engine, settings.precision
        )
        try:
            return predictor, predictor.decoding.changed(**settings.predictor_args)
        except (TypeError, ValueError) as error:
            raise CorpusError(f"--predictor-args: {error}") from None
