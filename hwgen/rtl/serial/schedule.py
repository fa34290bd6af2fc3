"""Who computes what when in a serial design, in numbers."""

from dataclasses import dataclass

from hwgen.rtl.requantize import shape_of
from hwgen.rtl.serial.neurons import Neurons
from hwgen.rtl.simplify import simplify
from hwgen.spec.network import Network


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of the schedule: ``turns`` times ``words`` clocks.

    =========== =============== ==========
    phase       a turn          a word
    =========== =============== ==========
    load        an input beat
    accumulate  an input beat   P neurons
    compute     a neuron        P inputs
    drain       a neuron
    =========== =============== ==========
    """

    turns: int
    words: int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Who computes what when, in numbers.

    Parameters
    ----------
    macs
        MACs, P.
    fan_in, outputs
        Of each layer.
    accumulating
        The first layer accumulates: each input beat goes to all of its neurons when it comes. Else
        the inputs are loaded into a memory first.
    """

    macs: int
    fan_in: list[int]
    outputs: list[int]
    accumulating: bool

    @classmethod
    def of(cls, network: Network, macs: int, accumulating: bool | None = None) -> "Schedule":
        """The schedule of ``network``, simplified, on ``macs`` MACs.

        Parameters
        ----------
        accumulating
            Whether the first layer accumulates; ``None`` takes what needs less area.

        ``macs`` must be at most the neurons of the widest layer.
        """
        network = simplify(network)
        if accumulating is None:
            accumulating = accumulating_cost(network, macs) < loading_cost(network)
        return cls(
            macs=macs,
            fan_in=[layer.fan_in for layer in network.layers],
            outputs=[layer.outputs for layer in network.layers],
            accumulating=accumulating,
        )

    @property
    def phases(self) -> list[Phase]:
        """Those of an inference: phase 0 takes the input, layers that compute follow in order."""
        layers = [
            Phase(turns=outputs, words=self._words(fan_in))
            for outputs, fan_in in zip(self.outputs, self.fan_in, strict=True)
        ]
        if not self.accumulating:
            return [Phase(turns=self.fan_in[0], words=1), *layers]
        first = Phase(turns=self.fan_in[0], words=self._words(self.outputs[0]))
        return [first, *(layers[1:] or [Phase(turns=self.outputs[0], words=1)])]

    @property
    def drains(self) -> bool:
        """The results are those of the accumulating layer."""
        return self.accumulating and len(self.outputs) == 1

    @property
    def first_computing(self) -> int:
        """The first layer that computes, one neuron after the other; as many as there are: none."""
        return 1 if self.accumulating else 0

    def phase_of(self, layer: int) -> int:
        """The phase in which ``layer`` computes or accumulates."""
        return layer + 1 - self.first_computing

    @property
    def settling(self) -> list[int]:
        """Phases that wait a clock for the last input of their layer."""
        return [self.phase_of(i) for i in range(self.first_computing + 1, len(self.outputs))]

    @property
    def interval(self) -> int:
        """Clocks from one inference to the next."""
        return sum(phase.turns * phase.words for phase in self.phases) + len(self.settling)

    def latency(self, argmax: bool) -> int:
        """Clocks from the last beat of an input to the first beat of its result.

        An index waits in a register after the last neuron; values leave one by one.
        """
        phases = self.phases
        after = self.interval - phases[0].turns * phases[0].words
        if self.drains:
            return after + 1 if argmax else 1
        return after + 2 if argmax else after - (phases[-1].turns - 1) * phases[-1].words + 1

    def order(self, layer: int, argmax: bool) -> list[int]:
        """Neurons of a computing layer in the order of its turns.

        A result is handed on in the turn after. For an index neuron 0 is the last, so that each
        is handed on in the turn of its own number.
        """
        last = argmax and layer == len(self.outputs) - 1
        return [(turn + last) % self.outputs[layer] for turn in range(self.outputs[layer])]

    def _words(self, count: int) -> int:
        return -(-count // self.macs)


def lanes(count: int, macs: int) -> list[range]:
    """``count`` things on ``macs`` lanes, in order; the first lanes may have one more."""
    short, longer = divmod(count, macs)
    sizes = [short + (lane < longer) for lane in range(macs)]
    starts = [sum(sizes[:lane]) for lane in range(macs)]
    return [range(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def loading_cost(network: Network) -> float:
    """Flip-flops of the storage, with a first layer that computes as the others do."""
    layers = Neurons.of(network)
    return _memory_bits(network, layers, 0) + max(n.accumulator_width for n in layers)


def accumulating_cost(network: Network, macs: int) -> float:
    """Flip-flops of the storage, with a first layer that accumulates, and what the banks add.

    The multiplexers of a bank are worth 3/4 of a flip-flop for each of its bits. Where a further
    bank repeats a table, 16 bits of that are worth one.
    """
    layers = Neurons.of(network)
    first = layers[0]
    banks = min(macs, first.layer.outputs)
    cost = 0.75 * banks * max(first.widths)
    if len(layers) == 1:
        cost += first.layer.outputs * max(first.widths)
    else:
        cost += sum(first.widths)
        cost += _memory_bits(network, layers, 2)
        cost += max(n.accumulator_width for n in layers[1:])
        for table in {one.rescale.table for one in first.variants if one.rescale.table}:
            entries = 1 << shape_of(table.first, table.last).width
            cost += (banks - 1) * entries * shape_of(*first.interval).width / 16
    return cost


def _memory_bits(network: Network, layers: list[Neurons], first: int) -> int:
    """Bits of both memories, which the layers from ``first`` on read in turns."""
    source = network.input.format.minimum, network.input.format.maximum
    sources = [source, *(neurons.interval for neurons in layers)]
    total = 0
    for parity in (0, 1):
        readers = range(first + parity, len(layers), 2)
        depth = max((layers[index].layer.fan_in for index in readers), default=0)
        width = max((shape_of(*sources[index]).width for index in readers), default=0)
        total += depth * width
    return total
