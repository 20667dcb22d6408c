"""
Writes requirements.txt: every package that setup.cfg and its extras need, pinned, for Linux and for
each Python that is supported. Run by `make lock`, in an environment that has uv, the one resolver
that can override AllenNLP's upper bounds.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

# The oldest first: what has releases for it mostly has them for the others.
PYTHONS = ("3.11", "3.12", "3.13")

ROOT = Path(__file__).resolve().parents[1]

HEADER = """\
# The lock: written by "make lock" from setup.cfg and overrides.txt, not by hand. Installed with
# --no-deps, because AllenNLP's upper bounds forbid what is pinned here ("make .venv/installed"
# shows how). What torch itself needs (CUDA's libraries, for its CUDA builds) is not listed: it
# differs between torch's builds, and comes with torch.
"""

# Come with those builds of torch that use them.
TORCH_BUILD = re.compile(r"(nvidia|cuda|triton)\b")


def override_reasons(lines: List[str]) -> Dict[str, List[str]]:
    """Per package of overrides.txt the comment lines above it."""
    reasons: Dict[str, List[str]] = {}
    comment: List[str] = []
    previous = ""
    for line in lines:
        if line.startswith("#"):
            comment = [*comment, line] if previous.startswith("#") else [line]
        elif line:
            reasons[package_name(line)] = comment
        previous = line
    return reasons


def package_name(requirement: str) -> str:
    return re.split(r"[\s=<>!~;\[]", requirement, maxsplit=1)[0].lower()


def compile_pins(python: str, preferred: Path) -> List[str]:
    """
    The pins for a version of Python: those in the file `preferred` where they fit. The file holds
    them afterwards.
    """
    command = ["uv", "pip", "compile", str(ROOT / "setup.cfg"), "--all-extras", "--quiet"]
    command += ["--overrides", str(ROOT / "overrides.txt"), "--python-version", python]
    command += ["--python-platform", "x86_64-manylinux_2_28", "--no-header", "--no-annotate"]
    command += ["--output-file", str(preferred), *sys.argv[1:]]
    subprocess.run(command, check=True)
    pins = preferred.read_text().splitlines()
    return [pin for pin in pins if not TORCH_BUILD.match(pin)]


def main() -> None:
    pythons_of: Dict[str, List[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        preferred = Path(folder) / "pins.txt"
        # What is pinned stays, unless `--upgrade` is given.
        preferred.write_text((ROOT / "requirements.txt").read_text())
        for python in PYTHONS:
            for pin in compile_pins(python, preferred):
                pythons_of.setdefault(pin, []).append(python)
    reasons = override_reasons((ROOT / "overrides.txt").read_text().splitlines())
    lines = [HEADER]
    for pin, pythons in sorted(pythons_of.items(), key=lambda item: package_name(item[0])):
        # A package with several pins has its reason once.
        lines += reasons.pop(package_name(pin), [])
        marker = " or ".join(f'python_version == "{python}"' for python in pythons)
        lines.append(pin if len(pythons) == len(PYTHONS) else f"{pin} ; {marker}")
    (ROOT / "requirements.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
