"""How much hardware windows come to that are unrolled: each position for itself."""

from hwgen.rtl.digits import digit_counts
from hwgen.spec.network import AnyLayer, Network
from hwgen.spec.weighted import Weighted
from hwgen.support.errors import HwgenError

KINDS = frozenset({"dense", "conv1d", "conv2d", "max_pool", "average_pool", "global_average_pool"})

MOST_ADDITIONS = 30_000
"""Additions and comparisons of windows, once for each position, that are taken: about 1 mm2."""

_UM2 = 12
"""Of a bit that is added in a window (ihp-sg13g2): neighbours share sums."""


def additions(layer: AnyLayer) -> int:
    """Words that are added or compared, each window for itself; 0 of a dense layer."""
    if layer.kind == "dense":
        return 0
    if isinstance(layer, Weighted):
        digits = int(digit_counts(layer.weight_values).sum())
        return digits * (layer.outputs // layer.output_channels)
    return layer.outputs * (layer.fan_in - 1)


def sane(network: Network) -> bool:
    """Whether its windows may be unrolled."""
    return sum(map(additions, network.layers)) <= MOST_ADDITIONS


def check_windows(network: Network) -> None:
    """Refuse windows that come to far more hardware than is sane, with an estimate.

    Raises
    ------
    HwgenError
        Naming the layer of which most is made.
    """
    if sane(network):
        return
    counts = [additions(one) for one in network.layers]
    bits = [network.input_format(index).bits for index in range(len(counts))]
    area = _UM2 * sum(n * b for n, b in zip(counts, bits, strict=True)) / 1e6
    found = f"{sum(counts):,} additions with every window unrolled, about {area:.1f} mm2"
    allowed = f"at most {MOST_ADDITIONS:,}; other architectures use a window many times"
    raise HwgenError(f"layers[{counts.index(max(counts))}]", found, allowed)
