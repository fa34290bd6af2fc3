"""The figures of a network: layers, formats, accumulator widths, parameters, weight bits."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwgen.flows.results import html_line, html_table
from hwgen.rtl.digits import digit_counts
from hwgen.spec.network import Network

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
    signed_digits
        Nonzero digits of all weights in canonical signed digit form: about what a hard-wired
        layer pays for.
    accumulator_bits, accumulator_bits_given
        Width that sums are kept in, and the one that the file asks for.
    accumulator_interval
        Least and greatest sum of any neuron.
    """

    name: str
    inputs: int
    outputs: int
    weights: int
    weight_bits: int
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
            f"{self.inputs}-{self.outputs}",
            self.weight_format,
            f"{self.zero_weights / self.weights:.0%}",
            self.signed_digits,
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
        weight_memory_bits=sum(layer.codes.size * layer.weight_bits for layer in network.layers),
        layers=[_layer(network, index) for index in range(len(network.layers))],
        input_format=str(network.input.format),
    )


def _layer(network: Network, index: int) -> LayerInfo:
    layer = network.layers[index]
    intervals = network.accumulator_intervals(index)
    book = "" if layer.codebook is None else f" of {layer.codebook_bits}-bit values"
    return LayerInfo(
        name=layer.name,
        inputs=layer.fan_in,
        outputs=layer.outputs,
        weights=layer.codes.size,
        weight_bits=layer.weight_bits,
        codebook_bits=layer.codebook_bits,
        weight_format=f"{layer.weight_bits} bits{book}",
        zero_weights=int(np.count_nonzero(layer.weight_values == 0)),
        signed_digits=int(digit_counts(layer.weight_values).sum()),
        accumulator_bits=network.accumulator_width(index),
        accumulator_bits_given=layer.accumulator_bits,
        accumulator_overflow=layer.accumulator_overflow,
        accumulator_interval=[
            min(low for low, _ in intervals),
            max(high for _, high in intervals),
        ],
        activation=layer.activation,
        output=None if layer.output is None else layer.output.model_dump(),
        output_format=None if layer.output is None else str(layer.output.format),
    )
