"""Quantized ONNX models (QONNX, QDQ) as networks: what ``hwgen import`` does (docs/import.md).

The graph is read from its input to its output. Between layers a tensor stands for real values, for
integers with a scale, or for sums that are not yet rescaled (:mod:`hwgen.frontends.onnx.states`).
When all is read, each sum with what follows becomes a layer (:mod:`hwgen.frontends.onnx.layers`).
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from hwgen.frontends.onnx.chain import LayerChain
from hwgen.frontends.onnx.constants import FOLDED, fold
from hwgen.frontends.onnx.context import Context
from hwgen.frontends.onnx.expand import expanded
from hwgen.frontends.onnx.file import Graph, Node, Tensor, load_model
from hwgen.frontends.onnx.operations import Operations
from hwgen.frontends.onnx.problems import (
    QONNX_DOMAINS,
    ImportRefused,
    Refused,
    Report,
    advice,
    label,
)
from hwgen.frontends.onnx.quantizers import Array, Constant, Quantizers
from hwgen.frontends.onnx.states import EVERYTHING, Class, Codes, Real, State, Sum
from hwgen.spec.formats import Format
from hwgen.spec.network import MAX_WEIGHTS, Network, parse_network
from hwgen.support.errors import HwgenError, printable

_FEW_ELEMENTS = 1 << 20
_PER_OUTPUT = ("multiplier", "shift", "thresholds")
_QONNX_OPS = ("Quant", "IntQuant", "BipolarQuant")
_STORED = ("INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4", "INT2", "UINT2")
_INPUT_FORMAT = re.compile(r"([us])(\d{1,2})\.(-?\d{1,2})")


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to import.

    Parameters
    ----------
    name
        The network's name; the file's where None.
    snap_scales
        Move scales that are no powers of two to the nearest one.
    round_tables
        Take a sigmoid or tanh whose table differs from the function for some sums.
    input_format
        Format of an input that the model does not quantize.
    output
        ``"model"``: as the model has it; ``"argmax"`` or ``"values"``.
    max_weights
        Most weights of a layer.
    """

    name: str | None = None
    snap_scales: bool = False
    round_tables: bool = False
    input_format: Format | None = None
    output: Literal["model", "argmax", "values"] = "model"
    max_weights: int = MAX_WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A network, and what its user should know about how it came about.

    Parameters
    ----------
    scale, offset
        An output y of the last layer stands for ``scale * (y + offset)`` of the model's.
    codes
        Smallest and largest input code of the model; the input format may hold more.
    """

    network: Network
    notes: list[str]
    scale: float = 1.0
    offset: float = 0.0
    codes: tuple[int, int] | None = None


def import_model(path: Path, options: ImportOptions | None = None) -> Imported:
    """Read a quantized ONNX model as a network that computes the same integers.

    Raises
    ------
    HwgenError
        The file is unreadable or unsafe, or the model cannot be imported: then every node that is
        in the way is named, with its operator and the reason.
    """
    path, options = Path(path), options or ImportOptions()
    graph = expanded(load_model(path))
    importer = _Importer(path, graph, options)
    state = importer.walk()
    if importer.report.problems or state is None:
        importer.refuse()
    return importer.finish(cast(State, state))


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

    def refuse(self) -> None:
        """Raise what was found."""
        count = len(self.report.problems)
        raise ImportRefused(
            str(self.path),
            self.report.problems or ["nothing leads from its input to its output"],
            f"{count} problem{'s' * (count != 1)}, and no network is written",
        )

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

    # layers

    def finish(self, state: State) -> Imported:
        """The network of a chain that ends in ``state``."""
        end = state.of if isinstance(state, Class) else state
        if isinstance(end, Real):
            raise HwgenError(str(self.path), "no Gemm or MatMul", "at least one is needed")
        end = self._without_scores(end)
        index = isinstance(state, Class) and not state.scores
        output = self.options.output
        if output == "model":
            output = "argmax" if index else "values"
        elif output == "values" and index:
            self.report.note(label(self._graph.nodes[-1]), "left out, as values are asked for")
        chain = LayerChain(self.report, self.options.round_tables, output == "values")
        layers, entry = chain.layers(end)
        if self.report.problems:
            self.refuse()
        if not layers:
            raise HwgenError(str(self.path), "no Gemm or MatMul", "at least one is needed")
        _reorder(layers[-1], end.order.ravel())
        weights = sum(len(layer["weights"]) * len(layer["weights"][0]) for layer in layers)
        if weights > self.options.max_weights:
            limit = f"at most {self.options.max_weights:,} are taken (max_weights)"
            raise HwgenError(str(self.path), f"{weights:,} weights", limit)
        content = {
            "format": "hwgen-network",
            "version": 2,
            "name": self.options.name or _text(self.path.stem),
            "input": {
                "features": len(layers[0]["weights"][0]),
                "bits": entry.format.bits,
                "signed": entry.format.signed,
                "fraction_bits": entry.format.fraction_bits,
                "scale": entry.real,
                "zero_point": entry.zero_point,
            },
            "layers": [{**layer, "name": _text(layer["name"])} for layer in layers],
            "output": output,
        }
        try:
            network = parse_network(content)
        except HwgenError as error:
            raise HwgenError(f"{self.path}: {error.where}", error.found, error.allowed) from None
        return Imported(
            network=network,
            notes=self.report.notes,
            scale=chain.scale,
            offset=chain.offset,
            codes=entry.ends,
        )

    def _without_scores(self, end: Codes | Sum) -> Codes | Sum:
        """``end`` without a sigmoid or tanh that nothing quantizes: it keeps the order."""
        if not isinstance(end, Sum) or end.function is None or end.clip != EVERYTHING:
            return end
        self.report.note(
            end.function,
            "left out at the end: sums are in the same order as its values, and 0 is its middle",
        )
        return replace(end, function=None)


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


def _reorder(layer: dict[str, Any], order: Array) -> None:
    """Put the outputs of the last layer into the order in which the model hands them out."""
    for part in (layer, layer["output"] or {}):
        for key in ("weights", "bias", "weight_fraction_bits", *_PER_OUTPUT):
            if isinstance(part.get(key), list):
                part[key] = [part[key][neuron] for neuron in order]


def _text(name: str) -> str:
    """A name that a network file can hold."""
    return printable(name.encode("utf-8", "replace").decode("utf-8"), 200)
