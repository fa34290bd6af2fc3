"""The arithmetic of docs/arithmetic.md as Verilog: every formula as it stands, and nothing clever.

What designs are proved equal to. Nothing here knows how designs are generated: products are
products, every sum is wide enough for anything, a rounding adds and shifts, a table is a case
statement. The module ``reference`` takes a vector ``x`` and hands out ``y``, packed like the ports
of a bare design; each layer is a module ``reference_layer<i>`` between them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hwgen.rtl.interface import Layout
from hwgen.spec.arithmetic import unit
from hwgen.spec.formats import Format, index_width, signed_width
from hwgen.spec.network import DenseLayer, Network

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
    fractions = layer.accumulator_fraction(network.input_format(index).fraction_bits)
    neurons = [_Neuron(layer, j, fractions[j], packed) for j in range(layer.outputs)]
    bits = layer.output.bits if layer.output else max(neuron.width for neuron in neurons)
    result = Packed(layer.outputs, bits, layer.output.signed if layer.output else True)
    body = [*_unpacked("x", packed)]
    for neuron in neurons:
        body += neuron.lines()
    body += [f"wire {_span(bits)} z{j} = y{j};" for j in range(layer.outputs)]
    body.append(f"assign y = {_joined('z', layer.outputs)};")
    return _module(layer_name(index), packed.width, result.width, body), result


class _Neuron:
    """One neuron, line by line; every wire is signed and wide enough."""

    def __init__(self, layer: DenseLayer, j: int, fraction: int, packed: Packed):
        self._layer = layer
        self._j = j
        self._fraction = fraction
        self._weights = [int(weight) for weight in layer.weight_values[j]]
        size = (1 << packed.bits) * sum(map(abs, self._weights)) + abs(layer.bias[j])
        self.width = size.bit_length() + 2
        self._lines: list[str] = []
        self._value = self._sum()
        self._activate()
        if layer.output is not None:
            self._rescale(layer.output.format)
        self._wire(f"y{j}", self._value, self.width)

    def lines(self) -> list[str]:
        """Its Verilog: the last wire is ``y<j>``."""
        return self._lines

    def _wire(self, name: str, expression: str, width: int) -> str:
        """A wire of the signed ``expression``; its name."""
        self._lines.append(f"wire signed {_span(width)} {name} = {expression};")
        self.width = width
        self._value = name
        return name

    def _constant(self, value: int) -> str:
        """``value``, as wide as the present value; it fits."""
        return f"{'-' if value < 0 else ''}{self.width}'sd{abs(value)}"

    def _widen(self, *values: int) -> None:
        """Make room for ``values`` beside the present one."""
        width = max(
            self.width, *(signed_width(-abs(value) - 1, abs(value)) + 1 for value in values)
        )
        if width > self.width:
            self._wire(f"wide{len(self._lines)}_{self._j}", self._value, width)

    def _sum(self) -> str:
        j = self._j
        products = [
            f"{self._constant(weight)} * x{i}" for i, weight in enumerate(self._weights) if weight
        ]
        total = " + ".join([self._constant(self._layer.bias[j]), *products])
        self._wire(f"sum{j}", total, self.width)
        bits = self._layer.accumulator_bits
        if self._layer.accumulator_overflow == "wrap" and bits is not None:
            self._wire(f"acc{j}", self._value, bits)
        return self._value

    def _activate(self) -> None:
        layer, name = self._layer, f"active{self._j}"
        if layer.activation == "relu":
            self._wire(name, f"{self._value} < 0 ? 0 : {self._value}", self.width)
        if layer.activation == "leaky_relu":
            shifted = f"{self._value} >>> {layer.negative_shift}"
            self._wire(name, f"{self._value} < 0 ? {shifted} : {self._value}", self.width)
        if layer.activation == "hard_tanh":
            one = unit(self._fraction)
            self._clip(name, -one, one)

    def _clip(self, name: str, low: int, high: int) -> None:
        self._widen(low, high)
        value, least, most = self._value, self._constant(low), self._constant(high)
        clipped = f"{value} > {most} ? {most} : {value} < {least} ? {least} : {value}"
        self._wire(name, clipped, self.width)

    def _rescale(self, target: Format) -> None:
        self._shift(self._fraction - target.fraction_bits)
        j, layer = self._j, self._layer
        if layer.activation in ("sigmoid", "tanh"):
            self._look_up(target)
        elif layer.output is not None and layer.output.overflow == "saturate":
            self._clip(f"fit{j}", target.minimum, target.maximum)
        else:
            self._wire(f"fit{j}", self._value, target.bits)
        if self.width < target.bits:
            self._wire(f"full{j}", self._value, target.bits)

    def _shift(self, n: int) -> None:
        """The rescale shift with its rounding."""
        j, rounding = self._j, self._layer.output and self._layer.output.rounding
        if n <= 0:
            self._wire(f"left{j}", self._value, self.width - n)
            self._wire(f"round{j}", f"{self._value} << {-n}", self.width)
            return
        self._widen(1 << n)
        if rounding == "floor":
            self._wire(f"round{j}", f"{self._value} >>> {n}", self.width)
            return
        self._wire(f"more{j}", self._value, self.width + 1)
        value, half = self._value, self._constant(1 << (n - 1))
        up = self._wire(f"up{j}", f"({value} + {half}) >>> {n}", self.width)
        if rounding == "half_up":
            return
        tie = f"({value} & {self._constant((1 << n) - 1)}) == {half}"
        self._wire(f"round{j}", f"{tie} ? {up} & ~{self._constant(1)} : {up}", self.width)

    def _look_up(self, target: Format) -> None:
        """The table of a sigmoid or tanh, as a case statement."""
        j, table = self._j, self._layer.table
        self._clip(f"index{j}", table.first, table.last)
        index, width = self._value, self.width
        bits = target.bits + 1
        self._lines += [f"reg signed {_span(bits)} entry{j};", "always @*", f"  case ({index})"]
        for t, entry in zip(range(table.first, table.last + 1), table.entries, strict=True):
            case, value = _decimal(t, width), _decimal(entry, bits)
            self._lines.append(f"    {case}: entry{j} = {value};")
        self._lines += [f"    default: entry{j} = 0;", "  endcase"]
        self._wire(f"table{j}", f"entry{j}", bits)


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
