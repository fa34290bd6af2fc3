"""One layer's integers: a fraction, codes, biases, all within the accumulator.

Fraction bits are tried around the one that just holds the largest weight, and the least error of
the sums decides. An accumulator of P bits admits only fractions under which the exact interval of
each neuron (docs/arithmetic.md) fits. The finest of them use the accumulator fully, and only around
these is looked ([5] of docs/references.md). One fraction finer, a neuron may be brought within the
limit by taking the same amount off the magnitude of each of its weights, the nearest point of
smaller ``sum|w|``.
"""

from dataclasses import dataclass, replace

import numpy as np

from hwgen.frontends.quantize.codebooks import best_table, cheap_table, padded
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.grids import FormatGrid, Grid, TableGrid
from hwgen.frontends.quantize.rounding import Target, round_weights
from hwgen.frontends.quantize.scales import FINER, LIMIT, bounded, holding_fraction
from hwgen.frontends.quantize.settings import Settings
from hwgen.spec.arithmetic import Integers
from hwgen.spec.formats import Format
from hwgen.support.errors import HwgenError, printable

WIDEST = 62
"""Accumulators of any quantized network stay within this many bits."""

_COARSER = 60
_SHRINKS = 6
_REFINEMENTS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A layer's integers, and the mean squared error of each neuron's sum.

    ``fits`` says of which neurons the accumulator holds the exact interval.
    """

    values: Integers
    fractions: Integers
    bias: Integers
    errors: Floats
    fits: Integers
    table: TableGrid | None

    def merged(self, other: "Fitted", take: Integers) -> "Fitted":
        """The neurons of ``other`` where ``take`` is true, the own ones elsewhere."""
        columns = take[:, None]
        return replace(
            self,
            values=np.where(columns, other.values, self.values),
            fractions=np.where(take, other.fractions, self.fractions),
            bias=np.where(take, other.bias, self.bias),
            errors=np.where(take, other.errors, self.errors),
            fits=np.where(take, other.fits, self.fits),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What one layer is to be fitted to.

    Parameters
    ----------
    mean_sums, mean_x
        Means of the float network's sums [outputs] and of the quantized values that they are made
        of [groups, inputs]; the bias makes the mean of the sums right.
    bias
        The float network's; used as it is where biases are not corrected.
    source
        Format of the inputs.
    bits
        Width of a weight's code.
    step
        Added to the chosen fraction.
    shared
        One fraction for all outputs.
    """

    target: Target
    mean_sums: Floats
    mean_x: Floats
    bias: Floats
    source: Format
    bits: int
    step: int
    shared: bool
    settings: Settings
    name: str

    @property
    def limit(self) -> int:
        """Width of the accumulator."""
        return min(WIDEST, self.settings.accumulator_bits or WIDEST)

    def real_bias(self, weights: Floats) -> Floats:
        """Biases that go with real weights."""
        if not self.settings.bias_correction:
            return self.bias
        parts = np.split(weights, len(self.mean_x))
        means = [part @ x for part, x in zip(parts, self.mean_x, strict=True)]
        return np.asarray(self.mean_sums - np.concatenate(means))


def fit_layer(task: Task) -> Fitted:
    """The integers with the least error.

    Raises
    ------
    HwgenError
        The accumulator is too narrow for any weights but zeros.
    """
    base = _base(task)
    room = _room(task)
    most = room - base if not task.shared else np.full_like(base, (room - base).min())
    steps = _steps(task, most)
    best = _of(task, base, steps[0])
    for step in steps[1:]:
        other = _of(task, base, step)
        best = (
            best.merged(other, _better(task, best, other))
            if _apart(task)
            else (other if _better(task, best, other).all() else best)
        )
    for step in range(steps[0] - 1, steps[0] - _COARSER, -1):
        if best.fits.all():
            break
        other = _of(task, base, step)
        best = best.merged(other, ~best.fits & other.fits) if _apart(task) else other
    wanted = np.abs(task.target.weights).max() > 0
    if not best.fits.all() or (wanted and not best.values.any()):
        raise HwgenError(
            f"accumulator bits: layer {printable(task.name, 40)!r}",
            f"{task.limit} bits hold none of its weights but zeros",
            "a wider accumulator is needed",
        )
    return best


