"""A network as one C99 header: integers alone, no heap, no library but stdint.

Sums are kept in 64 bits, which hold every number that the layer computes with, in any order; a
network that needs more is refused. Values are right shifted towards minus infinity, as every
compiler in use does; the self-test, compiled with ``-DHWGEN_SELF_TEST``, would show one that
does not.
"""

import re
from collections.abc import Iterator
from itertools import count

import numpy as np

from hwgen import __version__
from hwgen.exports.ctext import array, literal
from hwgen.exports.windows import c_sums
from hwgen.rtl.names import module_name
from hwgen.spec import golden
from hwgen.spec.activations import Tabled
from hwgen.spec.activations.table import Table
from hwgen.spec.dense import DenseLayer
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.rescale import Rescale
from hwgen.support.errors import HwgenError

_BITS = 62
"""Widest number of a layer that 64 bits take, with one bit for a half that rounding adds."""

_SELF_TEST_VECTORS = 16


def c_header(network: Network) -> str:
    """``network`` as a C99 header.

    It has ``NAME_predict(const int32_t x[NAME_FEATURES], int64_t y[NAME_RESULTS])``: input codes
    in, what :func:`hwgen.spec.golden.predict` makes of them out.

    Raises
    ------
    HwgenError
        A layer computes with numbers of more than 62 bits.
    """
    for index, bits in enumerate(network.widest):
        if bits > _BITS:
            raise HwgenError(f"layers[{index}]", f"numbers of {bits} bits", f"at most {_BITS} in C")
    name = f"hwgen_{module_name(network.name)}".rstrip("_")
    results = 1 if network.output == "argmax" else network.layers[-1].outputs
    lines = [
        f"/* Network sha256 {network.sha256()}, written by hwgen {__version__}.",
        " * This text is yours to use in any way; the authors of hwgen claim nothing on it.",
        f" * Input: {network.input.features} integers {network.input.format}.",
        " */",
        f"#ifndef {name.upper()}_H",
        f"#define {name.upper()}_H",
        "#include <stdint.h>",
        f"#define {name.upper()}_FEATURES {network.input.features}",
        f"#define {name.upper()}_RESULTS {results}",
    ]
    for index, layer in enumerate(network.layers):
        lines += ["", *_Layer(network, index, f"{name}_layer{index}").lines(layer)]
    lines += ["", *_predict(network, name), "", *_self_test(network, name), "#endif"]
    return "\n".join(lines) + "\n"


class _Layer:
    """The function of one layer, ``void NAME(const int64_t *x, int64_t *y)``."""

    def __init__(self, network: Network, index: int, name: str):
        self._name = name
        self._alignment = network.source(index).alignment
        self._rescales = network.rescales[index]

    def lines(self, layer: AnyLayer) -> Iterator[str]:
        """Tables of the layer, its rescales, and the function."""
        name = self._name
        kinds = list(dict.fromkeys(self._rescales))
        for number, one in enumerate(kinds):
            yield from _rescale(one, f"{name}_rescale{number}")
        if isinstance(layer, Windowed):
            tables, loops = c_sums(layer, self._alignment, name)
        else:
            tables, loops = self._dense(layer)
        yield from tables
        yield f"static inline void {name}(const int64_t *x, int64_t *y) {{"
        yield from loops
        if layer.wrap_bits is not None:
            yield f"    acc = {_wrapped('acc', layer.wrap_bits)};"
        yield "    y[j] = acc;"
        yield "  }"
        count = layer.outputs // layer.output_channels
        for j, one in enumerate(self._rescales[::count]):
            function = f"{name}_rescale{kinds.index(one)}"
            if count == 1:
                yield f"  y[{j}] = {function}(y[{j}]);"
            else:
                yield f"  for (j = {j * count}u; j < {(j + 1) * count}u; j++)"
                yield f"    y[j] = {function}(y[j]);"
        yield "}"

    def _dense(self, layer: DenseLayer) -> tuple[list[str], list[str]]:
        """Tables, and loops over the neurons that leave a sum in ``acc``."""
        terms, name = layer.terms(self._alignment), self._name
        columns = len(terms.index)
        tables = [
            *array("int64_t", f"{name}_weights", terms.weights.ravel().tolist()),
            *array("int64_t", f"{name}_bias", layer.bias),
        ]
        factor = "x[i]"
        if any(terms.dropped) or terms.index != list(range(columns)):
            tables += array("uint32_t", f"{name}_index", terms.index)
            tables += array("uint32_t", f"{name}_dropped", terms.dropped)
            factor = f"(x[{name}_index[i]] >> {name}_dropped[i])"
        return tables, [
            "  uint32_t i, j;",
            f"  for (j = 0; j < {layer.outputs}u; j++) {{",
            f"    int64_t acc = {name}_bias[j];",
            f"    for (i = 0; i < {columns}u; i++)",
            f"      acc += {name}_weights[j * {columns}u + i] * {factor};",
        ]


class _Formula:
    """Lines of C that an activation describes itself in: what it says of Verilog reads as C."""

    def __init__(self, name: str):
        self.value = name
        self.width = 64
        self.lines: list[str] = []
        self._number = count()

    def wire(self, name: str, expression: str, width: int) -> str:
        """A new variable; widths do not matter, as 64 bits hold everything."""
        self.value = f"{name}{next(self._number)}"
        shifted = re.sub(r">>> (\d+)", lambda found: f">> {min(63, int(found[1]))}", expression)
        self.lines.append(f"int64_t {self.value} = {shifted};")
        return self.value

    def constant(self, value: int) -> str:
        """``value`` as a literal."""
        return literal(value)

    def clip(self, name: str, low: int, high: int) -> None:
        """The present value clipped."""
        value, least, most = self.value, literal(low), literal(high)
        clipped = f"{value} < {least} ? {least} : {value} > {most} ? {most} : {value}"
        self.wire(name, clipped, self.width)


