"""ONNX files, read as the untrusted input that they are.

:func:`load_model` gives plain data: nodes in an order in which every input is known before it is
used, and constant tensors as numpy arrays. Sizes are bounded before memory is taken, external
tensors are read from the model's own folder only, and nothing is ever unpickled or run.
"""

import math
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.frontends.onnx.text import domain_of, natural, strings_of, text_of
from hwgen.support.errors import HwgenError
from hwgen.support.extras import need

MAX_FILE_BYTES = 1 << 28
"""Largest model file, and most bytes of all its tensors together."""

MAX_TENSOR_ELEMENTS = 1 << 25
MAX_NODES = 20_000
MAX_RANK = 16

Array = NDArray[Any]
Attribute = int | float | str | Array | list[int] | list[float] | list[str]

_BITS = {  # data types that are taken, by their name in TensorProto
    **{"FLOAT": 32, "DOUBLE": 64, "FLOAT16": 16, "BFLOAT16": 16, "BOOL": 8},
    **{"INT64": 64, "INT32": 32, "INT16": 16, "INT8": 8, "INT4": 4, "INT2": 2},
    **{"UINT64": 64, "UINT32": 32, "UINT16": 16, "UINT8": 8, "UINT4": 4, "UINT2": 2},
}
_NARROW = {"INT4": np.int8, "INT2": np.int8, "UINT4": np.uint8, "UINT2": np.uint8}


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operation.

    Parameters
    ----------
    op, domain
        What it is; the domain of standard ONNX is ``""``.
    name
        Its name in the file, or ``<op>_<position>`` where the file has none.
    inputs, outputs
        Names of tensors; ``""`` for an optional one that is left out.
    attributes
        Plain values. Subgraphs and other attributes that no supported operation has are left out.
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output of the graph.

    Parameters
    ----------
    shape
        None, or with None in it, where the file leaves it open.
    type
        The data type as the file names it, such as ``"FLOAT"``.
    """

    name: str
    shape: tuple[int | None, ...] | None
    type: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The content of a model file.

    Parameters
    ----------
    name
        The graph's name, possibly empty.
    inputs, outputs
        Tensors that come in and go out; initializers are not among the inputs.
    nodes
        Sorted so that each node's inputs are made before it. ``Constant`` nodes are not among
        them: their values are initializers.
    initializers
        Constant tensors. Integers of 2 and 4 bits come as 8-bit ones, bfloat16 as float32.
    types
        The data type of each initializer as the file names it, such as ``"INT4"``.
    opsets
        Version of each operator set, by domain.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    initializers: dict[str, Array]
    types: dict[str, str]
    opsets: dict[str, int]


def load_model(path: Path) -> Graph:
    """Read and check an ONNX model file.

    Parameters
    ----------
    path
        The file. Tensors that it keeps beside itself are read from the same folder or below.

    Raises
    ------
    HwgenError
        Unreadable, not ONNX, too large, unsafe, or a graph that is none, as it has a cycle.
    """
    path = Path(path)
    model = _parse(path)
    reader = _Reader(path)
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise HwgenError(str(path), f"{len(graph.node):,} nodes", f"at most {MAX_NODES:,}")
    if graph.sparse_initializer:
        raise HwgenError(str(path), "sparse initializers", "dense ones are needed")
    for tensor in graph.initializer:
        reader.add(text_of(tensor.name), tensor)
    nodes = [reader.node(node, position) for position, node in enumerate(graph.node)]
    for node in nodes:
        if _is_constant(node):
            reader.add_constant(node)
    inputs = [
        one for one in (_tensor(path, one) for one in graph.input) if one.name not in reader.arrays
    ]
    known = {one.name for one in inputs} | set(reader.arrays)
    return Graph(
        name=text_of(graph.name),
        inputs=tuple(inputs),
        outputs=tuple(_tensor(path, one) for one in graph.output),
        nodes=tuple(_sorted(path, [node for node in nodes if not _is_constant(node)], known)),
        initializers=reader.arrays,
        types=reader.types,
        opsets={domain_of(one.domain): one.version for one in model.opset_import},
    )


def _parse(path: Path) -> Any:
    """The file's message, in which nothing has been looked at."""
    need("onnx")
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    content = _read(path, str(path), "an ONNX model is needed", 0, None)
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError, ValueError):
        raise HwgenError(str(path), "not an ONNX file", "an ONNX model is needed") from None
    if not model.HasField("graph") or not model.graph.node:
        raise HwgenError(str(path), "no graph in it", "an ONNX model is needed")
    return model