def _apart(task: Task) -> bool:
    """Whether each neuron's fraction is chosen on its own; a codebook is one for the layer."""
    return not task.shared and task.settings.codebook is None


def _better(task: Task, one: Fitted, other: Fitted) -> Integers:
    """Where ``other`` is better: per neuron, or (all alike) as a whole."""
    if _apart(task):
        return other.fits & (~one.fits | (other.errors < one.errors))
    if one.fits.all() != other.fits.all():
        return np.array([other.fits.all()])
    return np.array([bool(other.fits.all() and other.errors.sum() < one.errors.sum())])


def _base(task: Task) -> Integers:
    """Per output, the finest fraction that clips nothing (or a share of the weights)."""
    settings = task.settings
    sizes = np.abs(task.target.weights)
    if task.shared:
        sizes = sizes.reshape(1, -1)
    if settings.criterion == "percentile":
        most = np.percentile(sizes, settings.percentile, axis=1)
        largest = np.where(most > 0, most, sizes.max(axis=1))
    else:
        largest = sizes.max(axis=1)
    bits = settings.codebook_bits if settings.codebook else task.bits
    found = np.array([holding_fraction(size, bits, True) for size in largest.tolist()])
    return np.broadcast_to(found, (len(task.target.weights),)).copy()


def _room(task: Task) -> Integers:
    """Per output, about the finest fraction whose interval the accumulator holds."""
    weights, x = task.target.weights, task.source
    bias = task.real_bias(weights)
    positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    high = np.ldexp(positive * x.maximum + negative * x.minimum, -x.fraction_bits) + bias
    low = np.ldexp(positive * x.minimum + negative * x.maximum, -x.fraction_bits) + bias
    sizes = np.maximum(np.maximum(high, -low), np.abs(bias))
    with np.errstate(divide="ignore"):
        room = np.floor(np.log2(2.0 ** (task.limit - 1) / sizes)) - x.fraction_bits
    return np.asarray(np.clip(room, -LIMIT - FINER, LIMIT + FINER), np.int64)


def _steps(task: Task, most: Integers) -> list[int]:
    """Steps above the base to try, ascending."""
    codebook = task.settings.codebook is not None
    finest = 0 if task.settings.criterion == "percentile" or codebook else FINER - 1
    top = min(finest, int(most.max()) + 1)
    first = min(0, top - 2, int(most.min()) - 1)
    return [step + task.step for step in range(max(first, top - 8), top + 1)]


def _of(task: Task, base: Integers, step: int) -> Fitted:
    """The layer at ``base + step``, neurons that do not fit shrunk where that helps."""
    fractions = np.array([bounded(fraction + step) for fraction in base.tolist()])
    wanted = task.target.weights
    grid = _grid(task, wanted, fractions)
    found = _rounded(task, wanted, fractions, grid)
    if task.settings.codebook == "kmeans":
        found = _refined(task, wanted, fractions, found)
        grid = found.table or grid
    if task.limit == WIDEST:
        return found
    for shrink in range(_SHRINKS):
        over = ~found.fits
        if not over.any():
            break
        smaller = _shrunk(task, wanted, fractions, 1 - 0.02 * shrink**1.5)
        again = _rounded(task, np.where(over[:, None], smaller, wanted), fractions, grid)
        found = found.merged(again, over & again.fits)
    return found


