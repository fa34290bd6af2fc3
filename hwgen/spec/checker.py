"""The arithmetic of docs/arithmetic.md as Verilog: every formula as it stands, and nothing clever.

What designs are proved equal to. Nothing here knows how designs are generated: products are
products, every sum is wide enough for anything, a rounding adds and shifts, a table is a case
statement. The module ``reference`` takes a vector ``x`` and hands out ``y``, packed like the ports
of a bare design; each layer is a module ``reference_layer<i>`` between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.rtl.interface import Layout
from hwgen.spec.activations import Setting, Table, Tabled, activation
from hwgen.spec.activations.table import table
from hwgen.spec.formats import Format, index_width, signed_width
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

TOP = "reference"
ARGMAX = "reference_argmax"


@dataclass(frozen=True)
class Packed:
    """How the integers at a port stand side by side, the first in the low bits."""

    count: int
    bits: int
    signed: bool

    @property
    def width(self) -> int:
        """Bits of the port."""
        return self.count * self.bits


@dataclass(frozen=True)
class Reference:
    """The Verilog, and what stands at the ports of each layer.

    Attributes
    ----------
    text
        Verilog-2005.
    ports
        The network's input, then the outputs of each layer.
    """

    text: str
    ports: list[Packed]


def layer_name(index: int) -> str:
    """The module of a layer."""
    return f"{TOP}_layer{index}"


def write_reference(network: Network, output: Layout) -> Reference:
    """The arithmetic of ``network``, with results as in ``output``."""
    source = network.input
    ports = [Packed(source.features, source.bits, source.signed)]
    modules = []
    for index in range(len(network.layers)):
        lines, packed = _layer(network, index, ports[-1])
        modules.append("\n".join(lines))
        ports.append(packed)
    if network.output == "argmax":
        modules.append("\n".join(_argmax(ports[-1])))
    modules.append("\n".join(_top(network, ports, output)))
    return Reference("\n\n".join(modules) + "\n", ports)


def _layer(network: Network, index: int, packed: Packed) -> tuple[list[str], Packed]:
    layer = network.layers[index]
    if layer.kind not in _KINDS:
        raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "not known here")
    neurons = [_KINDS[layer.kind](network, index, j, packed) for j in range(layer.outputs)]
    bits = max(neuron.width for neuron in neurons)
    if layer.output is not None:
        own = layer.output.bits
        bits = max(own) if isinstance(own, list) else own
    result = Packed(layer.outputs, bits, layer.output.signed if layer.output else True)
    body = [*_unpacked("x", packed)]
    for neuron in neurons:
        body += neuron.lines
    body += [f"wire {_span(bits)} z{j} = y{j};" for j in range(layer.outputs)]
    body.append(f"assign y = {_joined('z', layer.outputs)};")
    return _module(layer_name(index), packed.width, result.width, body), result


class _Neuron:
    """One neuron, line by line; every wire is signed and wide enough.

    What activations write into is the part of it that :class:`hwgen.spec.activations.Formula` says.
    """

    def __init__(self, network: Network, index: int, j: int, packed: Packed):
        self._layer = layer = network.layers[index]
        self._j = j
        self._fractions = _fractions(network, index)
        finest = max(self._fractions)
        own = layer.weight_fraction_bits
        weight_fraction = own[j] if isinstance(own, list) else own
        self._fraction = weight_fraction + layer.weight_shift + finest
        self.lines: list[str] = []
        self.value = ""
        self.width = 0
        self._sum(packed, finest)
        setting = Setting(
            fraction=self._fraction,
            negative_shift=layer.negative_shift,
            target=None if layer.output is None else layer.output.formats(layer.outputs)[j],
        )
        activation(layer.activation).describe(self, setting)
        if layer.output is not None and layer.output.thresholds is not None:
            self._count(layer.output.thresholds[j], setting.target)
        elif setting.target is not None:
            self._rescale(setting.target)
        self.wire("y", self.value, self.width)

    def wire(self, name: str, expression: str, width: int) -> str:
        """A wire of the signed ``expression``; its name."""
        self.value = f"{name}{self._j}"
        self.lines.append(f"wire signed {_span(width)} {self.value} = {expression};")
        self.width = width
        return self.value

    def constant(self, value: int) -> str:
        """``value``, as wide as the present value; it fits."""
        return _decimal(value, self.width)

    def clip(self, name: str, low: int, high: int) -> None:
        """The present value, clipped."""
        self._widen(low, high)
        value, least, most = self.value, self.constant(low), self.constant(high)
        clipped = f"{value} > {most} ? {most} : {value} < {least} ? {least} : {value}"
        self.wire(name, clipped, self.width)

    def _widen(self, *values: int) -> None:
        """Make room for ``values`` beside the present one."""
        width = max(
            self.width, *(signed_width(-abs(value) - 1, abs(value)) + 1 for value in values)
        )
        if width > self.width:
            self.wire(f"wide{len(self.lines)}_", self.value, width)

    def _sum(self, packed: Packed, finest: int) -> None:
        """``bias + sum of (w << weight_shift) * (((x >> dropped) << dropped) << alignment)``."""
        layer, j = self._layer, self._j
        weights = [int(weight) << layer.weight_shift for weight in layer.weight_values[j]]
        lefts = [finest - fraction for fraction in self._fractions]
        reach = sum(abs(w) << left for w, left in zip(weights, lefts, strict=True))
        self.width = ((reach << packed.bits) + abs(layer.bias[j])).bit_length() + 2
        products = []
        for i, (weight, left) in enumerate(zip(weights, lefts, strict=True)):
            dropped, x = _dropped(layer.dropped_bits, j, i), f"x{i}"
            if weight and dropped:
                x = f"kept{i}_{j}"
                kept = f"x{i} >>> {dropped} <<< {dropped}"
                self.lines.append(f"wire signed {_span(packed.bits + 1)} {x} = {kept};")
            if weight:
                products.append(f"{self.constant(weight << left)} * {x}")
        self.wire("sum", " + ".join([self.constant(layer.bias[j]), *products]), self.width)
        bits = layer.accumulator_bits
        if layer.accumulator_overflow == "wrap" and bits is not None:
            self.wire("acc", self.value, bits)

    def _count(self, thresholds: Sequence[int], target: Format | None) -> None:
        """The format's minimum, and how many thresholds are reached."""
        if target is None:
            return
        self._widen(*thresholds, 0)
        reached = [f"({self.value} >= {self.constant(t)})" for t in thresholds]
        bits = target.bits + 2
        lowest = _decimal(target.minimum, bits)
        total = " + ".join([lowest, *(f"$signed({{1'b0, {one}}})" for one in reached)])
        self.wire("fit", total, bits)

    def _rescale(self, target: Format) -> None:
        layer, output = self._layer, self._layer.output
        if output is None:
            return
        factor = output.multiplier
        multiplier = factor[self._j] if isinstance(factor, list) else factor
        if multiplier != 1:
            self._widen((1 << self.width) * multiplier)
            self.wire("times", f"{self.value} * {self.constant(multiplier)}", self.width)
        given = output.shift[self._j] if isinstance(output.shift, list) else output.shift
        self._shift(self._fraction - target.fraction_bits if given is None else given)
        function = activation(layer.activation)
        if isinstance(function, Tabled):
            self._look_up(table(function, target))
        elif output.overflow == "saturate":
            self.clip("fit", target.minimum, target.maximum)
        else:
            self.wire("fit", self.value, target.bits)
            if not target.signed:
                self.wire("whole", f"$signed({{1'b0, {self.value}}})", target.bits + 1)
        if self.width < target.bits:
            self.wire("full", self.value, target.bits)

    def _shift(self, n: int) -> None:
        """The rescale shift with its rounding."""
        rounding = self._layer.output and self._layer.output.rounding
        if n <= 0:
            self.wire("left", self.value, self.width - n)
            self.wire("round", f"{self.value} << {-n}", self.width)
            return
        self._widen(1 << n)
        if rounding == "floor":
            self.wire("round", f"{self.value} >>> {n}", self.width)
            return
        self.wire("more", self.value, self.width + 1)
        value, half = self.value, self.constant(1 << (n - 1))
        up = self.wire("up", f"({value} + {half}) >>> {n}", self.width)
        if rounding == "half_up":
            return
        tie = f"({value} & {self.constant((1 << n) - 1)}) == {half}"
        self.wire("round", f"{tie} ? {up} & ~{self.constant(1)} : {up}", self.width)

    def _look_up(self, entries: Table) -> None:
        """The table of a sigmoid or tanh, as a case statement."""
        j = self._j
        self.clip("index", entries.first, entries.last)
        index, width = self.value, self.width
        bits = entries.target.bits + 1
        self.lines += [f"reg signed {_span(bits)} entry{j};", "always @*", f"  case ({index})"]
        for t, entry in zip(range(entries.first, entries.last + 1), entries.entries, strict=True):
            case, value = _decimal(t, width), _decimal(entry, bits)
            self.lines.append(f"    {case}: entry{j} = {value};")
        self.lines += [f"    default: entry{j} = 0;", "  endcase"]
        self.wire("table", f"entry{j}", bits)


