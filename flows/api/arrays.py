"""Networks from plain arrays: integer weights as they are, float weights by way of quantization."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from hwgen.flows.api.network import Network, network_of
from hwgen.flows.api.quantize import quantize
from hwgen.flows.api.samples import Samples
from hwgen.frontends.quantize import FloatLayer, FloatModel, parse_format
from hwgen.spec.data import array_of
from hwgen.spec.formats import Format, signed_width
from hwgen.support.errors import HwgenError

Each = str | Sequence[str]


def from_arrays(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike] | None = None,
    *,
    activation: Each = "relu",
    output: Literal["argmax", "values"] = "argmax",
    labels: Sequence[str] | None = None,
    name: str = "network",
    x: Samples | None = None,
    y: ArrayLike | None = None,
    input_format: str | None = None,
    hidden_format: Each | None = None,
    weight_fraction_bits: int | Sequence[int] = 0,
    weight_bits: int | Sequence[int] | None = None,
    **settings: Any,
) -> Network:
    """A network of dense layers from arrays: ``acc = weights @ x + bias``, activation, rescale.

    Integer weights make the network that they say, with the formats that are given. Float weights
    are quantized on samples ``x``, as by :func:`hwgen.quantize`.

    Parameters
    ----------
    weights
        An array [outputs, inputs] for each layer; all integers, or all floats.
    biases
        An array [outputs] for each layer, of integer layers at the accumulator's scale
        (weight fraction + input fraction); None: zeros.
    activation
        Of the hidden layers, one for all or one for each: ``"relu"``, ``"none"``, ``"hard_tanh"``,
        ``"sigmoid"``, ``"tanh"``. The last layer has none.
    output
        ``"argmax"``: the class; ``"values"``: the last layer's integers.
    labels
        Names of the classes.
    name
        The network's; the Verilog's module is called after it.
    x, y
        Floats only: samples to calibrate with, and their classes; as of :func:`hwgen.quantize`.
    input_format
        ``"u4.4"``: u or s for unsigned or signed, bits, fraction bits. Integers need it.
    hidden_format
        Integers only: the format of each hidden layer's outputs, one for all or one for each;
        rounded half up and saturated.
    weight_fraction_bits
        Integers only: a weight w stands for w * 2^-weight_fraction_bits.
    weight_bits
        Width of the weights, one for all or one for each layer; None: the smallest that holds
        integers, 8 for floats.
    settings
        Floats only: further settings of :func:`hwgen.quantize`.

    Returns
    -------
    Network
        Validated: every accumulator is as wide as any input needs.

    Raises
    ------
    HwgenError
        Shapes that do not fit each other, a weight that does not fit its width, a format missing.
    """
    arrays = [array_of(w, f"weights[{i}]") for i, w in enumerate(weights)]
    if not arrays:
        raise HwgenError("weights", "none", "an array for each layer")
    for index, array in enumerate(arrays):
        if array.ndim != 2 or not array.size:
            shape = " x ".join(map(str, array.shape)) or "a single number"
            raise HwgenError(f"weights[{index}]", shape, "outputs x inputs are needed")
    if biases is None:
        offsets = [np.zeros(len(array), array.dtype) for array in arrays]
    else:
        offsets = [array_of(b, f"biases[{i}]") for i, b in enumerate(biases)]
    if len(offsets) != len(arrays):
        raise HwgenError("biases", f"{len(offsets)} arrays", f"{len(arrays)}, one for each layer")
    activations = [*_each("activation", activation, len(arrays) - 1), "none"]
    kinds = {array.dtype.kind for array in arrays}
    if kinds <= set("iu"):
        if x is not None or settings:
            given = "x" if x is not None else next(iter(settings))
            raise HwgenError(given, "given with integer weights", "they are taken as they are")
        bits = _numbers("weight_bits", weight_bits, len(arrays))
        fractions = _numbers("weight_fraction_bits", weight_fraction_bits, len(arrays))
        layers = _integer_layers(arrays, offsets, activations, bits, fractions, hidden_format)
        return _network(name, _input(arrays[0], input_format), layers, output, labels)
    if kinds != {"f"}:
        raise HwgenError("weights", "integers and floats", "all of one kind")
    if x is None:
        raise HwgenError("x", "missing", "float weights are quantized on samples")
    if hidden_format is not None:
        raise HwgenError("hidden_format", "given with float weights", "it follows from the samples")
    model = FloatModel(
        layers=tuple(
            FloatLayer(weights=w, bias=b, activation=a, name=f"layer{i}")
            for i, (w, b, a) in enumerate(zip(arrays, offsets, activations, strict=True))
        ),
        output=output,
        name=name,
        labels=None if labels is None else tuple(labels),
    )
    return quantize(
        model,
        x,
        y,
        weight_bits=weight_bits,
        input_format=input_format,
        output=output,
        **settings,
    ).network


def _each(what: str, given: Each, count: int) -> list[Any]:
    values = [given] * count if isinstance(given, str) else list(given)
    if len(values) != count:
        raise HwgenError(what, f"{len(values)} values", f"one, or {count}, one for each layer")
    return values


def _numbers(what: str, given: int | Sequence[int] | None, count: int) -> list[Any]:
    values = list(given) if isinstance(given, Sequence) else [given] * count
    if len(values) != count:
        raise HwgenError(what, f"{len(values)} values", f"one, or {count}, one for each layer")
    return values


def _input(first: Any, text: str | None) -> dict[str, Any]:
    if text is None:
        raise HwgenError("input_format", "missing", "the codes' format, such as u4.4")
    return {"features": int(first.shape[1]), **vars(parse_format(text))}


def _integer_layers(
    arrays: list[Any],
    biases: list[Any],
    activations: list[str],
    bits: list[int | None],
    fractions: list[int],
    hidden: Each | None,
) -> list[dict[str, Any]]:
    if hidden is None and len(arrays) > 1:
        raise HwgenError("hidden_format", "missing", "the hidden layers' format, such as u4.2")
    formats: list[Format | None] = [
        *(parse_format(text) for text in _each("hidden_format", hidden or "", len(arrays) - 1)),
        None,
    ]
    return [
        {
            "kind": "dense",
            "name": f"layer{index}",
            "weights": array.tolist(),
            "weight_bits": bits[index] or signed_width(int(array.min()), int(array.max())),
            "weight_fraction_bits": fractions[index],
            "bias": biases[index].tolist(),
            "activation": activations[index],
            "output": target and {**vars(target), "rounding": "half_up", "overflow": "saturate"},
        }
        for index, (array, target) in enumerate(zip(arrays, formats, strict=True))
    ]


def _network(
    name: str,
    source: dict[str, Any],
    layers: list[dict[str, Any]],
    output: str,
    labels: Sequence[str] | None,
) -> Network:
    return network_of(
        {
            "format": "hwgen-network",
            "version": 1,
            "name": name,
            "input": source,
            "layers": layers,
            "output": output,
            "labels": None if labels is None else list(labels),
        }
    )
