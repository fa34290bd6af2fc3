"""Windows on maps whose values have formats of their own: lanes of channels, rows of places."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.frontends.keras.file import Array
from hwgen.frontends.keras.fixedpoint import Quantizer
from hwgen.frontends.keras.formats import Code, Lane
from hwgen.frontends.keras.sums import Sum, Window


def channels_of(lanes: list[Lane], order: Array, padded: bool) -> list[Lane] | None:
    """One lane for each channel of a map, as of all its places; None where they differ.

    Where the map is ``padded``, 0 is among its values.
    """
    if order.ndim < 2:
        return None
    first = np.moveaxis(order, -1, 0)
    if (first.ravel() != np.arange(first.size)).any():
        return None
    count, found = len(lanes) // len(first), []
    for channel in range(len(first)):
        own = lanes[channel * count : (channel + 1) * count]
        if any(lane != own[0] for lane in own) or (padded and own[0].offset):
            return None
        low, high = min(own[0].low, 0), max(own[0].high, 0)
        found.append(replace(own[0], low=low, high=high) if padded else own[0])
    return found


def in_lanes(by: Quantizer, order: Array) -> Quantizer:
    """``by`` with an element for each lane."""
    own, place = by.spread(order.shape), np.argsort(order.ravel())
    low, high, fraction = (one.ravel()[place] for one in (own.low, own.high, own.fraction))
    return replace(by, low=low, high=high, fraction=fraction)


def unrolled(step: Window, order: Array) -> tuple[list[list[Code]], list[Fraction], Array]:
    """A row of weights for each place of each output channel, its bias, and their order."""
    if step.weights is None:
        raise TypeError("a window that is a sum is needed")
    image = order.shape[:-1]
    lanes = np.moveaxis(order, -1, 0).reshape(order.shape[-1], -1)
    seen = step.seen(image)
    count = seen.shape[1]
    rows: list[list[Code]] = []
    for codes in step.weights:
        for positions in seen.tolist():
            row = [Code(0, 0)] * order.size
            for index, code in enumerate(codes):
                position = positions[index % count]
                if position >= 0 and code.value:
                    row[int(lanes[index // count, position])] = code
            rows.append(row)
    bias = [one for one in step.bias for _ in range(len(seen))]
    numbers = np.arange(len(rows)).reshape(len(step.weights), *step.places(image))
    return rows, bias, np.moveaxis(numbers, 0, -1)


def placed(total: Sum, order: Array) -> Sum:
    """``total`` with its sums in another order."""

    def moved(values: list[Any]) -> list[Any]:
        return [values[lane] for lane in order]

    return replace(
        total,
        rows=moved(total.rows),
        weight_fractions=moved(total.weight_fractions),
        fractions=moved(total.fractions),
        bias=moved(total.bias),
        low=moved(total.low),
        high=moved(total.high),
        order=np.arange(len(total.rows)),
    )


def largest(step: Window) -> dict[str, Any]:
    """A ``max_pool``."""
    plane = len(step.kernel) == 2
    return {
        "kind": "max_pool",
        "name": step.name,
        "kernel": list(step.kernel) if plane else step.kernel[0],
        "stride": list(step.stride) if plane else step.stride[0],
        "padding": list(step.padding),
    }


def slid(total: Sum) -> dict[str, Any]:
    """What makes a convolution of a layer."""
    window = total.window
    if window is None:
        return {}
    plane, count = len(window.kernel) == 2, int(np.prod(window.kernel))
    codes = np.array(total.rows, object).reshape(len(total.rows), -1, count)
    own = codes.shape[1] // window.groups
    first = [j * window.groups // len(codes) * own for j in range(len(codes))]
    grouped = [rows[start : start + own] for rows, start in zip(codes, first, strict=True)]
    nested = np.array(grouped, object).reshape(len(codes), own, *window.kernel)
    return {
        "kind": "conv2d" if plane else "conv1d",
        "weights": nested.tolist(),
        "stride": list(window.stride) if plane else window.stride[0],
        "padding": list(window.padding),
        "groups": window.groups,
    }


def of_channels(by: Quantizer, order: Array, channels: int) -> Quantizer | None:
    """``by`` with an element for each channel of a map; None where its places differ."""
    own, place = by.spread(order.shape), np.argsort(order.ravel())
    parts = [one.ravel()[place].reshape(channels, -1) for one in (own.low, own.high, own.fraction)]
    if any((one != one[:, :1]).any() for one in parts):
        return None
    low, high, fraction = (one[:, 0] for one in parts)
    return replace(by, low=low, high=high, fraction=fraction)
