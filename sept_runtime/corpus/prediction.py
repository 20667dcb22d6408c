import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, List, Sequence, Tuple, Type

from typing_extensions import override

from sept_runtime.corpus.formats import encode
from sept_runtime.corpus.inputs import InputFile
from sept_runtime.corpus.output_folder import OutputFolder, ShardRecord
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings, model_digest
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.errors import CorpusError
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.records import FieldOptions, place
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.onnx import ExportedPredictor
from sept_runtime.onnx.folder import folder_size
from sept_runtime.options import Decoding

# A text that any model can annotate, as long as an abstract: a worker that fails on a document and
# on this text is broken. One that fails on the document alone is not.
_CHECK_LINE = json.dumps({"text": "We train a small parser on a corpus of text. " * 20}).encode()

_DEFAULT_FIELDS = FieldOptions()


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
    skipped : `int`, optional (default = `0`)
        The number of records without a text. A line of JSON lines without one has failed.
    reason : `str`, optional (default = `""`)
        Why the first of them was skipped.
    """

    lines: List[str]
    errors: List[str]
    seconds: float
    started: float
    skipped: int = 0
    reason: str = ""


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

    def predict(
        self, shard_lines: ShardLines, file_name: str, fields: FieldOptions = _DEFAULT_FIELDS
    ) -> PredictedShard:
        """
        Predict a shard's lines. A line that fails costs no other line its entities.

        # Parameters

        shard_lines : `ShardLines`
        file_name : `str`
            The file's name in messages.
        fields : `FieldOptions`, optional

        # Raises

        `WorkerFault` if the model fails and it is not because of the document.
        """
        clock = time.perf_counter()
        result = PredictedShard([], [], seconds=0.0, started=time.time())
        requests = []
        for index in range(len(shard_lines.lines)):
            request = _request(shard_lines, index, file_name, fields)
            # Records of other files than JSON lines are skipped if they have no text.
            if request.error and shard_lines.format != "jsonl":
                if index not in shard_lines.unreadable:
                    place_ = place(file_name, shard_lines.format, shard_lines.number(index))
                    result.skipped += 1
                    result.reason = result.reason or f"{place_}: {request.error}"
                    continue
            requests.append(request)
        for request, output in zip(requests, self._outputs(requests)):
            if "error" in output:
                where = {"file": file_name, "line": request.line, "error": output["error"]}
                result.errors.append(dump_line({**where, **output}))
            else:
                result.lines.append(dump_line(output))
        result.seconds = time.perf_counter() - clock
        return result

    def _outputs(self, requests: Sequence[Request]) -> List[JsonObject]:
        try:
            return self._predict(requests)
        except Exception:
            # One at a time, to find the documents that the model fails on.
            return [self._output(request) for request in requests]

    def _output(self, request: Request) -> JsonObject:
        try:
            return self._predict([request])[0]
        except Exception as error:
            reason = f"the model failed: {type(error).__name__}: {error}"
        self._check_health(reason)
        return request.failure(reason)

    def _check_health(self, reason: str) -> None:
        try:
            self._predict([Request.from_line(_CHECK_LINE)])
        except Exception:
            raise WorkerFault(f"{reason} (and it fails on any other text, too)") from None

    def _predict(self, requests: Sequence[Request]) -> List[JsonObject]:
        return [*predict_requests(self._predictor, requests, self._decoding, self._batch_size)]


def _request(shard_lines: ShardLines, index: int, file_name: str, fields: FieldOptions) -> Request:
    number = shard_lines.number(index)
    if index in shard_lines.unreadable:
        return Request.unreadable(shard_lines.unreadable[index], number)
    request = Request.from_line(shard_lines.lines[index], number, fields)
    if shard_lines.format == "jsonl" or request.error is not None:
        return request
    return request.named(place(Path(file_name).name, shard_lines.format, number))


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
        settings = self._settings
        predicted = self._predictor.predict(lines, file.path, settings.fields)
        clock = time.perf_counter()
        annotations = encode(predicted.lines, settings.output_format, settings.compression)
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
            skipped=predicted.skipped,
            reason=predicted.reason,
        )
        self._output.commit(self._attempt, record)
        return record