def _refined(task: Task, wanted: Floats, fractions: Integers, found: Fitted) -> Fitted:
    """Values of the table moved to where the weights that use them make the least error, and again.

    The error of the sums is quadratic in the values, so the best ones solve linear equations.
    """
    target, bits = task.target, task.settings.codebook_bits
    for _ in range(_REFINEMENTS):
        values = np.unique(found.values)
        used = (found.values[None] == values[:, None, None]).astype(np.float64)
        used = np.ldexp(used, -fractions[None, :, None])
        seen = target.weighed(used)
        size = len(values)
        square = seen.reshape(size, -1) @ used.reshape(size, -1).T
        right = seen.reshape(size, -1) @ target.weights.ravel()
        solved = np.linalg.lstsq(square, right, rcond=None)[0]
        moved = np.unique(FormatGrid(bits).snap(solved))
        again = _rounded(task, wanted, fractions, TableGrid(moved))
        if not again.errors.sum() < found.errors.sum() or again.fits.sum() < found.fits.sum():
            break
        found = again
    return found


def _grid(task: Task, wanted: Floats, fractions: Integers) -> Grid:
    settings = task.settings
    if settings.codebook is None:
        return FormatGrid(task.bits)
    points = np.ldexp(wanted, fractions[:, None])
    finest = fractions.max()
    importance = (
        task.target.importance
        * np.ldexp(np.ones(len(fractions)), 2 * (finest - fractions))[:, None]
    )
    make = best_table if settings.codebook == "kmeans" else cheap_table
    return make(points, importance, 1 << task.bits, settings.codebook_bits)


def _rounded(task: Task, wanted: Floats, fractions: Integers, grid: Grid) -> Fitted:
    values = round_weights(task.target, wanted, fractions, grid, task.settings.rounding)
    weights = np.ldexp(values.astype(np.float64), -fractions[:, None])
    scale = fractions + task.source.fraction_bits
    bound = 2.0**WIDEST
    bias = np.clip(np.rint(np.ldexp(task.real_bias(weights), scale)), -bound, bound)
    bias = bias.astype(np.int64)
    low, high = intervals(values, bias, (task.source.minimum, task.source.maximum))
    end = float(1 << (task.limit - 1))
    return Fitted(
        values=values,
        fractions=fractions,
        bias=bias,
        errors=task.target.errors(weights),
        fits=(low >= -end) & (high < end) & (np.abs(bias) < end),
        table=grid if isinstance(grid, TableGrid) else None,
    )


def intervals(
    values: Integers, bias: Integers, ends: tuple[float, float]
) -> tuple[Integers, Integers]:
    """Exact ends of every neuron's accumulator, as :meth:`DenseLayer.accumulator_intervals`."""
    positive, negative = np.maximum(values, 0).sum(axis=1), np.minimum(values, 0).sum(axis=1)
    low, high = ends
    return (
        positive * low + negative * high + bias,
        positive * high + negative * low + bias,
    )


def _shrunk(task: Task, wanted: Floats, fractions: Integers, share: float) -> Floats:
    """``max(|w| - t, 0)`` with the sign of w, the t of each neuron such that it should fit.

    The nearest point with a smaller sum of magnitudes is of this form ([10] of docs/references.md).
    """
    size, sign = np.abs(wanted), np.sign(wanted)
    scale = np.ldexp(1.0, fractions + task.source.fraction_bits)
    end = share * (1 << (task.limit - 1)) - 1
    unit = 2.0**-task.source.fraction_bits
    inputs = task.source.minimum * unit, task.source.maximum * unit
    low, high = np.zeros(len(wanted)), size.max(axis=1)
    for _ in range(24):
        middle = (low + high) / 2
        trial = sign * np.maximum(size - middle[:, None], 0)
        ends = intervals(trial, task.real_bias(trial), inputs)
        over = np.maximum(ends[1], -ends[0]) * scale > end
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.asarray(sign * np.maximum(size - high[:, None], 0))


def codebook_of(fitted: Fitted, bits: int) -> tuple[list[int], Integers]:
    """The table of a fitted layer, and the code of each weight as the file has it (signed)."""
    if fitted.table is None:
        raise ValueError("a layer without a codebook has none")
    index = np.searchsorted(fitted.table.values, fitted.values)
    half = 1 << (bits - 1)
    return padded(fitted.table.values, 1 << bits), np.where(index >= half, index - 2 * half, index)
