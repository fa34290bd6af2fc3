"""What the operators of a graph share: its constants, its quantizers, and what they report."""

from dataclasses import dataclass

import numpy as np

from hwgen.frontends.onnx.file import Node
from hwgen.frontends.onnx.problems import Refused, Report
from hwgen.frontends.onnx.quantizers import Array, Constant, Quantizer, Quantizers
from hwgen.frontends.onnx.states import Codes, Slide, Sum

UNQUANTIZED = "reads values that are not quantized: a quantizer is needed before it"
UNQUANTIZED_INPUT = (
    "reads the model's input, which is not quantized: a quantizer or --input-format is needed"
)


@dataclass(frozen=True, kw_only=True)
class Context:
    """A graph while it is walked.

    Parameters
    ----------
    constants
        Every constant tensor of the graph.
    snap
        Whether scales and gains are moved to powers of two.
    max_weights
        Most weights of one layer.
    """

    constants: dict[str, Constant]
    quantizers: Quantizers
    report: Report
    snap: bool
    max_weights: int

    def constant(self, node: Node, position: int) -> Constant:
        """An input of ``node`` that must be a constant, of finite values."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name not in self.constants:
            raise Refused(
                f"input {position} is no constant; export the model with its constants folded"
            )
        constant = self.constants[name]
        if constant.value.dtype.kind == "f" and not np.isfinite(constant.value).all():
            raise Refused("values that are not finite; train or export the model anew")
        return constant

    def identity(self, node: Node, codes: Codes) -> Sum:
        """A layer that hands on ``codes``, for an activation of its own."""
        size, slide = codes.order.size, None
        if codes.order.ndim > 2 and isinstance(codes.source, Sum) and codes.source.slide:
            if not canonical(codes.order):
                raise Refused(
                    "another layout than that of the layer before it; no Transpose between"
                )
            size, count = codes.order.shape[1], len(codes.source.slide.kernel)
            slide = Slide(kernel=(1,) * count, stride=(1,) * count, padding=(0,) * 2 * count)
        if any(codes.padding):
            raise Refused("reads a map that is padded; a convolution is needed behind the Pad")
        if size * size > self.max_weights:
            raise Refused(f"needs a layer of its own, of {size * size:,} weights (max_weights)")
        by = Quantizer(scale=np.ones(()), zero_point=np.zeros(()), low=-2, high=1, bits=2)
        eye = np.eye(size, dtype=np.int64)
        weights = Constant(
            value=eye.astype(np.float64),
            codes=eye,
            scale=np.ones((size, size)),
            zero_point=np.zeros((size, size)),
            real=eye.astype(np.float64),
            by=by,
        )
        return Sum(
            order=codes.order,
            node=node,
            x=codes,
            weights=weights,
            gain=np.ones(size),
            u=np.zeros(size),
            identity=True,
            slide=slide,
        )


def canonical(order: Array) -> bool:
    """Whether a map is laid out channel by channel, each row by row."""
    return bool((order.ravel() == np.arange(order.size)).all())


def per_sum(value: Array, total: Sum) -> Array:
    """A constant that is broadcast against ``total``, one value for each of its sums."""
    spread = per_neuron(value, total.order)
    if total.slide is None:
        return spread
    channels = spread.reshape(len(total.u), -1)
    if (channels != channels[:, :1]).any():
        raise Refused("a constant that differs from place to place of a map; one for each channel")
    return channels[:, 0].copy()


def per_neuron(value: Array, order: Array) -> Array:
    """A constant that is broadcast against a tensor of layout ``order``, one value per neuron."""
    try:
        spread = np.broadcast_to(value.astype(np.float64), order.shape)
    except ValueError:
        raise Refused(
            f"a constant of shape {list(value.shape)} for a tensor of {list(order.shape)}"
        ) from None
    return placed(spread.ravel(), order.ravel())


def placed(values: Array, order: Array) -> Array:
    """``values`` of the elements of a tensor of layout ``order``, by feature."""
    found = np.empty(order.size)
    found[order] = values.ravel()
    return found


def float_of(node: Node, name: str, default: float) -> float:
    """A number among the attributes of ``node``."""
    value = node.attributes.get(name, default)
    return float(value) if isinstance(value, int | float) else default
