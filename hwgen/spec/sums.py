"""What each output of a layer adds up, or is the largest of: the checker's own reading of a file.

Plain loops over the formulas of docs/arithmetic.md. Nothing here is shared with the layers' own
sums and intervals, which it is there to check.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError


@dataclass(frozen=True, kw_only=True)
class Product:
    """``weight * ((x[index] >> dropped) << dropped)``."""

    index: int
    weight: int
    dropped: int = 0


@dataclass(frozen=True, kw_only=True)
class Sum:
    """One accumulator.

    Parameters
    ----------
    constant
        What is added to the products: the bias, and what padding contributes.
    products
        Of inputs as they come; alignment and ``weight_shift`` are in the weights.
    finer
        Fraction bits beyond those of the aligned inputs.
    largest
        It is the largest of the inputs of ``products``, not their sum.
    """

    constant: int
    products: list[Product]
    finer: int
    largest: bool = False


def sums(network: Network, index: int) -> Iterator[Sum]:
    """One for each output of layer ``index``, in their order."""
    layer: Any = network.layers[index]
    if layer.kind not in _KINDS:
        raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "not known here")
    yield from _KINDS[layer.kind](network, index, layer)


def fractions(network: Network, index: int) -> list[int]:
    """Fraction bits of each value that a layer reads."""
    if index == 0:
        return [network.input.fraction_bits] * network.input.features
    before: Any = network.layers[index - 1]
    if before.kind == "max_pool":
        own, shape = fractions(network, index - 1), _shape(network, index - 1)
        per_channel = own[:: len(own) // shape[0]]
    else:
        given = 0 if before.output is None else before.output.fraction_bits
        channels = len(before.weights) if before.kind in _WEIGHTED else _shape(network, index)[0]
        per_channel = given if isinstance(given, list) else [given] * channels
    if before.kind == "dense":
        return per_channel
    _, *sizes = _shape(network, index)
    count = 1
    for size in sizes:
        count *= size
    return [fraction for fraction in per_channel for _ in range(count)]


_WEIGHTED = ("dense", "conv1d", "conv2d")


def _lefts(network: Network, index: int) -> list[int]:
    own = fractions(network, index)
    return [max(own) - fraction for fraction in own]


def _weight(layer: Any, code: int) -> int:
    """The factor that a code stands for."""
    book = layer.codebook
    value = code if book is None else int(book[code % (1 << layer.weight_bits)])
    return value << int(layer.weight_shift)


def _finer(layer: Any, output: int) -> int:
    own = layer.weight_fraction_bits
    return int(own[output] if isinstance(own, list) else own) + int(layer.weight_shift)


def _dense(network: Network, index: int, layer: Any) -> Iterator[Sum]:
    lefts = _lefts(network, index)
    for j, codes in enumerate(layer.weights):
        products = []
        for i, code in enumerate(codes):
            dropped = layer.dropped_bits
            if dropped is not None:
                dropped = dropped[j][i] if isinstance(dropped[0], list) else dropped[i]
            weight = _weight(layer, code) << lefts[i]
            products.append(Product(index=i, weight=weight, dropped=dropped or 0))
        yield Sum(constant=layer.bias[j], products=products, finer=_finer(layer, j))


def _shape(network: Network, index: int) -> tuple[int, int, int]:
    """Channels, height and width of the map that a layer reads; signals have the height 1."""
    if index == 0:
        channels, *sizes = network.input.shape or [network.input.features]
    else:
        layer: Any = network.layers[index - 1]
        if layer.kind == "dense":
            return len(layer.weights), 1, 1
        before = _shape(network, index - 1)
        kernel, stride, padding = _window(layer, before)
        channels = len(layer.weights) if layer.kind in _WEIGHTED else before[0]
        sizes = [
            (size + padding[axis] + padding[axis + 2] - kernel[axis]) // stride[axis] + 1
            for axis, size in enumerate(before[1:])
        ]
    if len(sizes) == 2:
        return channels, sizes[0], sizes[1]
    return channels, 1, sizes[0] if sizes else 1


def _window(
    layer: Any, shape: tuple[int, int, int]
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Kernel, stride and padding (top, left, bottom, right) as of an image."""
    if layer.kind == "global_average_pool":
        return shape[1:], (1, 1), (0, 0, 0, 0)
    if layer.kind == "conv2d":
        kernel = len(layer.weights[0][0]), len(layer.weights[0][0][0])
        return kernel, layer.stride, layer.padding
    if layer.kind == "conv1d":
        before, behind = layer.padding
        return (1, len(layer.weights[0][0])), (1, layer.stride), (0, before, 0, behind)
    stride = layer.kernel if layer.stride is None else layer.stride
    padding = (layer.padding if layer.kind == "max_pool" else None) or [0, 0, 0, 0]
    if isinstance(layer.kernel, list):
        return layer.kernel, stride, padding
    if len(padding) == 2:
        padding = [0, padding[0], 0, padding[1]]
    return (1, layer.kernel), (1, stride), padding


def _positions(network: Network, index: int) -> Iterator[tuple[list[tuple[int, int, int]], int]]:
    """For each window, row by row, what it sees inside of the map, and how much in all.

    What it sees: the place in the window, row and column in the map.
    """
    shape = _shape(network, index)
    layer: Any = network.layers[index]
    (high, wide), (down, right), (top, left, bottom, behind) = _window(layer, shape)
    for y0 in range(-top, shape[1] + bottom - high + 1, down):
        for x0 in range(-left, shape[2] + behind - wide + 1, right):
            inside = [
                (y * wide + x, y0 + y, x0 + x)
                for y in range(high)
                for x in range(wide)
                if 0 <= y0 + y < shape[1] and 0 <= x0 + x < shape[2]
            ]
            yield inside, high * wide


def _convolution(network: Network, index: int, layer: Any) -> Iterator[Sum]:
    lefts = _lefts(network, index)
    channels, height, width = _shape(network, index)
    zero = network.input.zero_point if index == 0 else 0
    own, seen = channels // layer.groups, len(layer.weights) // layer.groups
    for output, kernels in enumerate(layer.weights):
        flat = [row if layer.kind == "conv1d" else [*chain(*row)] for row in kernels]
        for inside, _ in _positions(network, index):
            constant, products = layer.bias[output], []
            for channel, codes in enumerate(flat):
                outside = set(range(len(codes)))
                for place, y, x in inside:
                    i = ((output // seen * own + channel) * height + y) * width + x
                    weight = _weight(layer, codes[place]) << lefts[i]
                    products.append(Product(index=i, weight=weight))
                    outside.remove(place)
                constant += sum(_weight(layer, codes[place]) * zero for place in outside)
            yield Sum(constant=constant, products=products, finer=_finer(layer, output))


def _pool(network: Network, index: int, layer: Any) -> Iterator[Sum]:
    largest = layer.kind == "max_pool"
    lefts = _lefts(network, index)
    channels, height, width = _shape(network, index)
    for channel in range(channels):
        for inside, count in _positions(network, index):
            places = [(channel * height + y) * width + x for _, y, x in inside]
            products = [Product(index=i, weight=1 << (0 if largest else lefts[i])) for i in places]
            finer = 0
            while not largest and 2 << finer <= count:
                finer += 1
            yield Sum(constant=0, products=products, finer=finer, largest=largest)


_KINDS = {
    "dense": _dense,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "max_pool": _pool,
    "average_pool": _pool,
    "global_average_pool": _pool,
}
