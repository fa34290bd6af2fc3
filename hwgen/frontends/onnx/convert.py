"""Quantized ONNX models (QONNX, QDQ) as networks: what ``hwgen import`` does (docs/import.md).

The graph is read from its input to its output. Between layers a tensor stands for real values, for
integers with a scale, or for sums that are not yet rescaled (:mod:`hwgen.frontends.onnx.states`).
When all is read, each sum with what follows becomes a layer (:mod:`hwgen.frontends.onnx.layers`).
"""

import re
from pathlib import Path
from typing import cast

import numpy as np

from hwgen.frontends.onnx.constants import FOLDED, fold
from hwgen.frontends.onnx.context import Context
from hwgen.frontends.onnx.expand import expanded
from hwgen.frontends.onnx.file import Graph, Node, Tensor, load_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions, finished, refuse
from hwgen.frontends.onnx.operations import Operations
from hwgen.frontends.onnx.problems import (
    QONNX_DOMAINS,
    Refused,
    Report,
    advice,
    label,
)
from hwgen.frontends.onnx.quantizers import Constant, Quantizers
from hwgen.frontends.onnx.states import Class, Codes, Real, State
from hwgen.spec.formats import Format
from hwgen.support.errors import HwgenError

_FEW_ELEMENTS = 1 << 20
_PER_OUTPUT = ("multiplier", "shift", "thresholds")
_QONNX_OPS = ("Quant", "IntQuant", "BipolarQuant")
_STORED = ("INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4", "INT2", "UINT2")
_INPUT_FORMAT = re.compile(r"([us])(\d{1,2})\.(-?\d{1,2})")


def import_model(path: Path, options: ImportOptions | None = None) -> Imported:
    """Read a quantized ONNX model as a network that computes the same integers.

    Raises
    ------
    HwgenError
        The file is unreadable or unsafe, or the model cannot be imported: then every node that is
        in the way is named, with its operator and the reason.
    """
    path = Path(path)
    return import_graph(path, expanded(load_model(path)), options or ImportOptions())


def import_graph(path: Path, graph: Graph, options: ImportOptions) -> Imported:
    """What :func:`import_model` does, of a graph that was read from ``path``."""
    importer = _Importer(path, graph, options)
    state = importer.walk()
    if importer.report.problems or state is None:
        refuse(path, importer.report)
    last = label(graph.nodes[-1])
    return finished(path, cast(State, state), options, importer.report, last)


def parse_format(text: str) -> Format:
    """A number format from ``u4.4`` or ``s8.7``: sign, bits, fraction bits.

    Raises
    ------
    HwgenError
        It is none.
    """
    match = _INPUT_FORMAT.fullmatch(text)
    if match is None or not (1 <= int(match[2]) <= 16 or int(match[2]) == 32):
        raise HwgenError(
            "input_format", f"found {text!r}", "u or s, bits 1..16 or 32, a dot, fraction bits"
        )
    return Format(bits=int(match[2]), signed=match[1] == "s", fraction_bits=int(match[3]))


