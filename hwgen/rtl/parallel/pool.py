"""Max pooling of the parallel architecture: comparators, those of overlapping windows shared."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hwgen.rtl.adders.staged import Staged
from hwgen.rtl.adders.words import Stages, packed_width, unpack
from hwgen.rtl.requantize import shape_of
from hwgen.spec.arithmetic import Interval
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool


class ParallelMaxPool(Staged):
    """The largest value of each window.

    Each row of a window is a tree of comparators, and the rows are another: windows that overlap
    share what they have in common. A round of comparison is a level of logic.

    Parameters
    ----------
    network, index
        The layer.
    ranges
        Exact interval of each of its inputs.
    pipeline
        Comparisons between registers, 0 for none.

    Members
    -------
    x, enable : In
        As of :class:`hwgen.rtl.adders.staged.Staged`.
    y : Out
        The outputs, each in the shape of its interval in :attr:`ranges`.
    """

    def __init__(self, network: Network, index: int, ranges: list[Interval], pipeline: int):
        layer = network.layers[index]
        self.ranges = layer.accumulator_intervals(ranges)
        width = layer.window.kernel[1] if isinstance(layer, MaxPool) else 1
        self._windows = [_rows(layer.reads(j), width) for j in range(layer.outputs)]
        super().__init__(ranges, packed_width(self.ranges), pipeline)

    def _build(self, m: Module, stages: Stages) -> int:
        """The trees of comparators."""
        self._stages = stages
        self._largest: dict[tuple[int, ...], tuple[Value, int]] = {
            (i,): (value, 0) for i, value in enumerate(unpack(self.x, self._inputs))
        }
        found = []
        for rows in self._windows:
            for row in rows:
                self._tree(m, [(i,) for i in row])
            found.append(self._tree(m, rows))
        last = max(self._stage(rounds) for _, rounds in found) + bool(self._pipeline)
        results: list[Value] = []
        for (value, rounds), interval in zip(found, self.ranges, strict=True):
            fitting = Signal(shape_of(*interval), name=f"y{len(results)}")
            m.d.comb += fitting.eq(self._at(value, rounds, last))
            results.append(fitting)
        m.d.comb += self.y.eq(Cat(results))
        return last

    def _at(self, value: Value, rounds: int, stage: int) -> Value:
        """A value behind so many rounds of comparison, in a pipeline stage."""
        return self._stages.delay(value, self._stage(rounds), stage) if self._pipeline else value

    def _tree(self, m: Module, groups: Sequence[tuple[int, ...]]) -> tuple[Value, int]:
        """The largest of all inputs in ``groups``, and the rounds of comparison before it."""
        field = list(groups)
        while len(field) > 1:
            pairs = [field[i : i + 2] for i in range(0, len(field), 2)]
            field = [self._larger(m, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        return self._largest[field[0]]

    def _larger(
        self, m: Module, first: tuple[int, ...], second: tuple[int, ...]
    ) -> tuple[int, ...]:
        both = first + second
        if both not in self._largest:
            (one, early), (other, late) = self._largest[first], self._largest[second]
            stage = self._stage(max(early, late) + 1)
            one, other = self._at(one, early, stage), self._at(other, late, stage)
            value = Mux(other > one, other, one)
            larger = Signal(value.shape(), name=f"largest{len(self._largest)}")
            m.d.comb += larger.eq(value)
            self._largest[both] = larger, max(early, late) + 1
        return both

    def _stage(self, rounds: int) -> int:
        """The pipeline stage in which a round of comparisons is."""
        return max(rounds - 1, 0) // self._pipeline if self._pipeline else 0


def _rows(places: dict[int, int], width: int) -> list[tuple[int, ...]]:
    """Inputs of a window row by row; an input is one further than that on its left."""
    rows: list[list[int]] = []
    for i in places:
        if rows and i == rows[-1][-1] + 1 and len(rows[-1]) < width:
            rows[-1].append(i)
        else:
            rows.append([i])
    return [tuple(row) for row in rows]
