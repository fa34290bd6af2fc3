"""A layer of the parallel architecture: its adder graph and its requantizers."""

from hwgen.rtl.adders.wired import Sums, WiredSums
from hwgen.rtl.requantize import requantizers
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network


class ParallelLayer(WiredSums):
    """A layer with hard-wired weights.

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
        layer = network.dense(index)
        sums = Sums(
            terms=layer.terms(network.source(index).alignment),
            biases=list(layer.bias),
            wrap_bits=layer.wrap_bits,
            requantizers=requantizers(network, index, ranges),
        )
        super().__init__(sums, ranges, pipeline, effort)
