"""
Archives inside an archive: of models that a model was made from (`from_archive`, `_pretrained`).

AllenNLP needs such an archive again whenever the new model is loaded, although all weights are the
new model's. So the new archive holds its skeleton: its configuration and its vocabulary, with the
encoders, filters and skeletons in it, and an empty file for the weights.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from allennlp.models.archival import CONFIG_NAME

from sept_allennlp.archives.unpacking import WEIGHTS_NAME, skeleton_folder, unpacked


def archive_skeletons(serialization_dir: str) -> None:
    """Put the skeletons of all archives that a run's model names where AllenNLP archives them."""
    file = Path(serialization_dir) / CONFIG_NAME
    if not file.is_file():
        return
    for archive in set(_named_archives(json.loads(file.read_text())["model"])):
        target = skeleton_folder(archive, Path(serialization_dir))
        if (target / WEIGHTS_NAME).is_file():
            continue
        with unpacked(archive) as source:
            shutil.copytree(source.folder / "vocabulary", target / "vocabulary", dirs_exist_ok=True)
            (target / CONFIG_NAME).write_text(json.dumps(source.config))
        # Last, because its presence says that the skeleton is complete.
        (target / WEIGHTS_NAME).touch()


def model_config(config: Dict[str, Any], folder: Path) -> Any:
    """
    Return the configuration of the model itself if it was made from another archive.

    # Parameters

    config : `Dict[str, Any]`
    folder : `Path`
        The unpacked archive.
    """
    model = config["model"]
    archive = _from_archive(model)
    if archive is None:
        return model
    skeleton = skeleton_folder(archive, folder)
    if not (skeleton / CONFIG_NAME).is_file():
        return model
    return model_config(json.loads((skeleton / CONFIG_NAME).read_text()), skeleton)


def _from_archive(part: Any) -> Optional[str]:
    if isinstance(part, dict) and part.get("type") == "from_archive":
        return os.fspath(part["archive_file"])
    return None


def _named_archives(part: Any) -> Iterator[str]:
    """Yield the archives that a part of a configuration is made from."""
    archive = _from_archive(part)
    if archive is not None:
        yield archive
    if isinstance(part, dict):
        if isinstance(part.get("_pretrained"), dict):
            yield os.fspath(part["_pretrained"]["archive_file"])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _named_archives(inner)
