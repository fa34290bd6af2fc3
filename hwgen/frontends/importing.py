"""Quantized models of any kind as networks: what ``hwgen import`` does (docs/import.md)."""

from pathlib import Path

from hwgen.frontends.keras import file as keras_file
from hwgen.frontends.keras.convert import import_keras
from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions


def import_file(path: Path, options: ImportOptions | None = None) -> Imported:
    """Read a quantized model as a network that computes the same integers.

    Parameters
    ----------
    path
        By its suffix a Keras model (``.keras``, ``.h5``), else ONNX.

    Raises
    ------
    HwgenError
        The file is unreadable or unsafe, or the model cannot be imported.
    """
    path, options = Path(path), options or ImportOptions()
    if path.suffix.lower() in keras_file.SUFFIXES:
        return import_keras(path, options)
    return import_model(path, options)
