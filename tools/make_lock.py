"""
Writes requirements.txt: every package that setup.cfg and its extras need, pinned, for Python 3.11
on Linux. Run by `make lock`, in an environment that has uv, the one resolver that can override
AllenNLP's upper bounds.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

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
    """Per package of overrides.txt the comment lines right above it."""
    reasons: Dict[str, List[str]] = {}
    comment: List[str] = []
    for line in lines:
        if line.startswith("#"):
            comment.append(line)
        else:
            if line.strip():
                reasons[package_name(line)] = comment
            comment = []
    return reasons


def package_name(requirement: str) -> str:
    return re.split(r"[\s=<>!~;\[]", requirement, maxsplit=1)[0].lower()


def main() -> None:
    overrides = ROOT / "overrides.txt"
    command = ["uv", "pip", "compile", str(ROOT / "setup.cfg"), "--all-extras", "--quiet"]
    command += ["--overrides", str(overrides), "--python-version", "3.11"]
    command += ["--python-platform", "x86_64-manylinux_2_28", "--no-header", "--no-annotate"]
    command += sys.argv[1:]
    pins = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    reasons = override_reasons(overrides.read_text().splitlines())
    lines = [HEADER]
    for pin in pins.splitlines():
        if not TORCH_BUILD.match(pin):
            lines += reasons.get(package_name(pin), []) + [pin]
    (ROOT / "requirements.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
