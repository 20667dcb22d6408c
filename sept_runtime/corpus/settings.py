from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from sept_runtime.corpus import LINES_PER_SHARD
from sept_runtime.formats.records import FieldOptions
from sept_runtime.onnx.folder import file_digest, folder_digest
from sept_runtime.options import ENGINES, PRECISIONS
from sept_runtime.version import VERSION


@dataclass(frozen=True)
class ModelSettings:
    """
    The model, and how a worker loads it.

    # Parameters

    archive : `str`
        A `model.tar.gz` or the folder of an exported model, readable by every worker.
    digest : `str`
        The SHA-256 of its content. A worker that finds another model must stop.
    overrides : `str`, optional
    predictor_args : `Dict[str, Any]`, optional
        Both as for `allennlp predict`.
    packages : `Tuple[str, ...]`, optional
        The packages to import first, as for `--include-package`.
    batch_size : `int`, optional (default = `32`)
    threads : `int`, optional (default = `1`)
        The number of cores that a worker uses.
    cuda_device : `int`, optional (default = `-1`)
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        See `sept_runtime.options`.
    """

    archive: str
    digest: str
    overrides: str = ""
    predictor_args: Dict[str, Any] = field(default_factory=dict)
    packages: Tuple[str, ...] = ()
    batch_size: int = 32
    threads: int = 1
    cuda_device: int = -1
    engine: str = ENGINES[0]
    precision: str = PRECISIONS[0]

    @classmethod
    def of(cls, archive: str, **options: Any) -> "ModelSettings":
        """
        Describe a model as it is now.

        # Raises

        `ExportedModelError` for a folder that does not contain an intact exported model.
        """
        path = str(Path(archive).resolve())
        return cls(path, model_digest(path), **options)


@dataclass(frozen=True)
class CorpusSettings:
    """
    The options of a run.

    # Parameters

    model : `ModelSettings`
    inputs : `Tuple[str, ...]`
        Files, folders and patterns, see `inputs.find_inputs`.
    output : `Path`
    output_format, compression : `str`, optional
        See `formats`.
    lines_per_shard : `int`, optional
    format : `str`, optional (default = as recognized)
        The format of the inputs, see `sept_runtime.formats.records`.
    fields : `FieldOptions`, optional
        The fields of the inputs.
    one_per_line : `bool`, optional (default = `False`)
        Each line of a text file is a document.
    workers : `int`, optional
        Their number (default = as many as there are cores, or GPUs, and memory for).
    cpus, gpus : `float`, optional
        The resources of each worker.
    address : `str`, optional (default = `None`)
        The address of a Ray cluster. By default the run uses this machine alone.
    progress_seconds : `float`, optional (default = `10.0`)
        The time between two reports of the progress.
    """

    model: ModelSettings
    inputs: Tuple[str, ...]
    output: Path
    output_format: str = "jsonl"
    compression: str = "gz"
    lines_per_shard: int = LINES_PER_SHARD
    format: Optional[str] = None
    fields: FieldOptions = FieldOptions()
    one_per_line: bool = False
    workers: Optional[int] = None
    cpus: float = 1.0
    gpus: float = 0.0
    address: Optional[str] = None
    progress_seconds: float = 10.0

    def identity(self) -> Dict[str, Any]:
        """
        Return everything that changes an answer, named as the user gives it.

        A run can only be continued with the same values.

        The number of workers and their hardware are not part of it. The batch size is part of it if
        the model computes in less than float32: then a score depends on the documents of its batch.
        """
        model, fields = self.model, self.fields
        precisions = {model.precision, model.predictor_args.get("precision") or "float32"}
        return {
            "version of sept_allennlp": VERSION,
            "model's SHA-256": model.digest,
            "--overrides": model.overrides,
            "--predictor-args": model.predictor_args,
            "--include-package": [*model.packages],
            "--engine": model.engine,
            "--precision": model.precision,
            "--batch-size": "any" if precisions == {"float32"} else model.batch_size,
            "--output-format": self.output_format,
            "--compression": self.compression,
            "--shard-size": self.lines_per_shard,
            "--format": self.format,
            "--text-field": fields.text,
            "--id-field": fields.id,
            "--title-field": fields.title,
            "--with-title": fields.with_title,
            "--keep": [*fields.keep],
            "--one-per-line": self.one_per_line,
        }


def model_digest(path: str) -> str:
    """Return the SHA-256 of an archive, or of an exported model's configuration."""
    return folder_digest(Path(path)) if Path(path).is_dir() else file_digest(Path(path))
