"""Widths of a layer's sums and results, as the area estimates of architectures need them."""

from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import DenseLayer


def accumulator_widths(layer: DenseLayer, source: Format) -> list[int]:
    """Width of each accumulator of ``layer``, which reads inputs of the format ``source``."""
    ends = layer.accumulator_intervals([(source.minimum, source.maximum)] * layer.fan_in)
    return [signed_width(low, high) for low, high in ends]


def handed_on(layer: DenseLayer, source: Format) -> Format:
    """The format that the next layer reads."""
    return source if layer.output is None else layer.output.format