class _Importer:
    def __init__(self, path: Path, graph: Graph, options: ImportOptions):
        self.path = path
        self.options = options
        self.report = Report()
        self._graph = graph
        self._constants = {
            name: Constant(value=value, kind=graph.types[name])
            for name, value in graph.initializers.items()
            if value.dtype.kind != "U"
        }
        self._quantizers = Quantizers(self._constants, self.report, options.snap_scales)
        self._operations = Operations(
            Context(
                constants=self._constants,
                quantizers=self._quantizers,
                report=self.report,
                snap=options.snap_scales,
                max_weights=options.max_weights,
            )
        )
        self._states: dict[str, State | None] = {}
        self._elements = max(_FEW_ELEMENTS, 8 * options.max_weights)

    def walk(self) -> State | None:
        """Go through the graph; the state of its output, None where it could not be had."""
        nodes = self._live()
        entry = self._input(nodes)
        self._states[entry.name] = self._start(entry)
        read: dict[str, Node] = {}
        for node in nodes:
            computed = [name for name in node.inputs if name and name not in self._constants]
            if not self._supported(node, bool(computed)):
                result = None
            elif not computed:
                self._fold(node)
                continue
            elif node.op == "Shape":
                self._shape(node, computed[0])
                continue
            else:
                result = self._step(node, computed, read)
            for name in node.outputs:
                self._states[name] = result
        return self._states.get(self._output().name)

    def _live(self) -> list[Node]:
        """Nodes that the output depends on."""
        wanted = {one.name for one in self._graph.outputs}
        live: list[Node] = []
        for node in reversed(self._graph.nodes):
            if wanted.intersection(filter(None, node.outputs)):
                live.append(node)
                wanted.update(node.inputs)
        return live[::-1]

    def _input(self, nodes: list[Node]) -> Tensor:
        used = {name for node in nodes for name in node.inputs}
        inputs = [one for one in self._graph.inputs if one.name in used]
        if len(inputs) != 1:
            names = ", ".join(repr(one.name) for one in inputs) or "none"
            raise HwgenError(str(self.path), f"{len(inputs)} inputs ({names})", "one is needed")
        return inputs[0]

    def _output(self) -> Tensor:
        """The one output; of the two of a TopK the indices."""
        outputs = self._graph.outputs
        makers = [node for node in self._graph.nodes if node.op == "TopK"]
        for node in makers:
            if {one.name for one in outputs} <= set(node.outputs) and outputs:
                return outputs[-1]
        if len(outputs) != 1:
            raise HwgenError(str(self.path), f"{len(outputs)} outputs", "one is needed")
        return outputs[0]

    def _start(self, entry: Tensor) -> State:
        where = f"{self.path}: input {entry.name!r}"
        if entry.type not in ("FLOAT", "DOUBLE", "FLOAT16", *_STORED):
            raise HwgenError(where, f"data type {entry.type}", "FLOAT, or small integers")
        shape = entry.shape
        sizes = None if shape is None else (shape if len(shape) == 1 else (1, *shape[1:]))
        if sizes is None or not sizes or any(not size for size in sizes):
            shown = "unknown" if shape is None else str(list(shape)).replace("None", "?")
            raise HwgenError(where, f"shape {shown}", "sizes of all but the samples' axis")
        features = int(np.prod([size or 0 for size in sizes], dtype=object))
        if features > self.options.max_weights:
            raise HwgenError(
                where, f"{features:,} features", f"at most {self.options.max_weights:,}"
            )
        order = np.arange(features).reshape([size or 0 for size in sizes])
        state = Real(order=order, type=entry.type if entry.type in _STORED else "FLOAT")
        given = self.options.input_format
        if given is None:
            return state
        if state.type != "FLOAT":
            raise HwgenError("input_format", "given", f"the model's input is {state.type}")
        return _quantized_input(state, given)

    def _supported(self, node: Node, computed: bool) -> bool:
        known = {*self._operations.supported, "Shape"} if computed else {*FOLDED}
        custom = node.op in _QONNX_OPS
        domain = node.domain in QONNX_DOMAINS if custom else node.domain in ("", *QONNX_DOMAINS)
        if node.op in known and domain:
            return True
        self.report.problem(node, advice(node))
        return False

    def _fold(self, node: Node) -> None:
        result: Constant | None = None
        try:
            sizes = [self._constants[name].value.size for name in node.inputs if name]
            self._elements -= max(sizes, default=0)
            if self._elements < 0:
                raise Refused("too many constants to compute (max_weights)")
            result = fold(node, self._constants, self._quantizers)
        except Refused as refused:
            self.report.problem(node, str(refused))
        for name in node.outputs:
            if result is None:
                self._states[name] = None
            else:
                self._constants[name] = result

    def _shape(self, node: Node, name: str) -> None:
        state = self._states.get(name)
        if state is None or isinstance(state, Class):
            self._states[node.outputs[0]] = None
            return
        shape = np.array(state.order.shape, np.int64)
        self._constants[node.outputs[0]] = Constant(value=shape, kind="INT64")

    def _step(self, node: Node, computed: list[str], read: dict[str, Node]) -> State | None:
        """The state behind a node that computes; None where it was reported or is not known."""
        try:
            if len(set(computed)) > 1:
                raise Refused("joins several computed tensors; layers in one chain can be had")
            other = read.setdefault(computed[0], node)
            if other is not node:
                raise Refused(f"reads {computed[0]!r} as {label(other)} does; one chain can be had")
            state = self._states.get(computed[0])
            if state is not None:
                return self._operations.apply(node, state)
            self._operations.check(node)
        except Refused as refused:
            if str(refused):
                self.report.problem(node, str(refused))
        return None


def _quantized_input(state: Real, given: Format) -> Codes:
    """The input as the user says that it is quantized."""
    node = Node(op="input_format", domain="", name=str(given), inputs=(), outputs=())
    return Codes(
        order=state.order,
        source=state,
        node=node,
        scale=2.0**-given.fraction_bits,
        low=given.minimum,
        high=given.maximum,
        declared=(given.bits, given.signed),
    )
