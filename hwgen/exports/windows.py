"""Layers that slide over a map, as loops in C and as statements of numpy."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from hwgen.exports.ctext import array, literal
from hwgen.spec.arithmetic import Integers
from hwgen.spec.conv import Convolution
from hwgen.spec.maps import Windowed
from hwgen.spec.pools import MaxPool

NUMPY_WINDOWS = '''
def windows(x, shape, kernel, stride, padding, value):
    """What each window sees: [samples, channels, rows, columns, height, width]."""
    top, left, bottom, right = padding
    around = [(0, 0), (0, 0), (top, bottom), (left, right)]
    x = np.pad(x.reshape(-1, *shape), around, constant_values=value)
    x = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return x[:, :, :: stride[0], :: stride[1]]
'''


def aligned_kernels(layer: Convolution, alignment: Sequence[int]) -> Integers:
    """Weights of inputs as they come [output channels, channels of a group, height, width]."""
    lefts = np.array(alignment, object)[:: math.prod(layer.image)].reshape(layer.groups, -1)
    kernels = layer.kernels.astype(object)
    of_group = kernels.reshape(layer.groups, -1, *kernels.shape[1:])
    aligned: Integers = of_group << lefts[:, None, :, None, None]
    return aligned.reshape(kernels.shape)


def numpy_sums(layer: Windowed, alignment: Sequence[int]) -> Iterator[str]:
    """Statements that replace ``x`` by the accumulators of ``layer``."""
    window, shape = layer.window, (layer.input_shape[0], *layer.image)
    zero = min(one.minimum for one in layer.channel_formats)
    if not isinstance(layer, MaxPool):
        zero = layer.source.zero
        if not isinstance(layer, Convolution) and any(alignment):
            yield f"x = x << np.array({list(alignment)})"
    yield (f"v = windows(x, {shape}, {window.kernel}, {window.stride}, {window.padding}, {zero})")
    if isinstance(layer, Convolution):
        kernels = aligned_kernels(layer, alignment)
        groups, own = layer.groups, kernels.shape[1]
        yield f"v = v.reshape(-1, {groups}, {own}, *v.shape[2:])"
        yield f"w = np.array({kernels.ravel().tolist()})"
        yield f"w = w.reshape({groups}, -1, {own}, *{window.kernel})"
        yield 'x = np.einsum("ngcyxab,gocab->ngoyx", v, w)'
        yield f"x = x.reshape(-1, {layer.output_channels}, {math.prod(layer.positions)})"
        yield f"x = x + np.array({layer.bias})[:, None]"
        yield f"x = x.reshape(-1, {layer.outputs})"
    else:
        most = "max" if isinstance(layer, MaxPool) else "sum"
        yield f"x = v.{most}(axis=(4, 5)).reshape(-1, {layer.outputs})"


def c_sums(layer: Windowed, alignment: Sequence[int], name: str) -> tuple[list[str], list[str]]:
    """Tables of ``layer``, and loops over its outputs that leave one in ``acc`` and ``y[j]``."""
    (high, wide), (down, right) = layer.window.kernel, layer.window.stride
    top, left, _, _ = layer.window.padding
    rows, columns = layer.positions
    height, width = layer.image
    tables: list[str] = []
    own, group = 1, "o"
    start, at = "0", f"(c * {height}u + (uint32_t)v) * {width}u + (uint32_t)u"
    step, beside = f"acc += x[{at}];", ""
    if isinstance(layer, Convolution):
        kernels = aligned_kernels(layer, alignment)
        tables += array("int64_t", f"{name}_weights", kernels.ravel().tolist())
        tables += array("int64_t", f"{name}_bias", layer.bias)
        own = kernels.shape[1]
        group = f"o / {layer.output_channels // layer.groups}u * {own}u + i"
        factor = f"{name}_weights[((o * {own}u + i) * {high}u + a) * {wide}u + b]"
        start, step = f"{name}_bias[o]", f"acc += {factor} * x[{at}];"
        if layer.source.zero:
            beside = f"acc += {factor} * {literal(layer.source.zero)};"
    elif isinstance(layer, MaxPool):
        start, step = "INT64_MIN", f"if (x[{at}] > acc) acc = x[{at}];"
    elif any(alignment):
        lefts = [1 << left for left in alignment[:: math.prod(layer.image)]]
        tables += array("int64_t", f"{name}_unit", lefts)
        step = f"acc += x[{at}] * {name}_unit[c];"
    inside = f"v >= 0 && v < {height} && u >= 0 && u < {width}"
    loops = [
        "  uint32_t o, r, k, i, a, b, j = 0;",
        f"  for (o = 0; o < {layer.output_channels}u; o++)",
        f"  for (r = 0; r < {rows}u; r++)",
        f"  for (k = 0; k < {columns}u; k++, j++) {{",
        f"    int64_t acc = {start};",
        f"    for (i = 0; i < {own}u; i++)",
        f"    for (a = 0; a < {high}u; a++)",
        f"    for (b = 0; b < {wide}u; b++) {{",
        f"      const uint32_t c = {group};",
        f"      const int32_t v = (int32_t)(r * {down}u + a) - {top};",
        f"      const int32_t u = (int32_t)(k * {right}u + b) - {left};",
        f"      if ({inside}) {{ {step} }}",
        *([f"      else {{ {beside} }}"] if beside else []),
        "    }",
    ]
    return tables, loops
