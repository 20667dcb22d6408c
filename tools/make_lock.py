"""
Write requirements.txt: all packages that setup.cfg and its extras need, pinned, for Linux and each
supported version of Python. `make lock` runs it. The environment must have uv, the only resolver
that can override AllenNLP's upper bounds.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

# The oldest first: its pins mostly have releases for the others as well.
PYTHONS = ("3.11", "3.12", "3.13")

ROOT = Path(__file__).resolve().parents[1]

HEADER = """\
# The lock: written by "make lock" from setup.cfg and overrides.txt, not by hand. Installed with
# --no-deps, because AllenNLP's upper bounds forbid what is pinned here ("make .venv/installed"
# shows how). What torch itself needs (CUDA's libraries, for its CUDA builds) is not listed: it
# differs between torch's builds, and comes with torch.
"""

# Packages that come with the builds of torch that use them.
TORCH_BUILD = re.compile(r"(nvidia|cuda|triton)\b")


def override_reasons(lines: List[str]) -> Dict[str, List[str]]:
    """Return the comment lines above each package of overrides.txt."""
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
    Return the pins for a version of Python, those of the file `preferred` if possible.

    The file holds the pins afterwards.
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
