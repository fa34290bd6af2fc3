"""Quantized models of Keras' kin as networks: QKeras and HGQ2."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hwgen.frontends.keras.file import load_layers
from hwgen.frontends.keras.hgq import import_hgq, is_hgq
from hwgen.frontends.keras.qkeras import graph_of, is_qkeras
from hwgen.frontends.onnx.convert import import_graph
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.support.errors import HwgenError

T = TypeVar("T")


def import_keras(path: Path, options: ImportOptions) -> Imported:
    """A saved QKeras or HGQ2 model as a network that computes the same integers.

    Raises
    ------
    HwgenError
        Another model, or a layer or quantizer that cannot be had.
    """
    layers = load_layers(path)
    if is_hgq(layers):
        return _placed(path, lambda: import_hgq(path, layers, options))
    if is_qkeras(layers):
        return import_graph(path, _placed(path, lambda: graph_of(layers)), options)
    if any("Quantized" in str(layer.config.get("dtype")) for layer in layers):
        raise HwgenError(
            str(path),
            "dynamic quantization, whose scales change with the data",
            "save the model before model.quantize(), and hwgen quantize it",
        )
    raise HwgenError(str(path), "a float model", "hwgen quantize takes it, with --data")


def quantized_layers(layers: Sequence[Any]) -> bool:
    """Whether layers of QKeras or HGQ2 are among those of a model."""
    return any(type(layer).__module__.startswith(("qkeras", "hgq")) for layer in layers)


def import_object(model: Any, options: ImportOptions) -> Imported:
    """What :func:`import_keras` does, of a model in memory, by way of the file that it saves.

    Raises
    ------
    HwgenError
        As of :func:`import_keras`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        try:
            return import_keras(path, options)
        except HwgenError as error:
            where = error.where.replace(str(path), "model")
            raise HwgenError(where, error.found, error.allowed) from None


def _placed(path: Path, make: Callable[[], T]) -> T:
    """What ``make`` gives; refusals name the file."""
    try:
        return make()
    except HwgenError as error:
        where = error.where if error.where.startswith(str(path)) else f"{path}: {error.where}"
        raise HwgenError(where, error.found, error.allowed) from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise HwgenError(str(path), "layers without their arrays", "a saved model") from None
