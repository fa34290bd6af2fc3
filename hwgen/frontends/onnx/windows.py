"""Convolutions and pooling: operators that slide a window over a map.

A convolution is read as the dense layer that it is of what its window sees: a sum for each output
channel, to which all that is known of sums applies. What slides it is kept beside, and made part of
the layer in the end (:mod:`hwgen.frontends.onnx.maps`). A tensor that is a map keeps the layout of
all its values, channel by channel.
"""

import math
from dataclasses import replace
from typing import cast

import numpy as np

from hwgen.frontends.onnx.context import UNQUANTIZED, UNQUANTIZED_INPUT, Context, canonical
from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.functions import Handler
from hwgen.frontends.onnx.problems import Refused, label
from hwgen.frontends.onnx.quantizers import Array, Constant, Quantizer, dyadic
from hwgen.frontends.onnx.states import Codes, Pooled, Real, Slide, State, Sum

_PLAIN = np.zeros(())


class Windows:
    """Handlers of operators, by their names in :attr:`handlers`."""

    def __init__(self, at: Context):
        self.at = at
        self.handlers: dict[str, Handler] = {
            "Conv": self._convolution,
            "MaxPool": self._largest,
            "AveragePool": self._mean,
            "GlobalAveragePool": self._global_mean,
            "Pad": self._pad,
        }

    def _convolution(self, node: Node, state: State) -> State:
        codes = self._codes(node, state)
        weights = self._weights(node)
        channels, image = codes.order.shape[1], codes.order.shape[2:]
        outputs, own, *kernel = weights.value.shape
        groups = _integer(node, "group", 1)
        if len(kernel) != len(image):
            found = f"weights of shape {list(weights.value.shape)}"
            raise Refused(f"{found} for a map of {[channels, *image]}")
        if own * groups != channels or outputs % groups:
            raise Refused(f"{groups} groups of {own} channels for a map of {channels} channels")
        slide = _slide(node, image, kernel, groups, codes.padding)
        total = _total(node, codes, weights.mapped(lambda a: a.reshape(outputs, -1)), slide)
        if len(node.inputs) > 2 and node.inputs[2]:
            bias = self.at.constant(node, 2).value.astype(np.float64).ravel()
            if bias.size != outputs:
                raise Refused(f"{bias.size} biases for {outputs} output channels")
            total = replace(total, u=bias)
        return total

    def _weights(self, node: Node) -> Constant:
        """Quantized weights [output channels, channels of a group, *kernel]."""
        if len(node.inputs) < 2 or node.inputs[1] not in self.at.constants:
            raise Refused("weights that are computed; constants can be had")
        weights = self.at.constants[node.inputs[1]]
        if weights.value.ndim not in (3, 4) or not weights.value.size:
            shape = list(weights.value.shape)
            raise Refused(f"weights of shape {shape}, those of one or two dimensions can be had")
        if weights.value.size > self.at.max_weights:
            raise Refused(
                f"{weights.value.size:,} weights, at most {self.at.max_weights:,} (max_weights)"
            )
        if weights.codes is None:
            found = dyadic(weights.value)
            if found is None:
                raise Refused("weights are not quantized (hwgen quantize does that)")
            bits = found.by.bits if found.by else 0
            self.at.report.note(label(node), f"weights without a quantizer fit {bits} bits exactly")
            weights = found
        if weights.scale is not None:
            flat = weights.scale.reshape(len(weights.scale), -1)
            if (flat != flat[:, :1]).any():
                raise Refused("weights of several scales; one for each output channel can be had")
        before = len(self.at.report.problems)
        weights = self.at.quantizers.weights(weights.node or node, weights)
        if len(self.at.report.problems) != before:
            raise Refused("")
        return weights

    def _codes(self, node: Node, state: State) -> Codes:
        """The map that ``node`` reads, channel by channel."""
        if isinstance(state, Real):
            raise Refused(UNQUANTIZED_INPUT)
        if not isinstance(state, Codes):
            raise Refused(UNQUANTIZED)
        return cast(Codes, self._map(node, state))

    def _map(self, node: Node, state: Codes | Sum) -> Codes | Sum:
        order = state.order
        if order.ndim not in (3, 4) or order.shape[0] != 1:
            raise Refused(f"reads a tensor of shape {list(order.shape)}, which is no map")
        if canonical(order):
            return state
        whole = sorted(order.ravel().tolist()) == list(range(order.size))
        if not isinstance(state, Codes) or not isinstance(state.source, Real) or not whole:
            raise Refused(
                "reads a map in another layout than the layer before it; no Transpose between"
            )
        shape = " x ".join(map(str, order.shape[1:]))
        self.at.report.note(
            label(node), f"the network's input is {shape}, channel by channel: lay data out so"
        )
        own = np.arange(order.size).reshape(order.shape)
        return replace(state, order=own, source=replace(state.source, order=own))

    # pools

    def _largest(self, node: Node, state: State) -> State:
        if not isinstance(state, Codes | Sum):
            raise Refused(UNQUANTIZED_INPUT)
        if len(node.outputs) > 1 and node.outputs[1]:
            raise Refused("indices of the largest values; the values alone can be had")
        state = self._map(node, state)
        if isinstance(state, Codes) and any(state.padding):
            raise Refused(
                "reads zeros that pad, which may be the largest; pad in the MaxPool itself"
            )
        if isinstance(state, Codes) and state.gain < 0:
            raise Refused("reads codes of falling values; put the factor behind it")
        slide = _slide(node, state.order.shape[2:], _kernel(node, state.order), 1, ())
        order = _positions(state.order, state.order.shape[1], slide)
        return replace(state, order=order, pools=(*state.pools, Pooled(node=node, slide=slide)))

    def _mean(self, node: Node, state: State) -> State:
        codes = self._codes(node, state)
        shape = codes.order.shape
        slide = _slide(node, shape[2:], _kernel(node, codes.order), shape[1], ())
        slide = replace(slide, mean="average_pool")
        if any(slide.padding) and not _integer(node, "count_include_pad", 0):
            raise Refused("padding that does not count; count_include_pad=1 can be had")
        padding = _both(slide.padding, codes.padding)
        return self._averaged(node, codes, replace(slide, padding=padding))

    def _global_mean(self, node: Node, state: State) -> State:
        codes = self._codes(node, state)
        if any(codes.padding):
            raise Refused("reads a map that is padded; put the Pad before a convolution")
        image = codes.order.shape[2:]
        slide = Slide(
            kernel=image,
            stride=(1,) * len(image),
            padding=(0,) * 2 * len(image),
            groups=codes.order.shape[1],
            mean="global_average_pool",
        )
        return self._averaged(node, codes, slide)

    def _averaged(self, node: Node, codes: Codes, slide: Slide) -> Sum:
        count, channels = math.prod(slide.kernel), codes.order.shape[1]
        ones = np.ones((channels, count), np.int64)
        by = Quantizer(scale=np.ones(()), zero_point=_PLAIN, low=-2, high=1, bits=2)
        weights = Constant(
            value=ones.astype(np.float64),
            codes=ones,
            scale=np.ones(ones.shape),
            zero_point=np.zeros(ones.shape),
            real=ones.astype(np.float64),
            by=by,
        )
        total = _total(node, codes, weights, slide)
        return replace(total, gain=np.full(channels, 1 / count))

    def _pad(self, node: Node, state: State) -> State:
        """Zeros around a map, which the next layer takes in."""
        codes = self._codes(node, state)
        mode = node.attributes.get("mode", "constant")
        if mode not in ("constant", b"constant"):
            raise Refused(f"mode {mode!r}, zeros can be had")
        if len(node.inputs) > 2 and node.inputs[2] and self.at.constant(node, 2).value.any():
            raise Refused("padding with other than zeros; zeros can be had")
        if len(node.inputs) > 3 and node.inputs[3]:
            raise Refused("axes; one pair for each axis can be had")
        given = node.attributes.get("pads")
        pads = list(given) if isinstance(given, list) else []
        if len(node.inputs) > 1 and node.inputs[1]:
            pads = self.at.constant(node, 1).value.ravel().tolist()
        sizes = [int(size) for size in pads]  # type: ignore[call-overload]
        rank = codes.order.ndim
        if len(sizes) != 2 * rank or min(sizes, default=0) < 0 or any(sizes[:2] + sizes[rank:][:2]):
            raise Refused(f"pads {sizes}; zeros around the positions can be had")
        return replace(codes, padding=_both(codes.padding, (*sizes[2:rank], *sizes[rank + 2 :])))


