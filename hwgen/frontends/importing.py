"""Models of any kind: quantized ones as networks (docs/import.md), float ones as such.

A float model is read as the chain of what it does (:mod:`hwgen.frontends.quantize.steps`).
"""

from collections.abc import Sequence
from pathlib import Path

from hwgen.frontends.keras import file as keras_file
from hwgen.frontends.keras.convert import import_keras
from hwgen.frontends.keras.floats import keras_model, load_keras
from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.frontends.quantize.floatgraph import load_onnx
from hwgen.frontends.quantize.floatmodel import FloatModel
from hwgen.frontends.sklearn import sklearn_model
from hwgen.frontends.tflite import file as tflite_file
from hwgen.frontends.tflite.convert import import_tflite
from hwgen.frontends.torch.exported import exported_model, is_exported
from hwgen.frontends.torch.modules import torch_model
from hwgen.support.errors import HwgenError


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


def float_model(model: object, shape: Sequence[int] | None = None) -> FloatModel:
    """A float network from whatever holds one.

    Parameters
    ----------
    model
        A :class:`FloatModel`, a float ONNX file, a fitted scikit-learn MLP or a Pipeline that ends
        in one, a PyTorch ``Sequential`` or a program of ``torch.export``, a Keras model.
    shape
        Of a sample as the model takes it, where the model does not say it and convolutions need it.

    Raises
    ------
    HwgenError
        It is none of these, or holds what is no layer, pool, activation or scale.
    """
    if isinstance(model, FloatModel):
        return model
    if isinstance(model, str | Path):
        return load_float_model(Path(model))
    if hasattr(model, "coefs_") or hasattr(model, "steps"):
        return sklearn_model(model)
    if hasattr(model, "layers") and hasattr(model, "get_weights"):
        return keras_model(model, shape)
    if is_exported(model):
        return exported_model(model)
    if hasattr(model, "named_parameters"):
        return torch_model(model, shape)
    allowed = "a model of scikit-learn, PyTorch or Keras, or an ONNX file"
    fitted = hasattr(model, "partial_fit") and "an MLP that is not fitted"
    raise HwgenError("model", fitted or f"a {type(model).__name__}", allowed)