def _rescale(one: Rescale, name: str) -> Iterator[str]:
    """``static int64_t NAME(int64_t acc)``."""
    formula = _Formula("acc")
    one.activation.describe(formula, one)
    if one.thresholds:
        yield from array("int64_t", f"{name}_thresholds", one.thresholds)
    if one.table is not None:
        yield from array("int64_t", f"{name}_table", one.table.entries)
    yield f"static inline int64_t {name}(int64_t acc) {{"
    if one.thresholds is not None and one.target is not None:
        yield from (f"  {line}" for line in formula.lines)
        yield f"  int64_t y = {literal(one.target.minimum)};"
        if one.thresholds:
            yield "  uint32_t i;"
            yield f"  for (i = 0; i < {len(one.thresholds)}u; i++)"
            yield f"    y += {formula.value} >= {name}_thresholds[i];"
        else:  # no step is ever reached
            yield f"  (void){formula.value};"
        yield "  return y;"
    else:
        _round(formula, one)
        _fit(formula, one, name)
        yield from (f"  {line}" for line in formula.lines)
        yield f"  return {formula.value};"
    yield "}"


def _round(formula: _Formula, one: Rescale) -> None:
    """``round( (active * multiplier) >> shift )``."""
    if one.multiplier != 1:
        formula.wire("product", f"{formula.value} * {one.multiplier}", 64)
    if one.shift < 0:
        formula.wire("left", f"{formula.value} * {literal(1 << -one.shift)}", 64)
    if one.shift <= 0:
        return
    value, half = formula.value, literal(1 << (one.shift - 1))
    if one.rounding == "floor":
        formula.wire("floor", f"{value} >> {one.shift}", 64)
        return
    up = formula.wire("up", f"({value} + {half}) >> {one.shift}", 64)
    if one.rounding == "half_even":
        low = literal((1 << one.shift) - 1)
        formula.wire("even", f"({value} & {low}) == {half} ? {up} & ~INT64_C(1) : {up}", 64)


def _fit(formula: _Formula, one: Rescale, name: str) -> None:
    """The table of the activation, or the overflow."""
    if isinstance(one.activation, Tabled) and isinstance(one.table, Table):
        formula.clip("index", one.table.first, one.table.last)
        first = literal(one.table.first)
        formula.wire("entry", f"{name}_table[{formula.value} - {first}]", 64)
    elif one.target is not None and one.overflow == "saturate":
        formula.clip("fit", one.target.minimum, one.target.maximum)
    elif one.target is not None:
        wrapped = _wrapped(formula.value, one.target.bits, one.target.signed)
        formula.wire("fit", wrapped, 64)


def _predict(network: Network, name: str) -> Iterator[str]:
    widths = [network.input.features, *(layer.outputs for layer in network.layers)]
    upper = name.upper()
    yield f"static inline void {name}_predict(const int32_t x[{upper}_FEATURES], "
    yield f"                                  int64_t y[{upper}_RESULTS]) {{"
    yield f"  int64_t a[{max(widths)}], b[{max(widths)}];"
    yield "  uint32_t i;"
    yield f"  for (i = 0; i < {widths[0]}u; i++) a[i] = x[i];"
    here, there = "a", "b"
    for index in range(len(network.layers)):
        yield f"  {name}_layer{index}({here}, {there});"
        here, there = there, here
    if network.output == "argmax":
        yield "  y[0] = 0;"
        yield f"  for (i = 1; i < {widths[-1]}u; i++)"
        yield f"    if ({here}[i] > {here}[y[0]]) y[0] = (int64_t)i;"
    else:
        yield f"  for (i = 0; i < {widths[-1]}u; i++) y[i] = {here}[i];"
    yield "}"


def _self_test(network: Network, name: str) -> Iterator[str]:
    """``main`` on vectors of which the results are known; exit code 0 where all are right."""
    low, high = network.input.format.minimum, network.input.format.maximum
    size = (_SELF_TEST_VECTORS, network.input.features)
    x = np.random.default_rng(0).integers(low, high, size, endpoint=True)
    x[0], x[1] = low, high
    y = golden.predict(network, x).reshape(_SELF_TEST_VECTORS, -1)
    yield "#ifdef HWGEN_SELF_TEST"
    yield from array("int32_t", f"{name}_test_x", x.ravel().tolist())
    yield from array("int64_t", f"{name}_test_y", y.ravel().tolist())
    yield "int main(void) {"
    yield f"  int64_t y[{name.upper()}_RESULTS];"
    yield "  uint32_t i, j;"
    yield f"  for (i = 0; i < {_SELF_TEST_VECTORS}u; i++) {{"
    yield f"    {name}_predict(&{name}_test_x[i * {x.shape[1]}u], y);"
    yield f"    for (j = 0; j < {y.shape[1]}u; j++)"
    yield f"      if (y[j] != {name}_test_y[i * {y.shape[1]}u + j]) return 1;"
    yield "  }"
    yield "  return 0;"
    yield "}"
    yield "#endif"


def _wrapped(value: str, bits: int, signed: bool = True) -> str:
    """The low ``bits`` of ``value``, as two's complement where ``signed``."""
    low = f"({value} & {literal((1 << bits) - 1)})"
    if not signed:
        return low
    top = literal(1 << (bits - 1))
    return f"({low} ^ {top}) - {top}"
