"""A network as a short numpy script that a person can read."""

from collections.abc import Iterator

from hwgen import __version__
from hwgen.exports.windows import NUMPY_WINDOWS, numpy_sums
from hwgen.rtl.names import module_name
from hwgen.spec.activations import Clip, Tabled
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.rescale import Rescale
from hwgen.support.errors import HwgenError

_BITS = 62
_COLUMNS = 96

_FUNCTIONS = {
    "windows": NUMPY_WINDOWS,
    "half_even": '''
def half_even(v, n):
    """Half to even: a tie, all dropped bits zero but the first, goes to the even neighbour."""
    up = (v + (1 << (n - 1))) >> n
    tie = (v & ((1 << n) - 1)) == 1 << (n - 1)
    return np.where(tie, up & ~1, up)
''',
    "wrap": '''
def wrap(v, bits, signed):
    """The low bits, as two's complement where signed."""
    low = v & ((1 << bits) - 1)
    return (low ^ (1 << (bits - 1))) - (1 << (bits - 1)) if signed else low
''',
}


def numpy_script(network: Network) -> str:
    """``network`` as a script: ``predict(x)`` takes codes [samples, features].

    ``python SCRIPT.py DATA.npz`` prints the results for the codes ``x`` of a file.

    Raises
    ------
    HwgenError
        A layer computes with numbers of more than 62 bits, or has an activation that is neither a
        clip, nor a table, nor a leaky slope.
    """
    body: list[str] = []
    for index, layer in enumerate(network.layers):
        if network.widest[index] > _BITS:
            raise HwgenError(
                f"layers[{index}]",
                f"numbers of {network.widest[index]} bits",
                f"at most {_BITS} in numpy's int64",
            )
        body += _layer(network, index, layer)
    used = [text for name, text in _FUNCTIONS.items() if any(f"{name}(" in line for line in body)]
    result = "np.argmax(x, axis=1)" if network.output == "argmax" else "x"
    source = network.input
    return "\n".join(
        [
            f'"""Network {module_name(network.name)}, sha256 {network.sha256()}.',
            "",
            f"Integers alone, written by hwgen {__version__}. Input: {source.features} codes "
            f"{source.format}, {source.format.minimum}..{source.format.maximum}.",
            "This text is yours to use in any way; the authors of hwgen claim nothing on it.",
            '"""',
            "",
            "import sys",
            "",
            "import numpy as np",
            "",
            *used,
            "",
            "def predict(x):",
            '    """Results for codes x, integers [samples, features]."""',
            "    x = np.asarray(x, dtype=np.int64)",
            *(f"    {line}" if line else "" for line in body),
            f"    return {result}",
            "",
            "",
            'if __name__ == "__main__":',
            '    print(predict(np.load(sys.argv[1])["x"]))',
            "",
        ]
    )


def _layer(network: Network, index: int, layer: AnyLayer) -> Iterator[str]:
    """Statements that replace ``x`` by the layer's outputs."""
    alignment = network.source(index).alignment
    yield ""
    yield f"# layer {index}, {layer.kind}: {layer.outputs} outputs of {layer.fan_in} values each"
    if isinstance(layer, Windowed):
        yield from numpy_sums(layer, alignment)
    else:
        terms = layer.terms(alignment)
        yield from _matrix("w", terms.weights.tolist())
        yield from _matrix("b", [list(layer.bias)])
        if any(terms.dropped) or terms.index != list(range(layer.inputs)):
            yield f"x = x[:, {terms.index}] >> np.array({terms.dropped})"
        yield "x = x @ w.T + b[0]"
    if layer.wrap_bits is not None:
        yield f"x = wrap(x, {layer.wrap_bits}, True)"
    kinds: dict[Rescale, list[int]] = {}
    for j, one in enumerate(network.rescales[index]):
        kinds.setdefault(one, []).append(j)
    if len(kinds) == 1:
        yield from _rescale("x", network.rescales[index][0])
        return
    yield "y = np.empty_like(x)"
    for one, own in kinds.items():
        yield f"v = x[:, {own}]"
        yield from _rescale("v", one)
        yield f"y[:, {own}] = v"
    yield "x = y"


def _rescale(v: str, one: Rescale) -> Iterator[str]:
    """Statements that replace ``v``, accumulators, by outputs."""
    yield from _activation(v, one)
    if one.target is None:
        return
    if one.thresholds is not None:
        steps = list(one.thresholds)
        yield f"{v} = {one.target.minimum} + np.searchsorted({steps}, {v}, side='right')"
        return
    if one.multiplier != 1:
        yield f"{v} = {v} * {one.multiplier}"
    if one.shift < 0:
        yield f"{v} = {v} << {-one.shift}"
    elif one.shift and one.rounding == "floor":
        yield f"{v} = {v} >> {one.shift}"
    elif one.shift and one.rounding == "half_up":
        yield f"{v} = ({v} + {1 << (one.shift - 1)}) >> {one.shift}"
    elif one.shift:
        yield f"{v} = half_even({v}, {one.shift})"
    if one.table is not None:
        table = one.table
        yield from _matrix("table", [table.entries])
        yield f"{v} = table[0][np.clip({v}, {table.first}, {table.last}) - ({table.first})]"
    elif one.overflow == "saturate":
        yield f"{v} = np.clip({v}, {one.target.minimum}, {one.target.maximum})"
    else:
        yield f"{v} = wrap({v}, {one.target.bits}, {one.target.signed})"


def _activation(v: str, one: Rescale) -> Iterator[str]:
    kind = one.activation
    if isinstance(kind, Clip):
        low, high = kind.bounds(one)
        if low is not None:
            yield f"{v} = np.maximum({v}, {low})"
        if high is not None:
            yield f"{v} = np.minimum({v}, {high})"
    elif kind.shifts:
        yield f"{v} = np.where({v} < 0, {v} >> {min(63, one.negative_shift or 0)}, {v})"
    elif not isinstance(kind, Tabled):
        raise HwgenError(
            f"activation {kind.name}", "of a kind of its own", "clips, tables and leaky slopes"
        )


def _matrix(name: str, rows: list[list[int]]) -> Iterator[str]:
    """``name = np.array(...)``, a row to a paragraph."""
    yield f"{name} = np.array(["
    for row in rows:
        line = "    ["
        for value in row:
            item = f"{value}, "
            if len(line) + len(item) > _COLUMNS:
                yield line.rstrip()
                line = "     "
            line += item
        yield line.rstrip().rstrip(",") + "],"
    yield "], dtype=np.int64)"
