"""Widths of a layer's sums and results, as the area estimates of architectures need them."""

from collections.abc import Sequence

from hwgen.spec.formats import Format, common, signed_width
from hwgen.spec.layer import Layer
from hwgen.spec.maps import Windowed
from hwgen.spec.network import AnyLayer, DenseLayer, InputFormat, Network


def dense(layers: Sequence[AnyLayer]) -> list[DenseLayer]:
    """``layers``, which are all dense: those of an architecture that takes no others."""
    return [layer for layer in layers if isinstance(layer, DenseLayer)]


def accumulator_widths(layer: Layer, source: Format) -> list[int]:
    """Width of each accumulator of ``layer``, which reads inputs of the format ``source``."""
    ends = layer.accumulator_intervals([(source.minimum, source.maximum)] * layer.inputs)
    return [signed_width(low, high) for low, high in ends]


def handed_on(layer: Layer, source: Format) -> Format:
    """The format that the next layer reads."""
    formats = layer.output_formats()
    return source if formats is None else common(formats)


def network_of(layers: Sequence[AnyLayer], source: Format) -> Network:
    """A network of checked layers, the first of which reads inputs of the format ``source``."""
    first = layers[0]
    numbers = InputFormat.model_construct(
        features=layers[0].inputs,
        bits=source.bits,
        signed=source.signed,
        fraction_bits=source.fraction_bits,
        shape=list(first.input_shape) if isinstance(first, Windowed) else None,
        zero_point=first.source.zero if isinstance(first, Windowed) else 0,
    )
    return Network.model_construct(
        name="estimate", input=numbers, layers=list(layers), output="values", labels=None
    )
