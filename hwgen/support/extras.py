"""Packages that only some commands need: the extra of this project that brings each."""

import importlib.util

from hwgen.support.errors import HwgenError

EXTRAS = {
    "matplotlib": "pictures",
    "onnx": "onnx",
    "coloquinte": "place",
    "h5py": "keras",
    "tflite": "tflite",
    **dict.fromkeys(("torch", "brevitas", "onnxscript", "onnxoptimizer", "sklearn"), "train"),
    **dict.fromkeys(("distributed", "optuna", "pyarrow"), "sweep"),
}
"""Extra by the name that a package is imported by; pyproject.toml says what is in each."""


def installed(package: str) -> bool:
    """Whether ``package`` can be imported; it is not imported for that."""
    return importlib.util.find_spec(package) is not None


def hint(package: str) -> str:
    """How to come by ``package``."""
    return f"pip install -e '.[{EXTRAS[package]}]' in hwgen's folder brings it"


def need(package: str) -> None:
    """Refuse where ``package`` is not installed.

    Raises
    ------
    HwgenError
        It is not; names the extra that brings it.
    """
    if not installed(package):
        raise HwgenError(package, "not installed", hint(package))
