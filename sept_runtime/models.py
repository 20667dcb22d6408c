"""Exported models that are installed as packages: find them, and make such packages."""

import base64
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import zipfile
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from os import PathLike
from pathlib import Path
from typing import Dict, List, Optional, Union

from sept_runtime.errors import ExportedModelError, needs_extra, training_command
from sept_runtime.onnx.folder import is_exported, read_folder
from sept_runtime.version import VERSION

# The group of entry points by which a package says that it holds a model. An entry point's name is
# the model's, its value the package's.
ENTRY_POINTS = "sept_models"

# The folder of the exported model in its package.
_FOLDER = "model"
_CARD = "README.md"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)?")
# The oldest time stamp that a wheel can hold, so that the same model makes the same wheel.
_TIME_STAMP = (1980, 1, 1, 0, 0, 0)
# The model card and its images, beside the files that the model needs.
_SUFFIXES = frozenset([".json", ".md", ".svg", ".png", ".txt"])
_REQUIREMENT = f"sept_allennlp>={VERSION}"
# The name of a model on the Hugging Face Hub.
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class InstalledModel:
    """
    A model that is installed as a package.

    # Parameters

    name : `str`
    version : `str`
        The package's version.
    folder : `Path`
        The folder of the exported model.
    """

    name: str
    version: str
    folder: Path

    @property
    def card(self) -> str:
        """Return the model card, or an empty string."""
        with contextlib.suppress(OSError):
            return (self.folder / _CARD).read_text(encoding="utf-8")
        return ""


def installed_models() -> Dict[str, InstalledModel]:
    """Return the installed models by name, without running code of their packages."""
    models = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        folder = _package_folder(point)
        if folder is not None:
            distribution = "" if point.dist is None else point.dist.version
            models[point.name] = InstalledModel(point.name, distribution, folder / _FOLDER)
    return models


def find_model(model: "Optional[Union[str, PathLike[str]]]" = None) -> Path:
    """
    Return the folder of an exported model.

    # Parameters

    model : `Union[str, PathLike]`, optional
        The folder, the name of an installed model, or `"ORGANIZATION/NAME"` on the Hugging Face
        Hub (extra `hub`). By default, the installed model if there is exactly one.

    # Raises

    `ExportedModelError` if there is no such model, or `model` is missing and there are several.
    """
    # Looking for installed models takes time that a given folder does not need.
    if model is not None and is_exported(Path(model)):
        return Path(model)
    installed = installed_models()
    names = ", ".join(installed)
    if model is None:
        if len(installed) == 1:
            return next(iter(installed.values())).folder
        if not installed:
            raise ExportedModelError(
                "no model is installed; install one with pip, or give the folder of an exported "
                "model"
            )
        raise ExportedModelError(f"several models are installed; choose one of them: {names}")
    if str(model) in installed:
        return installed[str(model)].folder
    path = Path(model)
    if path.is_file():
        raise ExportedModelError(
            f"{model}: must be the folder of an exported model, found a file; export an archive "
            f"{training_command('sept-export')}"
        )
    if path.is_dir():
        raise ExportedModelError(f"{model}: holds no exported model (sept.json is missing)")
    if _HUB_NAME.fullmatch(str(model)):
        return _download(str(model))
    raise ExportedModelError(
        f"{model}: there is no such folder, and no installed model of that name (installed: "
        f"{names or 'none'})"
    )


