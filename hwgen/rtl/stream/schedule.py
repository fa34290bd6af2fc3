"""What each layer of a stream does in which clocks of a frame; no hardware is made."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.rtl.digits import digit_counts
from hwgen.rtl.stream import prices
from hwgen.rtl.stream.beats import Beats, windows
from hwgen.spec.dense import DenseLayer
from hwgen.spec.maps import Window, Windowed
from hwgen.spec.network import Network
from hwgen.spec.pools import Pool
from hwgen.support.errors import HwgenError

Table = Mapping[int, bool]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A layer's part of the schedule.

    Parameters
    ----------
    style
        ``window``: a window over a line of positions; ``fold``: a pool that keeps what is known of
        its windows; ``wired``: hard-wired sums of what is there at once; ``sums``: accumulators.
    reads, gives
        When the positions are there that it reads, and those that it hands on.
    steps
        Clocks for a position, of ``sums``.
    tables
        Its control signals, each by its value in clocks of the frame; anything in the others.
    """

    style: str
    reads: Beats
    gives: Beats
    steps: int
    tables: dict[str, Table]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The stages of a network.

    Parameters
    ----------
    rows, columns
        Of the input.
    stages
        One for each layer.
    parts
        Beats of a position.
    """

    rows: int
    columns: int
    stages: list[Stage]
    parts: int = 1

    @property
    def frame(self) -> int:
        """Positions of an input; a clock of a frame is that of the last beat of one."""
        return self.rows * self.columns

    @property
    def interval(self) -> int:
        """Beats of an input."""
        return self.frame * self.parts

    @property
    def results(self) -> tuple[int, ...]:
        """When the beats of a result are complete; one alone, not before its input has ended."""
        clocks = self.stages[-1].gives.clocks
        return clocks if len(clocks) > 1 else (max(clocks[0], self.frame - 1),)

    @property
    def loads(self) -> int:
        """When the first beat of a result is computed."""
        return self.stages[-1].gives.clocks[0]

    @property
    def latency(self) -> int:
        """As of :class:`hwgen.rtl.top.Top`; below 1 where a result begins before its input ends."""
        return (self.results[0] - (self.frame - 1)) * self.parts + 1

    @classmethod
    def of(cls, network: Network, registers: bool, parts: int = 1) -> "Schedule":
        """The schedule of ``network``, with ``registers`` between layers or without.

        ``parts`` are the beats of a position.

        Raises
        ------
        HwgenError
            It does not go through as a stream; with the place in the network.
        """
        shape = network.source(0).shape
        if shape is None:
            allowed = "[channels, height, width] or [channels, length]"
            raise HwgenError("input.shape", "none", f"{allowed}: a beat is a position of a map")
        rows, columns = (1, *shape[1:])[-2:]
        frame = rows * columns
        beats = Beats(frame=frame, clocks=tuple(range(frame)))
        stages: list[Stage] = []
        for index, layer in enumerate(network.layers):
            reads = beats.later(1) if registers and stages else beats
            if isinstance(layer, Windowed):
                stage = _windowed(layer, reads, f"layers[{index}].padding")
            else:
                stage = _dense(network, index, reads)
            stages.append(stage)
            beats = stage.gives
        if network.output == "argmax" and len(beats) > 1:
            found = f"argmax over {len(beats)} positions of a map"
            raise HwgenError("output", found, "a dense layer or a global pool must be last")
        return cls(rows=rows, columns=columns, stages=stages, parts=parts)


def folds(layer: Windowed) -> bool:
    """Whether windows share no position, and see no padding, and are those of a pool."""
    window = layer.window
    apart = all(
        step >= kernel or count == 1
        for step, kernel, count in zip(window.stride, window.kernel, layer.positions, strict=True)
    )
    return isinstance(layer, Pool) and apart and not any(window.padding)


def _windowed(layer: Windowed, reads: Beats, where: str) -> Stage:
    window, image = layer.window, layer.image
    gives = windows(reads, window, image, where)
    if folds(layer):
        tables = _folding(window, layer.positions, image, reads)
        return Stage(style="fold", reads=reads, gives=gives, steps=1, tables=tables)
    tables = {"shift": _table(reads, [True] * len(reads))}
    for name, padded in padding(window, image).items():
        tables[name] = _table(gives, padded)
    return Stage(style="window", reads=reads, gives=gives, steps=1, tables=tables)


def padding(window: Window, image: tuple[int, int]) -> dict[str, list[bool]]:
    """Rows and columns of a window that are in the padding at times, and for which windows.

    ``above<k>`` is row k, ``beside<k>`` column k.
    """
    rows, columns = window.positions(image)
    found: dict[str, list[bool]] = {}
    for row in range(window.kernel[0]):
        seen = [y * window.stride[0] - window.padding[0] + row for y in range(rows)]
        outside = [not 0 <= y < image[0] for y in seen]
        found[f"above{row}"] = [out for out in outside for _ in range(columns)]
    for column in range(window.kernel[1]):
        seen = [x * window.stride[1] - window.padding[1] + column for x in range(columns)]
        outside = [not 0 <= x < image[1] for x in seen]
        found[f"beside{column}"] = outside * rows
    return {name: values for name, values in found.items() if any(values)}


def _table(beats: Beats, values: list[bool]) -> dict[int, bool]:
    """For each position a value; where there is no position, false."""
    table = dict.fromkeys(range(beats.frame), False) if all(values) else {}
    for clock, value in zip(beats.clocks, values, strict=True):
        table[clock % beats.frame] = value
    return table


def _folding(
    window: Window, positions: tuple[int, int], image: tuple[int, int], reads: Beats
) -> dict[str, Table]:
    high, wide = window.kernel
    down, right = map(max, window.kernel, window.stride)  # a lone window may say less
    lone = positions[1] == 1
    always: dict[str, dict[int, bool]] = {
        "fold": dict.fromkeys(range(reads.frame), False),
        "edge": dict.fromkeys(range(reads.frame), False),
    }
    tables: dict[str, dict[int, bool]] = {"first": {}, "top": {}, **always}
    for position, clock in enumerate(reads.clocks):
        (y, row), (x, column) = map(divmod, divmod(position, image[1]), (down, right))
        if row >= high or column >= wide or y >= positions[0] or x >= positions[1]:
            continue
        at = clock % reads.frame
        tables["fold"][at] = True
        tables["first"][at] = column == 0 and (row == 0 or not lone)
        tables["top"][at] = row == 0
        tables["edge"][at] = column == wide - 1
    return dict(tables)


def _dense(network: Network, index: int, reads: Beats) -> Stage:
    layer = network.layers[index]
    if not isinstance(layer, DenseLayer):
        raise HwgenError(f"layers[{index}].kind", f"found {layer.kind!r}", "no such hardware")
    channels = layer.inputs // len(reads)
    lanes = -(-channels // min(reads.gap, channels))
    steps = -(-channels // lanes)
    if len(reads) == 1 and _wired_is_smaller(network, index, lanes, steps):
        return Stage(style="wired", reads=reads, gives=reads, steps=1, tables={})
    end = reads.clocks[-1] + steps - 1
    tables: dict[str, dict[int, bool]] = {
        "add": dict.fromkeys(range(reads.frame), False),
        "first": {},
        "enter": {},
    }
    for position, clock in enumerate(reads.clocks):
        for step in range(steps):
            at = (clock + step) % reads.frame
            tables["add"][at] = True
            tables["first"][at] = position == step == 0
            tables["enter"][at] = step == 0
    if steps == 1:
        del tables["enter"]
    return Stage(
        style="sums",
        reads=reads,
        gives=Beats(frame=reads.frame, clocks=(end,)),
        steps=steps,
        tables=dict(tables),
    )


def _wired_is_smaller(network: Network, index: int, lanes: int, steps: int) -> bool:
    """Whether hard-wired sums are estimated smaller than accumulators."""
    layer = network.layers[index]
    assert isinstance(layer, DenseLayer)
    bits = network.input_format(index).bits
    wired = prices.ADDED * int(digit_counts(layer.weight_values).sum()) * bits
    width = network.accumulator_width(index)
    each = prices.PRODUCT * lanes * layer.weight_value_bits * bits
    each += (prices.STORED + prices.GROWN) * width
    stored = prices.STORED * lanes * (steps - 1) * bits
    stored += prices.LISTED * layer.weight_memory_bits
    return wired <= layer.outputs * each + stored
