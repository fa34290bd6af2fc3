"""Network files of integer networks.

Hidden outputs keep the input's fraction bits, so that ``weight_fraction_bits`` of a neuron is its
rescale shift; a first layer ``taps`` leaves low bits of inputs out. Version 1 where one output
width says it all, else version 2 with a width for each neuron.
"""

from typing import Any, Literal

from hwgen.frontends.codesign.integers import IntegerLayer, IntegerNetwork
from hwgen.rtl.pricing import interval
from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network, parse_network


def to_network(
    network: IntegerNetwork,
    name: str,
    labels: tuple[str, ...] | None = None,
    output: Literal["argmax", "values"] = "argmax",
) -> Network:
    """The network file's model; its integers are those of ``network``.

    Where the sums stand for real values, so they do by the file.
    """
    own, network = len(network.layers), network.without_taps()
    taps = len(network.layers) - own  # layers that only leave bits out: one, or none
    layers = []
    tops = network.tops()
    finest = 0 if network.fraction is None else network.fraction - network.taps.bits
    for index, layer in enumerate(network.layers):
        last = layer.bits is None
        low, high = int(layer.weights.min()), int(layer.weights.max())
        content: dict[str, Any] = {
            "kind": "dense",
            "name": _name(index - taps, last),
            "weights": layer.weights.tolist(),
            "weight_bits": max(2, signed_width(low, high)),
            "weight_fraction_bits": finest if layer.shifts is None else layer.shifts.tolist(),
            "codebook": None,
            "codebook_bits": None,
            "bias": layer.biases.tolist(),
            "activation": "none" if last else "relu",
            "output": None if last else _output(layer, tops[index], network.taps.bits),
            "accumulator_bits": None,
            "accumulator_overflow": "error",
        }
        layers.append(content)
    own = any(isinstance(one["output"] and one["output"]["bits"], list) for one in layers)
    content = {
        "format": "hwgen-network",
        "version": 2 if own else 1,
        "name": name,
        "input": {
            "features": network.taps.features,
            "bits": network.taps.bits,
            "signed": False,
            "fraction_bits": network.taps.bits,
        },
        "layers": layers,
        "output": output,
    }
    if labels is not None:
        content["labels"] = list(labels)
    return parse_network(content)


def _name(hidden: int, last: bool) -> str:
    if last:
        return "classes"
    return "taps" if hidden < 0 else f"hidden{hidden + 1}"


def _output(layer: IntegerLayer, tops: list[int], fraction: int) -> dict[str, Any]:
    """The output format: one width where no narrower neuron saturates."""
    if layer.bits is None or layer.shifts is None:
        raise ValueError("the last layer hands on its accumulators")
    bits = [int(one) for one in layer.bits]
    for j, (one, shift) in enumerate(zip(bits, layer.shifts.tolist(), strict=True)):
        high = interval(layer.weights[j], int(layer.biases[j]), tops)[1]
        if max(0, high) >> shift < 1 << one:
            bits[j] = max(bits)  # it is never too large: any width says the same
    return {
        "bits": bits[0] if len(set(bits)) == 1 else bits,
        "signed": False,
        "fraction_bits": fraction,
        "rounding": "floor",
        "overflow": "saturate",
    }
