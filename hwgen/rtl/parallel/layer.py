"""A layer of the parallel architecture: its adder graph and its requantizers."""

from hwgen.rtl.adders.wired import Sums, WiredSums
from hwgen.rtl.requantize import requantizers
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool
from hwgen.support.errors import HwgenError


class ParallelLayer(WiredSums):
    """A layer with hard-wired weights; one that slides over a map has those of each window.

    Parameters
    ----------
    network, index
        The layer.
    ranges, pipeline, effort
        As of :class:`hwgen.rtl.adders.wired.WiredSums`.
    """

    def __init__(
        self, network: Network, index: int, ranges: list[Interval], pipeline: int, effort: str
    ):
        layer = network.layers[index]
        if isinstance(layer, MaxPool):
            raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "sums are needed")
        sums = Sums(
            terms=layer.terms(network.source(index).alignment),
            biases=list(layer.output_biases),
            wrap_bits=layer.wrap_bits,
            requantizers=requantizers(network, index, ranges),
        )
        super().__init__(sums, ranges, pipeline, effort)
