"""The figures of a network: layers, formats, accumulator widths, parameters, weight bits."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwgen.flows.results import html_line, html_table
from hwgen.rtl.digits import digit_counts
from hwgen.spec.formats import common
from hwgen.spec.layer import Layer
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted

LAYER_HEADER = (
    *("layer", "shape", "weights", "zeros", "digits", "accumulator", "activation", "output"),
)


@dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """One layer.

    Attributes
    ----------
    weights, zero_weights
        How many weights, and how many of them are zero.
    input_shape, output_shape
        Channels and sizes of maps, or how many values there are.
    products
        Multiplications for one input.
    signed_digits
        Nonzero digits of all weights in canonical signed digit form: about what a hard-wired
        layer pays for.
    accumulator_bits, accumulator_bits_given
        Width that sums are kept in, and the one that the file asks for.
    accumulator_interval
        Least and greatest sum of any neuron.
    """

    kind: str
    name: str
    inputs: int
    outputs: int
    input_shape: list[int]
    output_shape: list[int]
    products: int
    weights: int
    weight_bits: int | None
    codebook_bits: int | None
    weight_format: str
    zero_weights: int
    signed_digits: int
    accumulator_bits: int
    accumulator_bits_given: int | None
    accumulator_overflow: str
    accumulator_interval: list[int]
    activation: str
    output: dict[str, Any] | None
    output_format: str | None

    def cells(self) -> list[object]:
        """A row below :data:`LAYER_HEADER`."""
        return [
            self.name,
            f"{_by(self.input_shape)}-{_by(self.output_shape)}",
            self.weight_format,
            f"{self.zero_weights / self.weights:.0%}" if self.weights else "",
            self.signed_digits if self.weights else "",
            f"{self.accumulator_bits} bits",
            self.activation,
            self.output_format or "raw",
        ]


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """A whole network; ``weight_memory_bits`` is what its weight codes take."""

    name: str
    sha256: str
    input: dict[str, Any]
    output: str
    labels: list[str] | None
    parameters: int
    weights: int
    weight_memory_bits: int
    layers: list[LayerInfo]
    input_format: str

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen info --json`` prints."""
        found = asdict(self)
        del found["input_format"]
        return found

    def summary(self) -> list[str]:
        """What is to be said of it besides its layers, in two lines."""
        return [
            f"{self.name}: {self.parameters:,} parameters, "
            f"{self.weight_memory_bits:,} weight bits, output {self.output}",
            f"input: {self.input['features']} features of {self.input_format}",
        ]

    def _repr_html_(self) -> str:
        lines = "".join(map(html_line, self.summary()))
        return lines + html_table("layers", LAYER_HEADER, (one.cells() for one in self.layers))


def describe_network(network: Network) -> NetworkInfo:
    """The figures of ``network``."""
    return NetworkInfo(
        name=network.name,
        sha256=network.sha256(),
        input=network.input.model_dump(),
        output=network.output,
        labels=network.labels,
        parameters=network.parameter_count,
        weights=network.weight_count,
        weight_memory_bits=sum(layer.weight_memory_bits for layer in network.layers),
        layers=[_layer(network, index) for index in range(len(network.layers))],
        input_format=str(network.input.format),
    )


def _layer(network: Network, index: int) -> LayerInfo:
    layer = network.layers[index]
    intervals = network.accumulator_intervals(index)
    shape, formats = network.source(index).shape, layer.output_formats()
    weighted = layer if isinstance(layer, Weighted) else None
    values = np.zeros(0, int) if weighted is None else weighted.weight_values
    return LayerInfo(
        kind=layer.kind,
        name=layer.name,
        inputs=layer.inputs,
        outputs=layer.outputs,
        input_shape=list(shape or [layer.inputs]),
        output_shape=list(layer.output_shape or [layer.outputs]),
        products=0 if weighted is None else layer.outputs * layer.fan_in,
        weights=layer.weight_count,
        weight_bits=None if weighted is None else weighted.weight_bits,
        codebook_bits=None if weighted is None else weighted.codebook_bits,
        weight_format=_weight_format(layer),
        zero_weights=int(np.count_nonzero(values == 0)),
        signed_digits=int(digit_counts(values).sum()),
        accumulator_bits=network.accumulator_width(index),
        accumulator_bits_given=layer.accumulator_bits,
        accumulator_overflow="error" if layer.wrap_bits is None else "wrap",
        accumulator_interval=[
            min(low for low, _ in intervals),
            max(high for _, high in intervals),
        ],
        activation=layer.activation,
        output=None if layer.output is None else layer.output.model_dump(),
        output_format=None if formats is None else str(common(formats)),
    )


def _weight_format(layer: Layer) -> str:
    if not isinstance(layer, Weighted):
        return layer.kind
    book = "" if layer.codebook is None else f" of {layer.codebook_bits}-bit values"
    return f"{layer.weight_bits} bits{book}"


def _by(shape: list[int]) -> str:
    return "x".join(map(str, shape))
