"""
`allennlp push-to-hf` with the current `huggingface_hub`, for trained and for exported models.

AllenNLP's function clones the repository by functions that the library has removed. This one writes
the files and a model card to a local folder and uploads it.
"""

import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from allennlp.commands import push_to_hf as command
from allennlp.common.checks import ConfigurationError
from huggingface_hub import EvalResult, HfApi, ModelCardData

from sept_runtime.onnx.folder import CONFIGURATION

# The files of a training's folder or an archive that are uploaded.
_TRAINED = ("config.json", "meta.json", "metrics.json", "vocabulary", "log")
_WEIGHTS = "weights.th"
_CARD = "README.md"


def push_to_hf(
    repo_name: str,
    serialization_dir: Optional[str] = None,
    archive_path: Optional[str] = None,
    organization: Optional[str] = None,
    commit_message: str = "Update repository",
    local_repo_path: str = "hub",
    use_auth_token: Union[bool, str] = True,
) -> str:
    """
    Upload a model to the Hugging Face Hub and return its address.

    # Parameters

    repo_name, organization : `str`
    serialization_dir : `str`, optional
        The folder of a training, or of an exported model.
    archive_path : `str`, optional
        An archive, instead.
    commit_message : `str`
    local_repo_path : `str`
        The folder below which the files are collected, in a folder of the repository's name.
    use_auth_token : `Union[bool, str]`
        A token, or whether to use the one of `huggingface-cli login`.

    # Raises

    `ConfigurationError` if there is no model.
    """
    folder = Path(local_repo_path) / repo_name
    folder.mkdir(parents=True, exist_ok=True)
    if archive_path is not None:
        with tempfile.TemporaryDirectory() as unpacked:
            _unpack(Path(archive_path), unpacked)
            _copy_trained(Path(unpacked), folder)
    else:
        model = Path(serialization_dir or "")
        if (model / CONFIGURATION).is_file():
            shutil.copytree(model, folder, dirs_exist_ok=True)
        else:
            _copy_trained(model, folder)
    write_card(folder, repo_name)
    api = HfApi(token=use_auth_token)
    name = f"{organization}/{repo_name}" if organization else repo_name
    address = api.create_repo(repo_id=name, exist_ok=True)
    api.upload_folder(
        repo_id=address.repo_id, folder_path=str(folder), commit_message=commit_message
    )
    print(address)
    return str(address)


def install() -> None:
    """Have `allennlp push-to-hf` upload by this function."""
    command.push_to_hf = push_to_hf  # type: ignore[assignment]


def _unpack(archive: Path, folder: str) -> None:
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ConfigurationError(f"{archive}: not a model archive, or damaged ({error}).") from None


def _copy_trained(model: Path, folder: Path) -> None:
    weights = [model / name for name in ("best.th", _WEIGHTS) if (model / name).is_file()]
    if not weights or not (model / "config.json").is_file():
        raise ConfigurationError(
            f"{model}: neither a finished training nor an exported model: best.th and config.json, "
            f"or {CONFIGURATION}, must be there."
        )
    shutil.copy(weights[0], folder / _WEIGHTS)
    for name in _TRAINED:
        if (model / name).is_dir():
            shutil.copytree(model / name, folder / name, dirs_exist_ok=True)
        elif (model / name).is_file():
            shutil.copy(model / name, folder / name)


def write_card(folder: Path, name: str) -> None:
    """Write a model card with the header that the hub reads, above the card that is there."""
    path = folder / _CARD
    text = path.read_text(encoding="utf-8") if path.exists() else f"# {name}\n"
    if text.startswith("---\n"):
        # The header of an earlier upload.
        text = text.split("\n---\n", 1)[1].lstrip("\n")
    exported = (folder / CONFIGURATION).is_file()
    header = ModelCardData(
        language="en",
        license="apache-2.0",
        library_name="sept_runtime" if exported else "allennlp",
        tags=["sept_allennlp", "named-entity-recognition", "span-classification"],
        pipeline_tag="token-classification",
        **_scores(folder, name),
    )
    path.write_text(f"---\n{header.to_yaml()}\n---\n\n{text}", encoding="utf-8")


def _scores(folder: Path, name: str) -> Dict[str, Any]:
    """Return the hub's fields about the data and the metrics, as far as they are known."""
    metrics = _read_json(folder / "metrics.json")
    data = str(_read_json(folder / "config.json").get("validation_data_path") or "")
    # The part of an address, a path or a member of an archive that names the data.
    parts = [part for part in data.replace("!", "/").split("/") if part][:-1]
    dataset = parts[-1] if parts else "validation data"
    results: List[EvalResult] = [
        EvalResult(
            task_type="token-classification",
            task_name="Named entity recognition",
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_split="validation",
            metric_type=metric,
            metric_name=metric,
            metric_value=metrics[f"best_validation_{metric}"],
        )
        for metric in ("precision", "recall", "f1")
        if f"best_validation_{metric}" in metrics
    ]
    if not results:
        return {}
    fields: Dict[str, Any] = {"model_name": name, "datasets": [dataset], "eval_results": results}
    return {**fields, "metrics": [result.metric_type for result in results]}


def _read_json(path: Path) -> Dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
