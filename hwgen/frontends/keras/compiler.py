"""Chains of dense layers, ReLUs and fixed-point quantizers, compiled into layers of integers.

Every number is an integer times a power of two, so nothing is approximated: intervals say which
formats hold what, and a quantizer becomes a rescale of every neuron by itself.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array
from hwgen.frontends.keras.fixedpoint import Quantizer
from hwgen.frontends.keras.formats import Code, Lane, Target, targets_of, width_of
from hwgen.frontends.keras.sums import (
    NATIVE,
    Dense,
    Function,
    Layout,
    Relu,
    Step,
    Sum,
    Window,
    adjusted,
    offsets,
    one_of,
    output_of,
    tabled,
    thresholds,
)
from hwgen.frontends.keras.windows import (
    channels_of,
    in_lanes,
    largest,
    of_channels,
    placed,
    slid,
    unrolled,
)
from hwgen.frontends.onnx.problems import Report
from hwgen.spec.formats import signed_width
from hwgen.support.errors import HwgenError

_FLOAT_BITS = 24


class Compiler:
    """Takes steps one by one.

    Parameters
    ----------
    lanes
        The network's inputs.
    order
        The lane of each input, in the shape that Keras has them.

    Attributes
    ----------
    layers
        Of the network file.
    """

    def __init__(self, lanes: list[Lane], order: Array, report: Report):
        self.layers: list[dict[str, Any]] = []
        self._lanes = lanes
        self._order = order
        self._map = True
        self._entry: list[int] | None = None
        self._report = report
        self._sum: Sum | None = None

    def add(self, step: Step) -> None:
        """Take one step.

        Raises
        ------
        HwgenError
            No layer can hold it.
        """
        if isinstance(step, Layout):
            self._laid_out(step)
        elif isinstance(step, Dense | Window):
            if self._sum is not None:
                allowed = "an input quantizer (enable_iq) of each layer"
                raise HwgenError(step.name, "reads sums that are not quantized", allowed)
            if isinstance(step, Dense):
                self._sum = self._dense(step)
            elif step.weights is None:
                self._largest(step)
            else:
                self._sum = self._windowed(step) or self._unrolled(step)
        elif isinstance(step, Relu):
            if self._sum is not None:
                self._sum = replace(self._sum, relu=True)
            elif any(lane.real_low < 0 for lane in self._lanes):
                self._sum = replace(self._handed_on("relu"), relu=True)
        elif isinstance(step, Function):
            self._sum = replace(self._sum or self._handed_on(step.name), function=step)
        else:
            self._quantized(step)

    def finish(self) -> int:
        """End the network; its outputs' fraction bits."""
        if self._sum is None:
            out = self.layers[-1].get("output", {"bits": []})
            plain = not any(isinstance(out[key], list) for key in ("bits", "fraction_bits"))
            ordered = (self._order.ravel() == np.arange(self._order.size)).all()
            if plain and ordered and not any(lane.offset for lane in self._lanes):
                return int(out["fraction_bits"])
            self._sum = self._dense(self._identity("outputs"))
        total = self._sum
        if total.window is not None:
            made = self._unrolled(total.window)
            total = replace(made, relu=total.relu, function=total.function, order=total.order)
        if total.function is not None:
            raise HwgenError(total.name, "a table without a quantizer", "enable_oq of its layer")
        return self._last(placed(total, total.order.ravel()))

    @property
    def shape(self) -> list[int] | None:
        """Of the network's input, where its first layer slides over a map."""
        return self._entry if self.layers[0]["kind"] != "dense" else None

    # lanes

    @property
    def _image(self) -> tuple[int, ...]:
        """Sizes of the map along its places."""
        return self._order.shape[:-1]

    def _laid_out(self, step: Layout) -> None:
        if self._sum is not None:
            self._sum = replace(self._sum, order=self._sum.order.reshape(step.shape))
        self._order = self._order if self._sum is not None else self._order.reshape(step.shape)

    def _channels(self, padded: bool) -> list[Lane] | None:
        return channels_of(self._lanes, self._order, padded) if self._map else None

    # sums

    def _identity(self, name: str) -> Dense:
        size = len(self._lanes)
        rows = [[Code(int(i == j), 0) for i in range(size)] for j in range(size)]
        return Dense(name=name, weights=rows, bias=[Fraction(0)] * size, identity=True)

    def _handed_on(self, name: str) -> Sum:
        """Sums that are what comes in: of a map for each channel, where all places are alike."""
        channels = self._channels(padded=False)
        if channels is None:
            return self._dense(self._identity(name))
        size, ones = len(channels), (1,) * len(self._image)
        rows = [[Code(int(i == j), 0) for i in range(size)] for j in range(size)]
        window = Window(
            name=name,
            weights=rows,
            bias=[Fraction(0)] * size,
            kernel=ones,
            stride=ones,
            padding=(0,) * 2 * len(ones),
            groups=size,
        )
        found = self._windowed(window)
        if found is None:
            raise TypeError("channels are alike")
        return found

    def _dense(self, dense: Dense) -> Sum:
        order = self._order.ravel()
        if len(dense.weights[0]) != len(order):
            found = f"{len(dense.weights[0])} inputs"
            raise HwgenError(dense.name, found, f"{len(order)}, as come in")
        rows = dense.weights
        shape = dense.shape or (len(rows),)
        if dense.identity:
            own = self._order
        else:
            place = np.argsort(order)
            rows = [[row[i] for i in place] for row in rows]
            own = np.arange(len(rows)).reshape(shape)
        total = self._summed(dense.name, rows, dense.bias, self._lanes)
        return replace(total, order=own, identity=dense.identity)

    def _windowed(self, step: Window) -> Sum | None:
        """A sum for each output channel; None where places of a map are not alike."""
        channels = self._channels(any(step.padding))
        if channels is None or step.weights is None:
            return None
        count = len(step.weights[0]) // len(channels)
        lanes = [lane for lane in channels for _ in range(count)]
        total = self._summed(step.name, step.weights, step.bias, lanes)
        places = step.places(self._image)
        numbers = np.arange(len(step.weights) * int(np.prod(places)))
        order = np.moveaxis(numbers.reshape(len(step.weights), *places), 0, -1)
        return replace(total, window=step, image=self._image, order=order)

    def _unrolled(self, step: Window) -> Sum:
        """A sum for each place of each output channel."""
        rows, bias, order = unrolled(step, self._order)
        self._report.note(
            step.name,
            f"places of its map have formats of their own: a dense layer of {len(rows)} x "
            f"{len(self._lanes)} weights; homogeneous_axis=(0, 1, 2) keeps a convolution",
        )
        return replace(self._summed(step.name, rows, bias, self._lanes), order=order)

    def _begins(self) -> None:
        """A layer that slides is next: if it is the first, what it reads is the network's input."""
        if not self.layers:
            self._entry = [self._order.shape[-1], *self._image]

    def _largest(self, step: Window) -> None:
        lanes = self._channels(padded=False)
        if lanes is None or self._sum is not None:
            found = "the largest of values of different formats, or of sums"
            raise HwgenError(step.name, found, "an iq_conf with homogeneous_axis=(0, 1, 2)")
        places = step.places(self._image)
        self._begins()
        self.layers.append(largest(step))
        self._placed(lanes, places)

    def _placed(self, channels: list[Lane], places: tuple[int, ...]) -> None:
        """Lanes of a map of these channels and places."""
        count = int(np.prod(places))
        self._lanes = [lane for lane in channels for _ in range(count)]
        numbers = np.arange(len(self._lanes)).reshape(len(channels), *places)
        self._order, self._map = np.moveaxis(numbers, 0, -1), True

    def _summed(
        self, name: str, weights: list[list[Code]], added: list[Fraction], lanes: list[Lane]
    ) -> Sum:
        """Integer weights, at one step for each neuron, and biases."""
        rows, own, biases, most = [], [], [], 0
        finest = max(lane.fraction for lane in lanes)
        for codes, bias in zip(weights, added, strict=True):
            read = [
                Code(0, 0) if lane.dead else code.reduced()
                for code, lane in zip(codes, lanes, strict=True)
            ]
            fraction = max((code.fraction for code in read if code.value), default=0)
            rows.append([code.at(fraction) for code in read])
            own.append(fraction)
            biases.append(bias + offsets(rows[-1], fraction, lanes))
            most = max(most, biases[-1].denominator.bit_length() - 1 - fraction - finest)
        fractions = [fraction + finest + most for fraction in own]
        whole = [int(b * Fraction(2) ** f) for b, f in zip(biases, fractions, strict=True)]
        low, high = [], []
        for row, b in zip(rows, whole, strict=True):
            ends = [
                sorted(
                    (w << (finest - lane.fraction + most)) * end for end in (lane.low, lane.high)
                )
                for w, lane in zip(row, lanes, strict=True)
            ]
            low.append(b + sum(pair[0] for pair in ends))
            high.append(b + sum(pair[1] for pair in ends))
        self._say_floats(name, max(map(abs, (*low, *high))), most)
        return Sum(
            name=name,
            rows=rows,
            weight_fractions=own,
            finer=most,
            fractions=fractions,
            bias=whole,
            low=low,
            high=high,
            order=np.arange(len(rows)),
        )

    def _say_floats(self, name: str, size: int, finer: int) -> None:
        if (size >> finer).bit_length() > _FLOAT_BITS:
            self._report.note(
                name,
                f"sums need up to {size.bit_length()} bits: 32-bit floats, of {_FLOAT_BITS}, may "
                "round those of the model; here they are exact",
            )

    # quantizers

    def _quantized(self, by: Quantizer) -> None:
        if self._sum is None:
            if self._changes_nothing(by):
                return
            self._sum = self._handed_on(by.who)
        total, own = self._sum, by
        if total.window is not None:
            alike = of_channels(by, total.order, len(total.rows))
            if alike is None:
                made = self._unrolled(total.window)
                total = replace(made, relu=total.relu, function=total.function, order=total.order)
            else:
                own = alike
        if total.window is None:
            own = in_lanes(by, total.order)
        targets = self._targets(total, own)
        if targets is None:  # wraps behind a ReLU: first without, then by a layer of its own
            wide = replace(
                by, wraps=False, low=by.low * 0 - (1 << 61), high=by.high * 0 + (1 << 61)
            )
            self._quantized(wide)
            self._quantized(by)
            return
        total = adjusted(total, own, targets)
        layer = self._body(total)
        layer["output"] = output_of(own, targets)
        native = all(target.native for target in targets) and own.mode in NATIVE
        if not native or total.function is not None:
            layer["output"]["thresholds"] = [
                thresholds(own, total, target, j) for j, target in enumerate(targets)
            ]
            layer["output"] |= {"rounding": "floor", "overflow": "saturate"}
        lanes = [target.lane() for target in targets]
        if total.window is None:
            self._lanes, self._order, self._map = lanes, total.order, False
        else:
            self._begins()
            count = total.order.size // len(lanes)
            self._lanes = [lane for lane in lanes for _ in range(count)]
            self._order, self._map = total.order, True
        self.layers.append(layer)
        self._sum = None

    def _targets(self, total: Sum, by: Quantizer) -> list[Target] | None:
        if total.function is None:
            return targets_of(by, total.ends, total.fractions, total.relu)
        found = [tabled(total, by, j) for j in range(len(total.rows))]
        signed = any(one.first < 0 for one in found)
        return [
            Target(
                bits=width_of(by.who, one.first, one.last, signed),
                signed=signed,
                fraction=fraction,
                low=one.first,
                high=one.last,
                free=True,
            )
            for one, fraction in zip(found, by.fraction.tolist(), strict=True)
        ]

    def _changes_nothing(self, by: Quantizer) -> bool:
        """Whether codes as they come are those of ``by`` too."""
        own = in_lanes(by, self._order)
        for lane, low, high, fraction in zip(
            self._lanes, own.low.tolist(), own.high.tolist(), own.fraction.tolist(), strict=True
        ):
            step = Fraction(2) ** -fraction
            inside = low * step <= lane.real_low and lane.real_high <= high * step
            if not inside or (lane.fraction > fraction and lane.real_low != lane.real_high):
                return False
        return True

    def _body(self, total: Sum) -> dict[str, Any]:
        flat = [w for row in total.rows for w in row]
        bits = signed_width(min(flat), max(flat))
        if bits > 32:
            allowed = "at most 32; fewer bits or places of the point nearer to each other"
            raise HwgenError(total.name, f"weights of {bits} bits at one step", allowed)
        if total.identity:
            size = len(total.rows)
            self._report.note(total.name, f"a layer of its own, of {size} x {size} weights")
        return {
            "kind": "dense",
            "name": total.name,
            "weights": total.rows,
            **slid(total),
            "weight_bits": bits if bits <= 16 else 32,
            "weight_fraction_bits": one_of(total.weight_fractions),
            "weight_shift": total.finer,
            "bias": total.bias,
            "activation": "relu" if total.relu else "none",
        }

    def _last(self, total: Sum) -> int:
        layer = self._body(total)
        finest = max(total.fractions)
        layer["output"] = None
        if len(set(total.fractions)) > 1:
            ends = [
                end << (finest - f)
                for pair, f in zip(total.ends, total.fractions, strict=True)
                for end in pair
            ]
            bits = signed_width(min(ends), max(ends))
            if bits > 32:
                raise HwgenError(total.name, f"sums of {bits} bits at one step", "at most 32")
            layer["output"] = {
                "bits": bits if bits <= 16 else 32,
                "signed": True,
                "fraction_bits": finest,
                "rounding": "floor",
                "overflow": "saturate",
            }
        self.layers.append(layer)
        return finest