def _total(node: Node, codes: Codes, weights: Constant, slide: Slide) -> Sum:
    outputs = len(weights.value)
    return Sum(
        order=_positions(codes.order, outputs, slide),
        node=node,
        x=codes,
        weights=weights,
        gain=np.ones(outputs),
        u=np.zeros(outputs),
        slide=slide,
    )


def _positions(order: Array, outputs: int, slide: Slide) -> Array:
    """The layout of a map of ``outputs`` channels behind a window on one of layout ``order``."""
    count = len(slide.kernel)
    sizes = [
        (size + slide.padding[axis] + slide.padding[axis + count] - kernel) // step + 1
        for axis, (size, kernel, step) in enumerate(
            zip(order.shape[2:], slide.kernel, slide.stride, strict=True)
        )
    ]
    if min(sizes) < 1:
        raise Refused(f"a window of {list(slide.kernel)} on a map of {list(order.shape[2:])}")
    return np.arange(outputs * math.prod(sizes)).reshape(1, outputs, *sizes)


def _slide(
    node: Node, image: tuple[int, ...], kernel: list[int], groups: int, before: tuple[int, ...]
) -> Slide:
    """The window of ``node`` on a map of these sizes, which is padded ``before``."""
    count = len(image)
    stride = _list(node, "strides", [1] * count)
    if _list(node, "dilations", [1] * count) != [1] * count:
        raise Refused("dilation, which is not supported; a larger kernel with zeros is the same")
    given = _list(node, "kernel_shape", kernel)
    if given != kernel:
        raise Refused(f"kernel_shape {given} with weights of {kernel}")
    pads = _list(node, "pads", [0] * 2 * count)
    auto = str(node.attributes.get("auto_pad", "NOTSET"))
    if auto.startswith("SAME"):
        all_of = [
            max((-(-size // step) - 1) * step + window - size, 0)
            for size, step, window in zip(image, stride, kernel, strict=True)
        ]
        less = [one // 2 for one in all_of]
        more = [one - half for one, half in zip(all_of, less, strict=True)]
        pads = [*less, *more] if auto == "SAME_UPPER" else [*more, *less]
    padding = _both(tuple(pads), before)
    if len(stride) != count or len(kernel) != count or len(pads) != 2 * count:
        raise Refused(f"a window of other dimensions than the map of {list(image)}")
    ceil = _integer(node, "ceil_mode", 0)
    for size, window, step, first, last in zip(
        image, kernel, stride, padding[:count], padding[count:], strict=True
    ):
        if max(first, last) >= window:
            raise Refused(f"padding of {max(first, last)} with a kernel of {window}")
        if ceil and (size + first + last - window) % step:
            raise Refused("ceil_mode, with windows beyond the padded map; pad it, or crop the map")
    return Slide(kernel=tuple(kernel), stride=tuple(stride), padding=padding, groups=groups)


def _kernel(node: Node, order: Array) -> list[int]:
    found = _list(node, "kernel_shape", [])
    if len(found) != order.ndim - 2 or min(found) < 1:
        raise Refused(f"kernel_shape {found} on a map of {list(order.shape[1:])}")
    return found


def _both(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """Paddings together, of which either may be empty."""
    if not first or not second:
        return first or second
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _list(node: Node, name: str, default: list[int]) -> list[int]:
    value = node.attributes.get(name)
    return [int(one) for one in value] if isinstance(value, list) else default


def _integer(node: Node, name: str, default: int) -> int:
    value = node.attributes.get(name, default)
    return value if isinstance(value, int) else default
