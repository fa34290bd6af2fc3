"""What different bounds ask of an accumulator, in bits of a signed integer ([3, 5]).

For K inputs of N bits (s = 1 if signed, else 0), weights of M bits w:

- data type: ``P >= a + log2(1 + 2^-a) + 1`` with ``a = log2(K) + N + M - 1 - s``;
- A2Q ([6] of docs/references.md): ``sum|w| <= (2^(P-1) - 1) * 2^(s-N)`` for every neuron;
- exact: the interval of docs/arithmetic.md, with the bias, that the network file is held to.

The first two do not know of biases.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.spec.formats import signed_width
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Accumulator bits of one layer.

    Parameters
    ----------
    given
        ``accumulator_bits`` of the layer, or None.
    """

    layer: str
    given: int | None
    data_type: int
    a2q: int
    exact: int

    @property
    def slack(self) -> int | None:
        """Bits that are given and not needed."""
        return None if self.given is None else self.given - self.exact


def bounds(network: Network) -> list[Bounds]:
    """The bounds of each layer."""
    found = []
    for index, layer in enumerate(network.layers):
        x = network.input_format(index)
        width = x.bits - x.signed
        sums, weight = layer.fan_in, 1
        if isinstance(layer, Weighted):
            rows = layer.weight_values.reshape(layer.output_channels, -1)
            sums, weight = int(np.abs(rows).sum(axis=1).max()), layer.weight_value_bits
        found.append(
            Bounds(
                layer=layer.name,
                given=layer.accumulator_bits,
                # ceil(log2(v + 1)) of an integer v is its bit length
                data_type=(layer.fan_in << (width + weight - 1)).bit_length() + 1,
                a2q=(sums << width).bit_length() + 1,
                exact=max(signed_width(*ends) for ends in network.accumulator_intervals(index)),
            )
        )
    return found