_KINDS = {"dense": _Neuron}
"""How one output of each kind of layer is written."""


def _fractions(network: Network, index: int) -> list[int]:
    """Fraction bits of each value that a layer reads."""
    if index == 0:
        return [network.input.fraction_bits] * network.input.features
    before = network.layers[index - 1]
    given = 0 if before.output is None else before.output.fraction_bits
    return given if isinstance(given, list) else [given] * before.outputs


def _dropped(given: Any, j: int, i: int) -> int:
    """Low bits of input ``i`` that neuron ``j`` ignores."""
    if given is None:
        return 0
    return int(given[j][i] if isinstance(given[0], list) else given[i])


def _argmax(packed: Packed) -> list[str]:
    """One value after the other is held to the largest so far."""
    width = index_width(packed.count)
    body = [*_unpacked("x", packed)]
    body.append(f"wire signed {_span(packed.bits + 1)} best0 = x0;")
    body.append(f"wire {_span(width)} index0 = 0;")
    for j in range(1, packed.count):
        larger = f"x{j} > best{j - 1}"
        best = f"{larger} ? x{j} : best{j - 1}"
        body.append(f"wire signed {_span(packed.bits + 1)} best{j} = {best};")
        body.append(f"wire {_span(width)} index{j} = {larger} ? {width}'d{j} : index{j - 1};")
    body.append(f"assign y = index{packed.count - 1};")
    return _module(ARGMAX, packed.width, width, body)


