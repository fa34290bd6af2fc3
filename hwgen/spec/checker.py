"""The arithmetic of docs/arithmetic.md as Verilog: every formula as it stands, and nothing clever.

What designs are proved equal to. Nothing here knows how designs are generated: products are
products, every sum is wide enough for anything, a rounding adds and shifts, a table is a case
statement. The module ``reference`` takes a vector ``x`` and hands out ``y``, packed like the ports
of a bare design; each layer is a module ``reference_layer<i>`` between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hwgen.rtl.interface import Layout
from hwgen.spec.activations import Setting, Table, Tabled, activation
from hwgen.spec.activations.table import table
from hwgen.spec.formats import Format, index_width, signed_width
from hwgen.spec.network import Network
from hwgen.spec.sums import Sum, fractions, sums

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
    neurons = [
        _Neuron(network, index, j, packed, one) for j, one in enumerate(sums(network, index))
    ]
    bits, signed = max(neuron.width for neuron in neurons), True
    if layer.output is not None:
        own = layer.output.bits
        bits, signed = max(own) if isinstance(own, list) else own, layer.output.signed
    elif any(neuron.largest for neuron in neurons):
        bits, signed = packed.bits, packed.signed
    result = Packed(len(neurons), bits, signed)
    body = [*_unpacked("x", packed)]
    for neuron in neurons:
        body += neuron.lines
    body += [f"wire {_span(bits)} z{j} = y{j};" for j in range(len(neurons))]
    body.append(f"assign y = {_joined('z', len(neurons))};")
    return _module(layer_name(index), packed.width, result.width, body), result


class _Neuron:
    """One output, line by line; every wire is signed and wide enough.

    What activations write into is the part of it that :class:`hwgen.spec.activations.Formula` says.
    """

    def __init__(self, network: Network, index: int, j: int, packed: Packed, one: Sum):
        self._layer = layer = network.layers[index]
        self._j = j
        self.largest = one.largest
        self.lines: list[str] = []
        self.value = ""
        self.width = 0
        if one.largest:
            self._largest(packed, one)
            return
        self._fraction = one.finer + max(fractions(network, index))
        self._sum(packed, one)
        if layer.wrap_bits is not None:
            self.wire("acc", self.value, layer.wrap_bits)
        formats = layer.output_formats()
        setting = Setting(
            fraction=self._fraction,
            negative_shift=layer.negative_shift,
            target=None if formats is None else formats[j],
        )
        self._channel = j // (layer.outputs // layer.output_channels)
        activation(layer.activation).describe(self, setting)
        if layer.output is not None and layer.output.thresholds is not None:
            self._count(layer.output.thresholds[self._channel], setting.target)
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

    def _sum(self, packed: Packed, one: Sum) -> None:
        """``constant + sum of weight * ((x >> dropped) << dropped)``."""
        j = self._j
        reach = sum(abs(product.weight) for product in one.products)
        self.width = ((reach << packed.bits) + abs(one.constant)).bit_length() + 2
        products = []
        for product in one.products:
            i, dropped, x = product.index, product.dropped, f"x{product.index}"
            if product.weight and dropped:
                x = f"kept{i}_{j}"
                kept = f"x{i} >>> {dropped} <<< {dropped}"
                self.lines.append(f"wire signed {_span(packed.bits + 1)} {x} = {kept};")
            if product.weight:
                products.append(f"{self.constant(product.weight)} * {x}")
        self.wire("sum", " + ".join([self.constant(one.constant), *products]), self.width)

    def _largest(self, packed: Packed, one: Sum) -> None:
        """One value after the other is held to the largest so far."""
        first, *others = (f"x{product.index}" for product in one.products)
        self.wire("best", first, packed.bits + 1)
        for step, x in enumerate(others):
            self.wire(f"best{step}_", f"{x} > {self.value} ? {x} : {self.value}", self.width)
        self.wire("y", self.value, self.width)

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
        multiplier = factor[self._channel] if isinstance(factor, list) else factor
        if multiplier != 1:
            self._widen((1 << self.width) * multiplier)
            self.wire("times", f"{self.value} * {self.constant(multiplier)}", self.width)
        given = output.shift[self._channel] if isinstance(output.shift, list) else output.shift
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
