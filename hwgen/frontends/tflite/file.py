"""TensorFlow Lite files, read as the untrusted input that they are.

The flatbuffer is read with the classes of the ``tflite`` package; what comes out is plain data.
"""

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.support.errors import HwgenError, printable
from hwgen.support.extras import need
from hwgen.support.files import read_plain

MAX_FILE_BYTES = 1 << 28
MAX_ITEMS = 20_000
SUFFIXES = (".tflite", ".lite")

Array = NDArray[Any]
_ALLOWED = "a TensorFlow Lite model is needed"
_TYPES = {0: "FLOAT32", 2: "INT32", 3: "UINT8", 4: "INT64", 7: "INT16", 9: "INT8", 17: "INT4"}
_NUMPY = {"FLOAT32": "<f4", "INT32": "<i4", "UINT8": "u1", "INT64": "<i8", "INT8": "i1"}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor: its values where it is constant, and what its integers mean.

    Parameters
    ----------
    scale, zero_point
        One each, or one for each channel; empty where it is not quantized.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    scale: list[float]
    zero_point: list[int]
    values: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operation on tensors, given by their numbers; -1 for one that is left out."""

    name: str
    inputs: list[int]
    outputs: list[int]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """The first subgraph of a file, its operators in the order in which they run."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: list[int]
    outputs: list[int]


def load_model(path: Path) -> Model:
    """Read a TensorFlow Lite file.

    Raises
    ------
    HwgenError
        Unreadable, no such file, too large, or several subgraphs.
    """
    need("tflite")
    content = read_plain(Path(path), _ALLOWED, MAX_FILE_BYTES)
    if content[4:8] != b"TFL3":
        raise HwgenError(str(path), "not a TensorFlow Lite file", _ALLOWED)
    try:
        return _model(path, content)
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError):
        raise HwgenError(str(path), "a damaged file", _ALLOWED) from None


def _model(path: Path, content: bytes) -> Model:
    import tflite

    model = tflite.Model.GetRootAs(content, 0)
    if model.SubgraphsLength() != 1:
        raise HwgenError(str(path), f"{model.SubgraphsLength()} subgraphs", "one is needed")
    graph = model.Subgraphs(0)
    if max(graph.TensorsLength(), graph.OperatorsLength()) > MAX_ITEMS:
        raise HwgenError(str(path), "too many operators", f"at most {MAX_ITEMS:,}")
    return Model(
        tensors=[_tensor(model, graph.Tensors(i)) for i in range(graph.TensorsLength())],
        operators=[_operator(model, graph.Operators(i)) for i in range(graph.OperatorsLength())],
        inputs=_list(graph.InputsAsNumpy()),
        outputs=_list(graph.OutputsAsNumpy()),
    )


def _list(values: Any) -> list[Any]:
    """A vector, which is a number where it is missing."""
    return [] if isinstance(values, int) or values is None else np.asarray(values).tolist()


def _tensor(model: Any, tensor: Any) -> Tensor:
    shape = tuple(int(size) for size in _list(tensor.ShapeAsNumpy()))
    kind = _TYPES.get(tensor.Type(), f"type {tensor.Type()}")
    meant = tensor.Quantization()
    buffer = model.Buffers(tensor.Buffer()).DataAsNumpy()
    values: Array | None = None
    if not isinstance(buffer, int) and kind in _NUMPY:
        data = np.asarray(buffer, np.uint8).tobytes()
        if len(data) == math.prod(shape) * np.dtype(_NUMPY[kind]).itemsize:
            values = np.frombuffer(data, _NUMPY[kind]).reshape(shape)
    return Tensor(
        name=printable((tensor.Name() or b"").decode("utf-8", "replace"), 80),
        type=kind,
        shape=shape,
        scale=[] if meant is None else _list(meant.ScaleAsNumpy()),
        zero_point=[] if meant is None else _list(meant.ZeroPointAsNumpy()),
        values=values,
    )


def _operator(model: Any, operator: Any) -> Operator:
    import tflite

    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    names = {value: name for name, value in vars(tflite.BuiltinOperator).items()}
    name = str(names.get(number, f"operator {number}"))
    options: dict[str, Any] = {}
    known = _OPTIONS.get(name)
    if known is not None and operator.BuiltinOptions() is not None:
        own = getattr(tflite, known[0])()
        own.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        options = {key: getattr(own, key)() for key in known[1]}
    return Operator(
        name=name,
        inputs=_list(operator.InputsAsNumpy()),
        outputs=_list(operator.OutputsAsNumpy()),
        options=options,
    )


_FUSED = ("FusedActivationFunction",)
_WINDOW = (*_FUSED, "Padding", "StrideH", "StrideW")
_DILATED = (*_WINDOW, "DilationHFactor", "DilationWFactor")
_POOL = (*_WINDOW, "FilterHeight", "FilterWidth")
_OPTIONS = {
    "FULLY_CONNECTED": ("FullyConnectedOptions", (*_FUSED, "WeightsFormat")),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "CONV_2D": ("Conv2DOptions", _DILATED),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _DILATED),
    "MAX_POOL_2D": ("Pool2DOptions", _POOL),
    "AVERAGE_POOL_2D": ("Pool2DOptions", _POOL),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "ADD": ("AddOptions", _FUSED),
    "SUB": ("SubOptions", _FUSED),
    "MUL": ("MulOptions", _FUSED),
}
