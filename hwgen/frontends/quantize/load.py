"""Files of float models."""

from pathlib import Path

from hwgen.frontends.keras.file import SUFFIXES
from hwgen.frontends.keras.floats import load_keras
from hwgen.frontends.quantize.floatgraph import load_onnx
from hwgen.frontends.quantize.floatmodel import FloatModel


def load_float_model(path: Path) -> FloatModel:
    """Read a float model: by the file's suffix of Keras (``.keras``, ``.h5``), else ONNX.

    Raises
    ------
    HwgenError
        Unreadable, not finite, or with parts that are not supported; all of them are listed.
    """
    path = Path(path)
    return load_keras(path) if path.suffix.lower() in SUFFIXES else load_onnx(path)