def _read(path: Path, where: str, allowed: str, offset: int, length: int | None) -> bytes:
    """``length`` bytes of a plain file from ``offset`` on, or all that follow."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise HwgenError(where, "is no plain file", allowed)
            wanted = status.st_size - offset if length is None else length
            if offset < 0 or wanted < 0 or offset + wanted > status.st_size:
                raise HwgenError(
                    where,
                    f"bytes {offset}..{offset + wanted} of a file of {status.st_size}",
                    "the data must lie within the file",
                )
            if wanted > MAX_FILE_BYTES:
                raise HwgenError(where, f"{wanted:,} bytes", f"at most {MAX_FILE_BYTES:,}")
            stream.seek(offset)
            return stream.read(wanted)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unreadable"
        raise HwgenError(where, reason, allowed) from None


class _Reader:
    """The tensors of one file, within the bounds for all of them together."""

    def __init__(self, path: Path):
        self.path = path
        self.folder = path.parent
        self.arrays: dict[str, Array] = {}
        self.types: dict[str, str] = {}
        self._left = MAX_FILE_BYTES

    def add(self, name: str, tensor: Any) -> None:
        """Take ``tensor`` as the constant ``name``."""
        where = f"{self.path}: tensor {name!r}"
        if name in self.arrays:
            raise HwgenError(where, "stands twice", "names must be unique")
        self.arrays[name], self.types[name] = self._array(tensor, where)

    def add_constant(self, node: Node) -> None:
        """Take the value of a ``Constant`` node."""
        where = f"{self.path}: node {node.name!r}"
        values = {key: node.attributes[key] for key in _CONSTANT if key in node.attributes}
        if len(values) != 1 or len(node.outputs) != 1 or node.outputs[0] in self.arrays:
            raise HwgenError(where, "a Constant without one numeric value", "one is needed")
        ((key, value),) = values.items()
        array = np.array(value, _CONSTANT[key])
        self.arrays[node.outputs[0]] = array
        self.types[node.outputs[0]] = _type_name(array)

    def node(self, proto: Any, position: int) -> Node:
        """Plain data of one node."""
        op = text_of(proto.op_type)
        name = text_of(proto.name) or f"{op}_{position}"
        where = f"{self.path}: node {name!r}"
        return Node(
            op=op,
            domain=domain_of(proto.domain),
            name=name,
            inputs=tuple(map(text_of, proto.input)),
            outputs=tuple(map(text_of, proto.output)),
            attributes=dict(self._attributes(proto.attribute, where)),
        )

    def _attributes(self, protos: Iterable[Any], where: str) -> Iterable[tuple[str, Attribute]]:
        from onnx import AttributeProto

        for proto in protos:
            kind = AttributeProto.AttributeType.Name(proto.type)
            if kind == "INT":
                yield text_of(proto.name), int(proto.i)
            elif kind == "FLOAT":
                yield text_of(proto.name), float(proto.f)
            elif kind == "STRING":
                yield text_of(proto.name), proto.s.decode("utf-8", "replace")
            elif kind == "TENSOR":
                yield (
                    text_of(proto.name),
                    self._array(proto.t, f"{where}, attribute {text_of(proto.name)!r}")[0],
                )
            elif kind == "INTS":
                yield text_of(proto.name), list(proto.ints)
            elif kind == "FLOATS":
                yield text_of(proto.name), list(proto.floats)
            elif kind == "STRINGS":
                yield (
                    text_of(proto.name),
                    [text.decode("utf-8", "replace") for text in proto.strings],
                )

    def _array(self, tensor: Any, where: str) -> tuple[Array, str]:
        """The values and the name of their type; all sizes are checked before they are read."""
        from onnx import TensorProto, numpy_helper

        known = tensor.data_type in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(tensor.data_type) if known else str(tensor.data_type)
        if kind == "STRING":
            return strings_of(tensor), kind
        if kind not in _BITS:
            raise HwgenError(where, f"data type {kind}", f"one of {', '.join(_BITS)}")
        size = self._size(tensor, kind, where)
        if tensor.data_location == TensorProto.EXTERNAL:
            content = self._external(tensor, size, where)
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = content
        if tensor.HasField("raw_data") and len(tensor.raw_data) != size:
            raise HwgenError(
                where, f"{len(tensor.raw_data)} bytes of data", f"{size} for its shape and type"
            )
        try:
            array: Array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, OverflowError, RuntimeError):
            raise HwgenError(where, "data that do not fit its shape", "they must") from None
        if kind in _NARROW:
            array = array.astype(_NARROW[kind])
        return (array.astype(np.float32) if kind == "BFLOAT16" else array), kind

    def _size(self, tensor: Any, kind: str, where: str) -> int:
        """Bytes of the data."""
        dims: list[int] = list(tensor.dims)
        if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
            raise HwgenError(where, f"shape {dims}", f"at most {MAX_RANK} sizes, none negative")
        elements = math.prod(dims)
        if elements > MAX_TENSOR_ELEMENTS:
            raise HwgenError(where, f"{elements:,} elements", f"at most {MAX_TENSOR_ELEMENTS:,}")
        size = -(-elements * _BITS[kind] // 8)
        self._left -= size
        if self._left < 0:
            raise HwgenError(
                str(self.path), "too many tensors", f"at most {MAX_FILE_BYTES:,} bytes of them"
            )
        return size

    def _external(self, tensor: Any, size: int, where: str) -> bytes:
        """The data of a tensor that is kept in another file."""
        entries = {text_of(entry.key): text_of(entry.value) for entry in tensor.external_data}
        location = entries.get("location", "")
        where = f"{where}: external data {location!r}"
        allowed = "a file in the model's folder is needed"
        path = self._inside(location)
        if path is None:
            raise HwgenError(where, "outside of the model's folder", allowed)
        offset, length = (natural(entries.get(key, "0")) for key in ("offset", "length"))
        if offset is None or length is None:
            raise HwgenError(where, "offset or length is no number", allowed)
        if "length" in entries and length != size:
            raise HwgenError(where, f"length {length}", f"{size} for its shape and type")
        return _read(path, where, allowed, offset, size)

    def _inside(self, location: str) -> Path | None:
        """The file that ``location`` means, links followed; None where it leaves the folder."""
        parts = (*PurePosixPath(location).parts, *PureWindowsPath(location).parts)
        absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
        if not location or absolute or ".." in parts or "\0" in location:
            return None
        try:
            folder = self.folder.resolve()
            path = (folder / location).resolve()
        except (OSError, RuntimeError, ValueError):
            return None
        return path if path.is_relative_to(folder) else None


_CONSTANT = {
    "value": None,
    **dict.fromkeys(("value_float", "value_floats"), np.float32),
    **dict.fromkeys(("value_int", "value_ints"), np.int64),
}


def _type_name(array: Array) -> str:
    """The ONNX name of a numpy type."""
    return {"float32": "FLOAT", "float64": "DOUBLE"}.get(array.dtype.name, array.dtype.name.upper())


def _is_constant(node: Node) -> bool:
    return node.op == "Constant" and node.domain == ""


def _tensor(path: Path, proto: Any) -> Tensor:
    from onnx import TensorProto

    own, kind = text_of(proto.name), proto.type.tensor_type
    known = kind.elem_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(kind.elem_type) if known else str(kind.elem_type)
    if not kind.HasField("shape"):
        return Tensor(name=own, shape=None, type=name)
    if len(kind.shape.dim) > MAX_RANK or any(dim.dim_value < 0 for dim in kind.shape.dim):
        raise HwgenError(
            f"{path}: tensor {own!r}", "its shape", f"at most {MAX_RANK} sizes from 0 up"
        )
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)
    return Tensor(name=own, shape=shape, type=name)


def _sorted(path: Path, nodes: list[Node], known: set[str]) -> list[Node]:
    """``nodes`` in the order of the data, each once all it reads is made."""
    maker: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in maker or name in known:
                raise HwgenError(
                    f"{path}: node {node.name!r}", f"makes {name!r} again", "names must be unique"
                )
            maker[name] = position
    waits = [0] * len(nodes)
    feeds: list[list[int]] = [[] for _ in nodes]
    for position, node in enumerate(nodes):
        for name in {name for name in node.inputs if name and name not in known}:
            if name not in maker:
                raise HwgenError(
                    f"{path}: node {node.name!r}", f"reads {name!r}", "which nothing makes"
                )
            waits[position] += 1
            feeds[maker[name]].append(position)
    ready = [position for position, count in enumerate(waits) if not count]
    for position in ready:
        for follower in feeds[position]:
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    if len(ready) < len(nodes):
        stuck = next(node for node, count in zip(nodes, waits, strict=True) if count)
        raise HwgenError(
            f"{path}: node {stuck.name!r}", "waits for its own output", "a graph without cycles"
        )
    return [nodes[position] for position in ready]
