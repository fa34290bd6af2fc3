"""Widths of a layer's sums and results, as the area estimates of architectures need them."""

from collections.abc import Sequence

from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import DenseLayer, InputFormat, Network


def accumulator_widths(layer: DenseLayer, source: Format) -> list[int]:
    """Width of each accumulator of ``layer``, which reads inputs of the format ``source``."""
    ends = layer.accumulator_intervals([(source.minimum, source.maximum)] * layer.fan_in)
    return [signed_width(low, high) for low, high in ends]


def handed_on(layer: DenseLayer, source: Format) -> Format:
    """The format that the next layer reads."""
    return source if layer.output is None else layer.output.format


def network_of(layers: Sequence[DenseLayer], source: Format) -> Network:
    """A network of checked layers, the first of which reads inputs of the format ``source``."""
    numbers = InputFormat.model_construct(
        features=layers[0].fan_in,
        bits=source.bits,
        signed=source.signed,
        fraction_bits=source.fraction_bits,
    )
    return Network.model_construct(
        name="estimate", input=numbers, layers=list(layers), output="values", labels=None
    )