def _top(network: Network, ports: list[Packed], output: Layout) -> list[str]:
    body = []
    source = "x"
    for index, packed in enumerate(ports[1:]):
        body.append(f"wire {_span(packed.width)} layer{index};")
        body.append(f"{layer_name(index)} u{index} (.x({source}), .y(layer{index}));")
        source = f"layer{index}"
    if network.output == "argmax":
        body.append(f"{ARGMAX} decision (.x({source}), .y(y));")
        return _module(TOP, ports[0].width, index_width(ports[-1].count), body)
    body += _unpacked("z", ports[-1], source)
    body += [
        f"wire signed {_span(output.element_bits)} r{j} = z{j};" for j in range(output.elements)
    ]
    body.append(f"assign y = {_joined('r', output.elements)};")
    return _module(TOP, ports[0].width, output.elements * output.element_bits, body)


def _unpacked(name: str, packed: Packed, port: str = "x") -> Iterator[str]:
    """The numbers at a port as signed wires, a bit wider than they are."""
    for i in range(packed.count):
        part = f"{port}[{(i + 1) * packed.bits - 1}:{i * packed.bits}]"
        number = f"$signed({part})" if packed.signed else f"$signed({{1'b0, {part}}})"
        yield f"wire signed {_span(packed.bits + 1)} {name}{i} = {number};"


def _joined(name: str, count: int) -> str:
    """Numbers side by side, the first in the low bits."""
    return f"{{{', '.join(f'{name}{j}' for j in reversed(range(count)))}}}"


def _module(name: str, inputs: int, outputs: int, body: Iterable[str]) -> list[str]:
    ports = [f"input {_span(inputs)} x;", f"output {_span(outputs)} y;"]
    return [f"module {name} (x, y);", *(f"  {line}" for line in [*ports, *body]), "endmodule"]


def _decimal(value: int, width: int) -> str:
    return f"{'-' if value < 0 else ''}{width}'sd{abs(value)}"


def _span(width: int) -> str:
    return f"[{width - 1}:0]"