def _download(name: str) -> Path:
    """Return the folder of a model on the Hugging Face Hub, after a download if need be."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ExportedModelError(
            f"{name}: there is no such folder. "
            + needs_extra("Downloading a model of that name from the Hugging Face Hub", "hub")
        ) from None
    try:
        folder = Path(snapshot_download(name))
    except Exception as error:
        # Most errors of the hub name the reason in their first line.
        reason = str(error).strip().split("\n")[0]
        raise ExportedModelError(
            f"{name}: there is no such folder, and no model of that name could be downloaded from "
            f"the Hugging Face Hub ({reason})"
        ) from None
    if not is_exported(folder):
        raise ExportedModelError(
            f"{name}: the repository holds no exported model (sept.json is missing); export it "
            "first"
        )
    return folder


class ModelPackage:
    """
    A package that holds an exported model as data.

    # Parameters

    folder : `Path`
        The exported model.
    name : `str`
        The name by which `sept_runtime.load` and `sept predict --model` find it.
    version : `str`, optional (default = `"1.0.0"`)
    summary : `str`, optional
        One line about the model.

    # Raises

    `ExportedModelError` if the folder holds no valid exported model, and `ValueError` for an
    invalid name or version.
    """

    def __init__(self, folder: Path, name: str, version: str = "1.0.0", summary: str = "") -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid name: use letters, digits, '-' and '_'")
        if not _VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is not a valid version: use numbers, such as 1.0.0")
        configuration = read_folder(folder)
        labels = ", ".join(sorted(configuration.labels))
        self._name = name
        self._version = version
        self._summary = " ".join(summary.split()) or f"Finds entities in English text: {labels}"
        self._module = f"sept_model_{re.sub('[-_]+', '_', name).lower()}"
        docstring = f'"""The model {name!r} of sept, as data."""\n'
        self._files = {f"{self._module}/__init__.py": docstring.encode()}
        for path in sorted(folder.iterdir()):
            if path.name in configuration.files or path.suffix in _SUFFIXES:
                self._files[f"{self._module}/{_FOLDER}/{path.name}"] = path.read_bytes()
        self._card = self._files.get(f"{self._module}/{_FOLDER}/{_CARD}", b"").decode()

    def write_wheel(self, output: Path) -> Path:
        """
        Write the package as a wheel into a folder, and return its path.

        The same model makes the same file, byte for byte.
        """
        output.mkdir(parents=True, exist_ok=True)
        stem = f"{self._module}-{self._version}"
        info = f"{stem}.dist-info"
        entry_points = f"[{ENTRY_POINTS}]\n{self._name} = {self._module}\n"
        files = {
            **self._files,
            f"{info}/METADATA": self._metadata().encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: sept\nRoot-Is-Purelib: true\n"
            b"Tag: py3-none-any\n",
            f"{info}/entry_points.txt": entry_points.encode(),
        }
        records = [
            f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items()
        ]
        files[f"{info}/RECORD"] = f"{''.join(records)}{info}/RECORD,,\n".encode()
        wheel = output / f"{stem}-py3-none-any.whl"
        partial = wheel.with_name(f".{wheel.name}.{os.getpid()}.tmp")
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                for path, content in files.items():
                    member = zipfile.ZipInfo(path, _TIME_STAMP)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    member.external_attr = 0o644 << 16
                    archive.writestr(member, content)
            partial.replace(wheel)
        finally:
            partial.unlink(missing_ok=True)
        return wheel

    def write_source(self, output: Path) -> Path:
        """
        Write the package as a source folder, new or empty, for `pip install FOLDER`.

        # Raises

        `ExportedModelError` if the folder is not empty.
        """
        if output.exists() and any(output.iterdir()):
            raise ExportedModelError(f"{output}: the folder must be new or empty")
        files = {**self._files, "pyproject.toml": self._project().encode()}
        for path, content in files.items():
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            (output / path).write_bytes(content)
        return output

    @property
    def _distribution(self) -> str:
        return self._module.replace("_", "-")

    def _metadata(self) -> str:
        fields = {
            "Metadata-Version": "2.1",
            "Name": self._distribution,
            "Version": self._version,
            "Summary": self._summary,
            "Requires-Python": ">=3.11",
            "Requires-Dist": _REQUIREMENT,
            "Description-Content-Type": "text/markdown",
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items()) + f"\n{self._card}"

    def _project(self) -> str:
        readme = f'readme = "{self._module}/{_FOLDER}/{_CARD}"\n' if self._card else ""
        # A JSON string is a valid TOML string.
        return f"""\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "{self._distribution}"
version = "{self._version}"
description = {json.dumps(self._summary)}
{readme}requires-python = ">=3.11"
dependencies = ["{_REQUIREMENT}"]

[project.entry-points.{ENTRY_POINTS}]
{self._name} = "{self._module}"

[tool.setuptools]
packages = ["{self._module}"]

[tool.setuptools.package-data]
{self._module} = ["{_FOLDER}/*"]
"""


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _package_folder(point: EntryPoint) -> Optional[Path]:
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(point.module)
        if spec is not None and spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations)))
    return None


def key_figures(card: str) -> List[str]:
    """Return the rows of the first table in a model card's section "Scores"."""
    rows: List[str] = []
    in_scores = False
    for line in card.splitlines():
        if line.startswith("#"):
            in_scores = line.lstrip("# ").strip().lower() == "scores"
        elif in_scores and line.startswith("|"):
            rows.append(line)
        elif rows:
            break
    return rows
