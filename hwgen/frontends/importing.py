"""Files of models of any kind: quantized ones as networks (docs/import.md), float ones as such."""

from pathlib import Path

from hwgen.frontends.keras import file as keras_file
from hwgen.frontends.keras.convert import import_keras
from hwgen.frontends.keras.floats import load_keras
from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.frontends.quantize.floatgraph import load_onnx
from hwgen.frontends.quantize.floatmodel import FloatModel
from hwgen.frontends.tflite import file as tflite_file
from hwgen.frontends.tflite.convert import import_tflite


def import_file(path: Path, options: ImportOptions | None = None) -> Imported:
    """Read a quantized model as a network that computes the same integers.

    Parameters
    ----------
    path
        By its suffix a model of Keras (``.keras``, ``.h5``) or TensorFlow Lite (``.tflite``), else
        of ONNX.

    Raises
    ------
    HwgenError
        The file is unreadable or unsafe, or the model cannot be imported.
    """
    path, options = Path(path), options or ImportOptions()
    if path.suffix.lower() in tflite_file.SUFFIXES:
        return import_tflite(path, options)
    if path.suffix.lower() in keras_file.SUFFIXES:
        return import_keras(path, options)
    return import_model(path, options)


def load_float_model(path: Path) -> FloatModel:
    """Read a float model: by the file's suffix of Keras (``.keras``, ``.h5``), else of ONNX.

    Raises
    ------
    HwgenError
        Unreadable, not finite, or with parts that are not supported; all of them are listed.
    """
    path = Path(path)
    is_keras = path.suffix.lower() in keras_file.SUFFIXES
    return load_keras(path) if is_keras else load_onnx(path)
