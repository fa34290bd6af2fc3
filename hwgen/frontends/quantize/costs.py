"""What a network costs: bits of memory, and bit products of its multiplications ([3]).

[3] is Goyal et al. in docs/references.md.

    memory          = sum over weights and activations of their widths
    multiplications = sum over products of (width of the weight) * (width of its input)

Activations are the network's input and what its hidden layers hand on. A codebook's values count
as memory; a weight is multiplied in the width of the codebook's values. Biases are counted apart:
they have their accumulator's scale, and the fixed-width networks compared with have the same.
"""

from dataclasses import dataclass

from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted

BASELINE_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Bits of memory by kind, and the cost of the multiplications."""

    weight_bits: int
    activation_bits: int
    bias_bits: int
    multiplications: int

    @property
    def memory_bits(self) -> int:
        """Weights and activations."""
        return self.weight_bits + self.activation_bits

    def saving(self, baseline: "Costs") -> dict[str, float]:
        """Share saved of the memory and of the multiplications of ``baseline``."""
        return {
            "memory": 1 - self.memory_bits / baseline.memory_bits,
            "multiplications": 1 - self.multiplications / baseline.multiplications,
        }


def costs(network: Network) -> Costs:
    """The costs of a network as it is."""
    layers = network.layers
    weighted = [one for one in layers if isinstance(one, Weighted)]
    books = sum(len(one.codebook) * (one.codebook_bits or 0) for one in weighted if one.codebook)
    widths = [network.input_format(index).bits for index in range(len(layers))]
    return Costs(
        weight_bits=books + sum(layer.weight_memory_bits for layer in layers),
        activation_bits=sum(
            layer.inputs * width for layer, width in zip(layers, widths, strict=True)
        ),
        bias_bits=sum(signed_width(bias, bias) for layer in weighted for bias in layer.bias),
        multiplications=sum(
            layer.outputs * layer.fan_in * layer.weight_value_bits * width
            for layer, width in zip(layers, widths, strict=True)
            if isinstance(layer, Weighted)
        ),
    )


def fixed_costs(network: Network, bits: int = BASELINE_BITS) -> Costs:
    """The costs of the same network with ``bits`` for every weight, bias and activation."""
    weights = network.weight_count
    weighted = [one for one in network.layers if isinstance(one, Weighted)]
    return Costs(
        weight_bits=weights * bits,
        activation_bits=sum(layer.inputs for layer in network.layers) * bits,
        bias_bits=sum(len(layer.bias) for layer in weighted) * bits,
        multiplications=sum(one.outputs * one.fan_in for one in weighted) * bits * bits,
    )
