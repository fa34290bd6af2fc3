"""What the stages of a design over maps compute, in numbers; no hardware is made."""

import math
from dataclasses import dataclass

from hwgen.spec.conv import Convolution
from hwgen.spec.layer import Layer
from hwgen.spec.maps import Window, Windowed
from hwgen.spec.network import Network
from hwgen.spec.pools import MaxPool

POINT = Window(kernel=(1, 1))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A layer, whose windows come one after the other, and a maximum pool behind it.

    Its loops, the outermost first: a row and a column of results, a turn of ``lanes`` output
    channels, a window of those that the pool sees, a value of that window.

    Parameters
    ----------
    index, ends
        The layer, and the layer behind the stage.
    image, channels
        What it reads: a map, position by position, all channels of one after the other.
    window
        What an accumulator sees.
    groups
        Of channels, as of a convolution.
    outputs
        Output channels.
    pool
        The windows over what it computes; :data:`POINT`: there is no pool.
    macs
        MACs, P.
    """

    index: int
    ends: int
    image: tuple[int, int]
    channels: int
    window: Window
    groups: int
    outputs: int
    pool: Window
    macs: int

    # Loops

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of results."""
        return self.pool.positions(self.window.positions(self.image))

    @property
    def lanes(self) -> int:
        """Output channels of a turn, at most: MACs that it keeps busy."""
        own = self.outputs // self.groups
        return -(-own // -(-own // self.macs))

    @property
    def turns_of_group(self) -> int:
        """Turns for the output channels of a group, which read the same values."""
        return -(-(self.outputs // self.groups) // self.lanes)

    @property
    def turns(self) -> int:
        """For all output channels."""
        return self.turns_of_group * self.groups

    def neurons(self, turn: int) -> list[int]:
        """Output channels of a turn."""
        group, turn = divmod(turn, self.turns_of_group)
        own, first = self.outputs // self.groups, turn * self.lanes
        return [group * own + j for j in range(first, min(first + self.lanes, own))]

    @property
    def words(self) -> int:
        """Values of a window that an accumulator is made of."""
        return self.window.size * self.channels // self.groups

    # Clocks

    @property
    def clocks_of_result(self) -> int:
        """Clocks for a position of the results."""
        return self.pool.size * (self.turns * self.words + self.outputs)

    @property
    def clocks(self) -> int:
        """Clocks of the stage, without those in which it takes an input."""
        return math.prod(self.positions) * self.clocks_of_result

    @property
    def first(self) -> int:
        """Clocks from its beginning up to the first result."""
        return (self.pool.size - 1) * (self.words + len(self.neurons(0))) + self.words + 1

    # Places

    @property
    def size(self) -> int:
        """Values of the map that it reads."""
        return math.prod(self.image) * self.channels

    @property
    def results(self) -> int:
        """Values of the map that it hands on."""
        return math.prod(self.positions) * self.outputs

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns that a result sees."""
        high, wide = (
            (pool - 1) * stride + kernel
            for pool, stride, kernel in zip(
                self.pool.kernel, self.window.stride, self.window.kernel, strict=True
            )
        )
        return high, wide

    @property
    def step(self) -> tuple[int, int]:
        """Rows and columns from a result to the next one."""
        down, right = (a * b for a, b in zip(self.pool.stride, self.window.stride, strict=True))
        return down, right

    @property
    def before(self) -> tuple[int, int]:
        """Rows and columns of padding above and beside the map."""
        top, left = (
            pool * stride + own
            for pool, stride, own in zip(
                self.pool.padding[:2], self.window.stride, self.window.padding[:2], strict=True
            )
        )
        return top, left

    @property
    def padded(self) -> bool:
        """Whether a window may see padding."""
        return any(self.window.padding) or any(self.pool.padding)

    def corner(self, row: int, column: int) -> int:
        """The last position that a result sees, were rows to go on in one line."""
        (high, wide), (down, right), (top, left) = self.span, self.step, self.before
        return (row * down + high - 1 - top) * self.image[1] + column * right + wide - 1 - left


def stages_of(network: Network, macs: int) -> list[Stage]:
    """The stages of ``network``."""
    found: list[Stage] = []
    index = 0
    while index < len(network.layers):
        layer = network.layers[index]
        pool = network.layers[index + 1] if index + 1 < len(network.layers) else None
        folds = isinstance(layer, Convolution) and isinstance(pool, MaxPool) and _apart(pool)
        found.append(_stage(index, layer, pool if folds else None, macs))
        index += 1 + folds
    return found


def _stage(index: int, layer: Layer, pool: Layer | None, macs: int) -> Stage:
    if not isinstance(layer, Windowed):
        image, channels, window, groups = (1, 1), layer.inputs, POINT, 1
    else:
        image, channels, window = layer.image, layer.input_shape[0], layer.window
        groups = layer.groups if isinstance(layer, Convolution) else channels
    over = pool.window if isinstance(pool, MaxPool) else POINT
    if isinstance(layer, MaxPool):
        window, over = POINT, layer.window
    return Stage(
        index=index,
        ends=index + (pool is not None),
        image=image,
        channels=channels,
        window=window,
        groups=groups,
        outputs=layer.output_channels,
        pool=over,
        macs=macs,
    )


def _apart(pool: MaxPool) -> bool:
    """Whether no position is in two windows, or in the padding."""
    window = pool.window
    pairs = zip(window.kernel, window.stride, strict=True)
    return not any(window.padding) and all(kernel <= stride for kernel, stride in pairs)
