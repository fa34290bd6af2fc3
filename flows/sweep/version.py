"""What results are made with: the code, the tools, the machine."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from hwgen import __version__
from hwgen.support.fingerprint import PACKAGES, fingerprint, versions


def provenance(folder: Path) -> dict[str, Any]:
    """Versions, git hash of ``folder`` where it has one, and size of this machine."""
    own = {"hwgen": __version__, "python": platform.python_version()}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": own | versions(*PACKAGES),
        "code": fingerprint(),
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
