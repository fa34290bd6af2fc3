"""Folds what float models do (:mod:`hwgen.frontends.quantize.steps`) into layers.

A scale and offset go into the layer before it, or behind an activation into the layer that follows.
A pool belongs to the layer before it. Where the shape of values is known, ``order`` says of each
value here which one it is of the map that the layer before hands on (counted channel by channel),
so that a dense layer may read a map in any layout.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, FloatPool, Floats, Slide
from hwgen.frontends.quantize.steps import (
    Activated,
    Affine,
    Convolved,
    Dense,
    Pooled,
    Shaped,
    Step,
)
from hwgen.spec.maps import Window
from hwgen.support.errors import HwgenError

Output = Literal["argmax", "values"]
Pads = tuple[tuple[int, int], ...]

_NOTHING = (np.ones(1), np.zeros(1))


class Unfoldable(Exception):
    """A step that no layer can take; ``found`` says what, ``allowed`` what would do."""

    def __init__(self, found: str, allowed: str):
        super().__init__(found)
        self.found, self.allowed = found, allowed


def chained(
    steps: Iterable[Step],
    output: Output | None,
    labels: tuple[str, ...] | None,
    shape: Sequence[int] | None = None,
    channels_last: bool = False,
) -> FloatModel:
    """A float network of the steps; its output follows from the last one where none is given.

    ``shape`` is that of a sample, ``(channels, ...)``, where it is known.

    Raises
    ------
    HwgenError
        A step that no layer can take.
    """
    steps = [one for one in steps if one != Activated("none")]
    end = next((one for one in reversed(steps) if not isinstance(one, Shaped)), None)
    if isinstance(end, Activated) and end.kind == "softmax":
        steps, output = [one for one in steps if one is not end], output or "argmax"
    elif isinstance(end, Activated) and end.kind == "sigmoid":
        output = output or "argmax"
    chain = Chain(shape)
    try:
        for step in steps:
            chain.take(step)
        chain.finish()
    except Unfoldable as reason:
        raise HwgenError("model", reason.found, reason.allowed) from None
    if output is None:
        output = "argmax" if chain.layers and chain.layers[-1].handed_on > 1 else "values"
    layers = tuple(chain.layers)
    return FloatModel(layers=layers, output=output, labels=labels, channels_last=channels_last)


class Chain:
    """Layers of the steps so far.

    Parameters
    ----------
    shape
        Of the values that come in, ``(channels, ...)`` or ``(features,)``; None: not known.

    Attributes
    ----------
    order
        Numbers of the values here, [1, ...]; None where the shape is not known.
    entered_last
        The first layer is a convolution that reads a map whose channels come last.
    """

    def __init__(self, shape: Sequence[int] | None):
        self.layers: list[FloatLayer] = []
        self.order: NDArray[Any] | None = None
        self.entered_last = False
        self._closed = True
        self._waiting: tuple[Floats, Floats] = _NOTHING
        self._takers: dict[type, Callable[[Any], None]] = {
            Dense: self._dense,
            Convolved: self._convolution,
            Pooled: self._pool,
            Affine: self._affine,
            Activated: self._activation,
            Shaped: self._shaped,
        }
        self._flat = shape is not None and len(shape) == 1
        if shape is not None:
            self._arrange(shape)

    def take(self, step: Step) -> None:
        """Fold one step.

        Raises
        ------
        Unfoldable
            No layer can take it.
        """
        self._takers[type(step)](step)

    def finish(self) -> None:
        """Refuse what no layer takes up."""
        if self._waits:
            allowed = "a dense layer after it"
            raise Unfoldable("a scale or offset behind the last activation", allowed)

    @property
    def _waits(self) -> bool:
        scale, offset = self._waiting
        return bool((scale != 1).any() or (offset != 0).any())

    @property
    def _map(self) -> tuple[int, ...]:
        """Channels and sizes of the map here."""
        order = self.order
        if order is None:
            allowed = "samples [count, channels, ...], or a model that says the shape of its input"
            raise Unfoldable("a convolution or pool of a map of unknown shape", allowed)
        if order.ndim not in (3, 4):
            found = f"a convolution or pool of values of shape {list(order.shape[1:])}"
            raise Unfoldable(found, "channels x length or channels x height x width")
        if (order.ravel() != np.arange(order.size)).any():
            last = np.moveaxis(np.arange(order.size).reshape(*order.shape[2:], -1), -1, 0)
            if self.layers or self.entered_last or (order[0] != last).any():
                found = "a map in another layout than that of the layer before it"
                raise Unfoldable(found, "channels first, all the way")
            if self._flat:
                found = "a flat input of which the channels of each position stand together"
                raise Unfoldable(found, "an input in the shape of the map")
            self.entered_last = True
            scale, offset = (one if one.size == 1 else one[order.ravel()] for one in self._waiting)
            self._waiting = scale, offset
            self._arrange(order.shape[1:])
        return tuple(order.shape[1:])

    def _arrange(self, shape: Sequence[int]) -> None:
        self.order = np.arange(math.prod(shape)).reshape(1, *shape)

    # layers

    def _dense(self, step: Dense) -> None:
        weights, bias = step.weights, step.bias
        if weights.ndim != 2 or not weights.size:
            raise Unfoldable(f"weights of {weights.ndim} dimensions", "outputs x inputs")
        outputs, inputs = weights.shape
        if self.order is not None:
            if self.order.size != inputs:
                found = f"weights for {inputs} inputs of {self.order.size} values"
                raise Unfoldable(found, "as many as there are")
            here, weights = weights, np.empty_like(weights)
            weights[:, self.order.ravel()] = here
        try:
            scale, offset = (np.broadcast_to(one, inputs) for one in self._waiting)
            bias = np.broadcast_to(bias.reshape(-1), outputs) + weights @ offset
        except ValueError:
            raise Unfoldable("shapes that do not fit", "those of the values") from None
        self._append(FloatLayer(weights=weights * scale, bias=bias, name=self._name))

    def _convolution(self, step: Convolved) -> None:
        shape, kernel = self._map, step.weights.shape[2:]
        if len(kernel) != len(shape) - 1:
            found = f"weights of {step.weights.ndim} dimensions over a map of {list(shape)}"
            raise Unfoldable(found, "a convolution of as many")
        pads = _pads(step.padding, shape[1:], kernel, step.stride)
        slide = _slide(shape, _window(kernel, step.stride, pads), step.groups)
        rows = step.weights.reshape(len(step.weights), -1)
        layer = FloatLayer(weights=rows, bias=step.bias, name=self._name, slide=slide)
        scale, offset = (layer.spread(self._by_channel(one, shape[0])) for one in self._waiting)
        if any(slide.window.padding) and offset.any():
            raise Unfoldable("an offset before a convolution that pads", "no padding there")
        bias = layer.bias + (layer.weights * offset).sum(axis=1)
        self._append(replace(layer, weights=layer.weights * scale, bias=bias))

    @property
    def _name(self) -> str:
        return f"layer{len(self.layers)}"

    def _append(self, layer: FloatLayer) -> None:
        self.layers.append(layer)
        self._waiting, self._closed = _NOTHING, False
        if self.order is not None or layer.slide is not None:
            self._arrange(layer.shape)

    def _pool(self, step: Pooled) -> None:
        if not self.layers:
            raise Unfoldable("a pool before the first layer", "a convolution or dense layer first")
        shape = self._map
        kernel = step.kernel or shape[1:]
        stride = step.stride or kernel
        pads = _pads(step.padding or ((0, 0),) * len(kernel), shape[1:], kernel, stride)
        if step.kind == "average" and any(map(any, pads)):
            raise Unfoldable("a mean of windows that are padded", "no padding there")
        scale = self._by_channel(self._waiting[0], shape[0])
        if step.kind == "max" and (scale < 0).any():
            raise Unfoldable("a maximum of what a negative scale turned around", "positive scales")
        slide = _slide(shape, _window(kernel, stride, pads), 1)
        pool = FloatPool(kind=step.kind, slide=slide)
        offset = self._by_channel(self._waiting[1], shape[0])
        self._waiting = tuple(  # type: ignore[assignment]
            one if one.size == 1 else np.repeat(one, slide.count) for one in (scale, offset)
        )
        self.layers[-1] = replace(self.layers[-1], pools=(*self.layers[-1].pools, pool))
        self._arrange(pool.shape)

    # between them

    def _affine(self, step: Affine) -> None:
        scale, offset = np.ravel(step.scale), np.ravel(step.offset)
        last = self.layers[-1] if self.layers else None
        open_ = last is not None and not self._closed
        turned = (scale <= 0).any() and any(
            one.kind == "max" for one in (last.pools if last else ())
        )
        try:
            if open_ and last is not None and not turned:
                scale, offset = (self._by_channel(one, last.outputs) for one in (scale, offset))
                weights = last.weights * np.broadcast_to(scale, last.outputs)[:, None]
                self.layers[-1] = replace(last, weights=weights, bias=last.bias * scale + offset)
                return
            if self.order is not None:
                scale, offset = (self._by_value(one) for one in (scale, offset))
            before = self._waiting
            self._waiting = (before[0] * scale, before[1] * scale + offset)
            self._closed = True
        except ValueError:
            raise Unfoldable("shapes that do not fit", "those of the values") from None

    def _activation(self, step: Activated) -> None:
        if self._closed or not self.layers or self._waits:
            raise Unfoldable(f"{step.kind} without a dense layer before it", "one")
        if step.kind == "softmax":
            raise Unfoldable("softmax between layers", "it may only be the last")
        last = self.layers[-1]
        if any(pool.kind == "average" for pool in last.pools):
            raise Unfoldable(f"{step.kind} behind a mean", "an activation before it")
        keys: dict[str, Any] = {"activation": step.kind, "negative_shift": step.negative_shift}
        self.layers[-1], self._closed = replace(last, **keys), True

    def _shaped(self, step: Shaped) -> None:
        if self.order is None:
            if len(step.sizes) > 1 and not self.layers:
                first = (step.sizes[-1], *step.sizes[:-1]) if step.last else step.sizes
                self._arrange(first) if min(first) > 0 else None
            return
        order = self.order[0]
        try:
            if step.last:
                here = np.moveaxis(order, 0, -1).reshape(step.sizes)
                self.order = np.moveaxis(here, -1, 0)[None]
            else:
                self.order = order.reshape(step.sizes)[None]
        except ValueError:
            found = f"{order.size} values in the shape {list(step.sizes)}"
            raise Unfoldable(found, "as many values") from None

    def _by_value(self, values: Floats) -> Floats:
        """For each value of the map before, as it is counted, what is given by channel or value."""
        order = self.order
        if values.size == 1 or order is None:
            return values
        if values.size == order.shape[1] and order.ndim > 2:
            values = np.repeat(values, order.size // order.shape[1])
        found = np.empty(order.size)
        found[order.ravel()] = values
        return found

    def _by_channel(self, values: Floats, channels: int) -> Floats:
        """One for each channel, of what may be given for each value."""
        if values.size == 1:
            return np.full(channels, values.reshape(-1)[0])
        if values.size == channels:
            return values
        if self.order is not None and values.size == self.order.size:
            rows = self._by_value(values).reshape(channels, -1)
            if (rows == rows[:, :1]).all():
                return np.asarray(rows[:, 0])
        raise Unfoldable("shapes that do not fit", "a scale and offset for each channel")


def _slide(shape: tuple[int, ...], window: Window, groups: int) -> Slide:
    try:
        return Slide(shape=shape, window=window, groups=groups)
    except HwgenError as error:
        raise Unfoldable(error.found, error.allowed) from None


def _window(kernel: tuple[int, ...], stride: tuple[int, ...], pads: Pads) -> Window:
    """The window, of height 1 over a signal."""
    (high, wide), (down, right) = (1, *kernel)[-2:], (1, *stride)[-2:]
    (top, bottom), (left, behind) = ((0, 0), *pads)[-2:]
    return Window(kernel=(high, wide), stride=(down, right), padding=(top, left, bottom, behind))


def _pads(
    given: Pads | Literal["same"],
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
) -> Pads:
    if given != "same":
        return given
    most = [
        max((-(-size // step) - 1) * step + window - size, 0)
        for size, step, window in zip(sizes, stride, kernel, strict=True)
    ]
    return tuple((one // 2, one - one // 2) for one in most)
