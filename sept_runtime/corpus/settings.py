from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from sept_runtime.onnx.folder import file_digest, folder_digest
from sept_runtime.options import ENGINES, PRECISIONS, non_default_options
from sept_runtime.version import VERSION

# A multiple of the blocks in which documents of similar length are batched, for a batch size of 32
# or another power of two up to 128. A document then shares its batch with the same documents as in
# `allennlp predict`.
LINES_PER_SHARD = 2048


@dataclass(frozen=True)
class ModelSettings:
    """
    What a worker needs to know to load the model.

    # Parameters

    archive : `str`
        A `model.tar.gz` or the folder of an exported model, which every worker can read.
    digest : `str`
        Of its content: a worker that starts when the model is another by now, or that finds another
        on its machine, must not go on with it.
    overrides : `str`, optional
    predictor_args : `Dict[str, Any]`, optional
        Both as for `allennlp predict`.
    packages : `Tuple[str, ...]`, optional
        To be imported before, as by `--include-package`.
    batch_size : `int`, optional (default = `32`)
    threads : `int`, optional (default = `1`)
        How many of the processor's cores a worker uses.
    cuda_device : `int`, optional (default = `-1`)
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        What runs an exported model, and in which numbers; see `sept_runtime.options`.
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
        Describes a model as it is now.

        # Raises

        `ExportedModelError` for a folder that is none of an exported model, or damaged.
        """
        path = str(Path(archive).resolve())
        return cls(path, model_digest(path), **options)


@dataclass(frozen=True)
class CorpusSettings:
    """
    What `allennlp sept-annotate` is told.

    # Parameters

    model : `ModelSettings`
        Its archive is read on this machine; on a cluster, on all of them.
    inputs : `Tuple[str, ...]`
        Files, folders and patterns, see `inputs.find_inputs`.
    output : `Path`
    format, compression : `str`, optional
        See `formats`.
    lines_per_shard : `int`, optional
    text_column : `str`, optional (default = `"text"`)
        The column of Parquet files that holds the raw text.
    workers : `int`, optional
        How many (default = as many as there are cores, or GPUs, and memory for).
    cpus, gpus : `float`, optional
        What each of them has.
    address : `str`, optional
        Of a Ray cluster; this machine alone unless given.
    progress_seconds : `float`, optional (default = `10.0`)
        How often at most to say how far it is.
    """

    model: ModelSettings
    inputs: Tuple[str, ...]
    output: Path
    format: str = "jsonl"
    compression: str = "gz"
    lines_per_shard: int = LINES_PER_SHARD
    text_column: Optional[str] = None
    workers: Optional[int] = None
    cpus: float = 1.0
    gpus: float = 0.0
    address: Optional[str] = None
    progress_seconds: float = 10.0

    def identity(self) -> Dict[str, Any]:
        """
        Says what the output depends on: what a run that goes on with another's must have in common
        with it. The number of workers and what they run on do not belong to it.
        """
        return {
            "version of sept_allennlp": VERSION,
            "archive's SHA-256": self.model.digest,
            "overrides": self.model.overrides,
            "predictor-args": self.model.predictor_args,
            "format": self.format,
            "compression": self.compression,
            "shard-size": self.lines_per_shard,
            "text-column": self.text_column,
            # Runs that were begun before there were others have neither.
            **non_default_options(self.model.engine, self.model.precision),
        }


def model_digest(path: str) -> str:
    """The SHA-256 of an archive, or of an exported model's configuration, which has the others'."""
    return folder_digest(Path(path)) if Path(path).is_dir() else file_digest(Path(path))
