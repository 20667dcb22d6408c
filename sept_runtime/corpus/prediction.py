import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Dict, List, Sequence, Tuple, Type

from typing_extensions import override

from sept_runtime.corpus.formats import encode, with_text_field
from sept_runtime.corpus.inputs import InputFile
from sept_runtime.corpus.output_folder import OutputFolder, ShardRecord
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings, model_digest
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.errors import CorpusError
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import failure_to_json
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.onnx.folder import folder_size
from sept_runtime.options import Decoding

# A text that any model can annotate, as long as an abstract: a worker that fails on a document and
# on this text is broken. One that fails on the document alone is not.
_CHECK_LINE = json.dumps({"text": "We train a small parser on a corpus of text. " * 20}).encode()


class WorkerFault(RuntimeError):
    """A worker cannot annotate any more, whatever the document."""


@dataclass
class PredictedShard:
    """
    The results of a shard's lines.

    # Parameters

    lines : `List[str]`
        The annotated documents in the order of the input, as `allennlp predict` writes them.
    errors : `List[str]`
        A line of JSON for each line that failed, with `file`, `line` and `error`, and the `id` and
        `doc_key` if the line has them.
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
    Base class for the models of workers.

    A subclass loads one kind of model and has these attributes:

    process_bytes : `float`
        The memory that a worker takes besides its model.
    bytes_per_model_byte : `float`
        The memory for loading and holding a model, per byte of its files.

    # Parameters

    settings : `ModelSettings`

    # Raises

    `CorpusError` if the model has changed since the run began, and the errors of `load`.
    """

    process_bytes: ClassVar[float]
    bytes_per_model_byte: ClassVar[float] = 3

    def __init__(self, settings: ModelSettings) -> None:
        if model_digest(settings.archive) != settings.digest:
            raise CorpusError(
                f"{settings.archive} has changed since the run began. Put the old model back, or "
                "choose a new output folder."
            )
        self._predictor, self._decoding = self.load(settings)
        self._batch_size = settings.batch_size

    @classmethod
    @abstractmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """Load the model and its decoding options."""

    @classmethod
    def worker_bytes(cls, settings: ModelSettings) -> float:
        """Return the memory that a worker takes."""
        path = Path(settings.archive)
        size = folder_size(path) if path.is_dir() else path.stat().st_size
        return cls.process_bytes + cls.bytes_per_model_byte * size

    def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
        """
        Predict a shard's lines. A line that fails costs no other line its entities.

        # Raises

        `WorkerFault` if the model fails and it is not because of the document.
        """
        started, clock = time.time(), time.perf_counter()
        lines: List[str] = []
        errors: List[str] = []
        for index, output in enumerate(self._outputs(shard_lines.lines)):
            if "error" in output:
                errors.append(dump_line(_error(output, shard_lines, index, file_name)))
            else:
                lines.append(dump_line(output))
        return PredictedShard(lines, errors, time.perf_counter() - clock, started)

    def _outputs(self, lines: Sequence[bytes]) -> List[JsonObject]:
        try:
            return self._predict(lines)
        except Exception:
            # One at a time, to find the documents that the model fails on.
            return [self._output(line) for line in lines]

    def _output(self, line: bytes) -> JsonObject:
        try:
            return self._predict([line])[0]
        except Exception as error:
            reason = f"the model failed: {type(error).__name__}: {error}"
        self._check_health(reason)
        # Only a line with a document in it reaches the model.
        return failure_to_json(reason, json.loads(line))

    def _check_health(self, reason: str) -> None:
        try:
            self._predict([_CHECK_LINE])
        except Exception:
            raise WorkerFault(f"{reason} (and it fails on any other text, too)") from None

    def _predict(self, lines: Sequence[bytes]) -> List[JsonObject]:
        return [*predict_lines(self._predictor, lines, self._decoding, self._batch_size)]


def _error(
    output: Dict[str, Any], shard_lines: ShardLines, index: int, file_name: str
) -> Dict[str, Any]:
    # An empty line stands in for one that could not be read.
    reason = shard_lines.unreadable.get(index, output["error"])
    where = {"file": file_name, "line": shard_lines.shard.first_line + index, "error": reason}
    return {**where, **{name: value for name, value in output.items() if name not in where}}


class ExportedShardPredictor(ShardPredictor):
    """An exported model. Its process imports neither PyTorch nor AllenNLP."""

    process_bytes = 0.5 * 2**30

    @override
    @classmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """
        Load the model and its decoding options.

        # Raises

        `ExportedModelError` if the model cannot be loaded, `CorpusError` for settings that only
        apply to archives.
        """
        for option, given in (
            ("--overrides", settings.overrides),
            ("--include-package", settings.packages),
            ("--gpus-per-actor", settings.cuda_device >= 0),
        ):
            if given:
                raise CorpusError(
                    f"{option} applies to archives, and {settings.archive} is an exported model. "
                    f"Leave out {option}."
                )
        predictor = ExportedPredictor(
            Path(settings.archive), settings.threads, settings.engine, settings.precision
        )
        try:
            return predictor, predictor.decoding.changed(**settings.predictor_args)
        except (TypeError, ValueError) as error:
            raise CorpusError(f"--predictor-args: {error}") from None


class Worker:
    """
    A loaded model that annotates shards and writes the results.

    # Parameters

    settings : `CorpusSettings`
    inputs : `Sequence[InputFile]`
    output : `OutputFolder`
    attempt : `str`
        The name of the attempt in the output folder.
    predictor_class : `Type[ShardPredictor]`
    """

    def __init__(
        self,
        settings: CorpusSettings,
        inputs: Sequence[InputFile],
        output: OutputFolder,
        attempt: str,
        predictor_class: Type[ShardPredictor],
    ) -> None:
        self._settings = settings
        self._inputs = inputs
        self._output = output
        self._attempt = attempt
        self._predictor = predictor_class(settings.model)

    def annotate(self, lines: ShardLines) -> ShardRecord:
        """Annotate a shard, write its files, and return its record."""
        shard = lines.shard
        processor = time.process_time()
        file = self._inputs[shard.file]
        if self._settings.text_column:
            lines = with_text_field(lines, file, self._settings.text_column)
        predicted = self._predictor.predict(lines, file.path)
        clock = time.perf_counter()
        annotations = encode(predicted.lines, self._settings.format, self._settings.compression)
        errors = "".join(predicted.errors).encode()
        self._output.write(self._attempt, shard, annotations, errors)
        record = ShardRecord(
            shard,
            annotated=len(predicted.lines),
            failed=len(predicted.errors),
            shard_bytes=len(annotations),
            error_bytes=len(errors),
            seconds={
                "reading": lines.seconds,
                "annotating": predicted.seconds,
                "writing": time.perf_counter() - clock,
                "processor": time.process_time() - processor,
            },
            started=predicted.started,
        )
        self._output.commit(self._attempt, record)
        return record
