"""The dense layer: its keys, its numbers, its sums."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from hwgen.spec import arithmetic
from hwgen.spec.arithmetic import Integers, Interval
from hwgen.spec.checks import check_activation, check_output
from hwgen.spec.formats import Format
from hwgen.spec.layer import Source, rescales_of
from hwgen.spec.models import Filled, Values
from hwgen.spec.rescale import Rescale
from hwgen.spec.terms import Terms, shifted
from hwgen.spec.weighted import Weighted, check_accumulators, check_weights
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown

_Dropped = Annotated[int, Field(ge=0, le=32)]


class DenseLayer(Weighted):
    """A fully connected layer: ``acc = bias + weights @ x``, an activation, a rescale.

    ``weights`` holds one row of integer codes per output.
    """

    VERSION_2 = Weighted.VERSION_2 | {"dropped_bits"}

    kind: Literal["dense"]
    weights: Filled[Filled[int]]
    dropped_bits: Values[_Dropped] | Values[Values[_Dropped]] | None = None

    # Sizes

    @property
    def fan_in(self) -> int:
        """Inputs of the layer."""
        return len(self.weights[0])

    @property
    def inputs(self) -> int:
        """Inputs of the layer."""
        return self.fan_in

    @property
    def outputs(self) -> int:
        """Neurons of the layer."""
        return len(self.weights)

    # Numbers

    @property
    def output_biases(self) -> list[int]:
        """The biases."""
        return self.bias

    def output_formats(self) -> list[Format] | None:
        """The format of each neuron."""
        return None if self.output is None else self.output.formats(self.outputs)

    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of every neuron's accumulator."""
        return self.channel_fractions(input_fraction)

    def reads(self, index: int) -> dict[int, int]:
        """Every input, with its weight."""
        return dict(enumerate(self.weight_values[index].tolist()))

    def rescales(self, input_fraction: int) -> list[Rescale]:
        """One for each neuron."""
        return rescales_of(
            self, self.accumulator_fraction(input_fraction), self.wrap_bits is not None
        )

    def aligned_weights(self, alignment: Sequence[int]) -> Integers:
        """The weights [outputs, inputs] of inputs as they come, with all shifts of products."""
        return shifted(self.weight_values, [self.weight_shift + left for left in alignment])

    def dropped(self) -> list[list[int]] | None:
        """Low bits of each input that each neuron ignores, [outputs][inputs]; None: nothing."""
        given: Any = self.dropped_bits
        if given is None or isinstance(given[0], list):
            return given  # type: ignore[no-any-return]
        return [list(given)] * self.outputs

    def terms(self, alignment: Sequence[int] | None = None) -> Terms:
        """The layer's sums as one matrix product, for inputs that are aligned by left shifts."""
        shifts = [self.weight_shift + left for left in alignment or [0] * self.fan_in]
        dropped = self.dropped()
        if dropped is None:
            weights = shifted(self.weight_values, shifts)
            return Terms(index=list(range(self.fan_in)), dropped=[0] * self.fan_in, weights=weights)
        drops = np.array(dropped)
        columns = [
            (i, int(d)) for i in range(self.fan_in) for d in sorted(set(drops[:, i].tolist()))
        ]
        own = np.stack(
            [np.where(drops[:, i] == d, self.weight_values[:, i], 0) for i, d in columns], axis=1
        )
        return Terms(
            index=[i for i, _ in columns],
            dropped=[d for _, d in columns],
            weights=shifted(own, [shifts[i] + d for i, d in columns]),
        )

    def accumulator_intervals(
        self, ranges: Sequence[Interval], alignment: Sequence[int] | None = None
    ) -> list[Interval]:
        """Exact [lo, hi] of every neuron's accumulator before any wrapping.

        ``hi = b + x_max * sum(w+) + x_min * sum(w-)``, and ``lo`` likewise, with the interval
        (x_min, x_max) of each input in ``ranges``.
        """
        terms = self.terms(alignment)
        read = terms.ranges(ranges)
        low, high = np.array(read, dtype=object).T
        size = max(1, *(max(map(abs, ends)) for ends in read))
        weights = terms.weights
        if size * int(np.abs(weights).sum(axis=1).max()) < 1 << 62:
            low, high = low.astype(np.int64), high.astype(np.int64)
        else:
            weights = weights.astype(object)
        positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
        spread = (positive @ low + negative @ high, positive @ high + negative @ low)
        return [
            (bias + lo, bias + hi)
            for bias, lo, hi in zip(self.bias, *(s.tolist() for s in spread), strict=True)
        ]

    def widest(self, source: Source) -> int:
        """Partial sums in any order are within ``|bias| + sum of |w| * |x|``."""
        terms = self.terms(source.alignment)
        sizes = [max(1, *map(abs, ends)) for ends in terms.ranges(source.ranges)]
        reach = np.abs(terms.weights.astype(object)) @ np.array(sizes, object)
        size = max(map(abs, self.bias)) + int(reach.max())
        bits = max(size.bit_length(), self.accumulator_bits or 0)
        return max(one.widest(bits) for one in self.rescales(source.fraction))

    # The golden model

    def accumulate(self, x: Integers, alignment: Sequence[int] | None = None) -> Integers:
        """``bias + weights @ x``, wrapped where the layer says so; integers [samples, outputs]."""
        terms = self.terms(alignment)
        weights = terms.weights.astype(x.dtype)
        sums: Integers = terms.read(x) @ weights.T + np.array(self.bias, dtype=x.dtype)
        return sums if self.wrap_bits is None else arithmetic.wrap(sums, self.wrap_bits, True)

    # Other layers that compute the same

    def folded(self, constants: Mapping[int, int], alignment: Sequence[int]) -> list[int]:
        """Biases that contain what inputs contribute that are ``constants``, by their index."""
        terms = self.terms(alignment)
        biases = list(self.bias)
        for column, (i, dropped) in enumerate(zip(terms.index, terms.dropped, strict=True)):
            if i in constants:
                factor = constants[i] >> dropped
                own = terms.weights[:, column].tolist()
                biases = [bias + w * factor for bias, w in zip(biases, own, strict=True)]
        if self.wrap_bits is None:
            return biases
        wrapped = arithmetic.wrap(np.array(biases, object), self.wrap_bits, signed=True)
        return [int(bias) for bias in wrapped]

    def with_outputs(self, kept: Sequence[int]) -> dict[str, Any]:
        """The layer, as plain data, with the neurons ``kept`` alone, in this order."""
        content = self.model_dump()
        parts = [content, content["output"] or {}]
        for part, keys in zip(parts, (_PER_OUTPUT, _PER_OUTPUT_FORMAT), strict=True):
            for key in keys:
                if isinstance(part.get(key), list):
                    part[key] = [part[key][j] for j in kept]
        if self.dropped_bits is not None:
            content["dropped_bits"] = [(self.dropped() or [])[j] for j in kept]
        return content

    def with_inputs(self, kept: Sequence[int]) -> dict[str, Any]:
        """The layer, as plain data, that reads the inputs ``kept`` alone, in this order."""
        content = self.model_dump()
        for key in ("weights", "dropped_bits"):
            rows = self.dropped() if key == "dropped_bits" else content[key]
            if rows is not None:
                content[key] = [[row[i] for i in kept] for row in rows]
        return content

    # The file

    def check(self, where: str, source: Source, last: bool) -> None:
        """Refuse what the types alone do not say."""
        for row, codes in enumerate(self.weights):
            if len(codes) != source.count:
                raise HwgenError(
                    f"{where}.weights[{row}]",
                    f"{len(codes)} codes",
                    f"{shown(source.count)} as {source.said_by} say",
                )
        check_weights(self, where)
        check_activation(self, where)
        check_output(self, where, last)
        _check_dropped(self, where, source)
        check_accumulators(self, where, source)


_PER_OUTPUT = ("weights", "bias", "weight_fraction_bits")
_PER_OUTPUT_FORMAT = ("bits", "fraction_bits", "multiplier", "shift", "thresholds", "scale")


def _check_dropped(layer: DenseLayer, where: str, source: Source) -> None:
    given: Any = layer.dropped_bits
    if given is None:
        return
    place = f"{where}.dropped_bits"
    rows = given if given and isinstance(given[0], list) else [given]
    if rows is given and len(rows) != layer.outputs:
        raise HwgenError(
            place, f"{len(rows)} lists", f"{layer.outputs}, one for each row of weights"
        )
    for j, row in enumerate(rows):
        at = f"{place}[{j}]" if rows is given else place
        if len(row) != layer.fan_in:
            raise HwgenError(at, f"{len(row)} values", f"{layer.fan_in}, one for each input")
        for i, (bits, one) in enumerate(zip(row, source.formats, strict=True)):
            most = one.bits - one.signed
            if bits > most:
                raise HwgenError(f"{at}[{i}]", f"found {bits}", f"0..{most} of input {i} ({one})")
