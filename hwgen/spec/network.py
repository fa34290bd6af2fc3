"""The network file (docs/network-file.md): one validated model to read and to write.

:func:`load_network` and :func:`save_network` are the way in and out; :class:`Network` can also be
built in Python, and is validated just the same.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from hwgen.spec.arithmetic import (
    Integers,
    Interval,
    Overflow,
    Rounding,
    Table,
    TableFunction,
    table,
)
from hwgen.spec.formats import Format, signed_width
from hwgen.support import jsontext
from hwgen.support.errors import HwgenError, printable
from hwgen.support.files import open_plain, write_atomic
from hwgen.support.messages import refusal, shown

MAX_WEIGHTS = 100_000
"""Default limit on the weights of a network; the command line's ``--max-weights`` moves it."""

_MAX_FILE_BYTES = 1 << 29
_CHUNK_BYTES = 1 << 20
_UM2_PER_WEIGHT = (15, 300)  # in a ROM, with a shared multiplier; hard-wired

_WIDTHS = (*range(1, 17), 32)


def _one_of_the_widths(bits: int) -> int:
    if bits not in _WIDTHS:
        raise ValueError
    return bits


def _plain_integer(value: object) -> object:
    if type(value) is not int:  # a literal would admit true and 1.0
        raise ValueError
    return value


def _unicode(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("Unicode without lone surrogates")
    return text


T = TypeVar("T")
Text = Annotated[str, AfterValidator(_unicode)]
Bits = Annotated[
    int, AfterValidator(_one_of_the_widths), Field(json_schema_extra={"enum": list(_WIDTHS)})
]
FractionBits = Annotated[int, Field(ge=-64, le=64)]
Bias = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]
Values = Annotated[list[T], Field(fail_fast=True)]
Filled = Annotated[list[T], Field(fail_fast=True, min_length=1)]
Activation = Literal["none", "relu", "leaky_relu", "hard_tanh", "sigmoid", "tanh"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InputFormat(_Model):
    """The network's input: ``features`` integers of one format."""

    features: Annotated[int, Field(ge=1)]
    bits: Bits
    signed: bool
    fraction_bits: FractionBits

    @property
    def format(self) -> Format:
        """The number format of one feature."""
        return Format(bits=self.bits, signed=self.signed, fraction_bits=self.fraction_bits)


class OutputFormat(_Model):
    """What a layer rescales its accumulators to."""

    bits: Bits
    signed: bool
    fraction_bits: FractionBits
    rounding: Rounding
    overflow: Overflow

    @property
    def format(self) -> Format:
        """The number format of one output."""
        return Format(bits=self.bits, signed=self.signed, fraction_bits=self.fraction_bits)


class DenseLayer(_Model):
    """A fully connected layer: ``acc = bias + weights @ x``, an activation, a rescale.

    ``weights`` holds one row of integer codes per output. Without a codebook a code is the weight;
    with one, the code read as unsigned indexes it.
    """

    kind: Literal["dense"]
    name: Text
    weights: Filled[Filled[int]]
    weight_bits: Bits
    weight_fraction_bits: FractionBits | Values[FractionBits]
    codebook: Values[int] | None = None
    codebook_bits: Bits | None = None
    bias: Values[Bias]
    activation: Activation = "none"
    negative_shift: Annotated[int, Field(ge=0, le=64)] | None = None
    output: OutputFormat | None
    accumulator_bits: Annotated[int, Field(ge=1, le=128)] | None = None
    accumulator_overflow: Literal["error", "wrap"] = "error"

    @property
    def fan_in(self) -> int:
        """Inputs of the layer."""
        return len(self.weights[0])

    @property
    def outputs(self) -> int:
        """Neurons of the layer."""
        return len(self.weights)

    @cached_property
    def codes(self) -> Integers:
        """Weight codes, int64 [outputs, inputs]; unsigned indices where there is a codebook."""
        codes = np.array(self.weights, dtype=np.int64)
        return codes if self.codebook is None else codes & ((1 << self.weight_bits) - 1)

    @cached_property
    def weight_values(self) -> Integers:
        """Integer weights, int64 [outputs, inputs], decoded through any codebook."""
        if self.codebook is None:
            return self.codes
        return np.array(self.codebook, dtype=np.int64)[self.codes]

    @property
    def weight_value_bits(self) -> int:
        """Width of a weight as it is multiplied."""
        return self.weight_bits if self.codebook_bits is None else self.codebook_bits

    @property
    def table(self) -> Table:
        """The table of a sigmoid or tanh layer."""
        if self.output is None:  # refused when the network is read
            raise HwgenError(f"layer {self.name!r}", "no output format", "a table needs one")
        function: TableFunction = "tanh" if self.activation == "tanh" else "sigmoid"
        return table(function, self.output.format)

    def accumulator_fraction(self, input_fraction: int) -> list[int]:
        """Fraction bits of every neuron's accumulator."""
        own = self.weight_fraction_bits
        per_output = own if isinstance(own, list) else [own] * self.outputs
        return [fraction + input_fraction for fraction in per_output]

    def accumulator_intervals(self, ranges: list[Interval]) -> list[Interval]:
        """Exact [lo, hi] of every neuron's accumulator before any wrapping.

        ``hi = b + x_max * sum(w+) + x_min * sum(w-)``, and ``lo`` likewise, with the interval
        (x_min, x_max) of each input in ``ranges``.
        """
        low, high = np.array(ranges, dtype=object).T
        size = max(max(map(abs, ends)) for ends in ranges)
        weights = self.weight_values
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


class Network(_Model):
    """A quantized feed-forward network, the content of a network file."""

    format: Literal["hwgen-network"]
    version: Annotated[Literal[1], BeforeValidator(_plain_integer)]
    name: Text
    input: InputFormat
    layers: Filled[DenseLayer]
    output: Literal["values", "argmax"]
    labels: Values[Text] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Network":
        for index in range(len(self.layers)):
            _check_layer(self, index)
        outputs = self.layers[-1].outputs
        if self.labels is not None and len(self.labels) != outputs:
            raise HwgenError(
                "labels", f"{len(self.labels)} labels", f"one for each of the {outputs} outputs"
            )
        return self

    def input_format(self, index: int) -> Format:
        """Number format of the values that layer ``index`` reads."""
        if index == 0:
            return self.input.format
        source = self.layers[index - 1].output
        if source is None:  # _check_layer admits it on the last layer alone
            raise HwgenError(f"layers[{index - 1}].output", "null", "an output format is needed")
        return source.format

    def accumulator_intervals(self, index: int) -> list[Interval]:
        """Exact [lo, hi] of every neuron's accumulator, inputs ranging over their whole format."""
        layer, x = self.layers[index], self.input_format(index)
        return layer.accumulator_intervals([(x.minimum, x.maximum)] * layer.fan_in)

    def accumulator_width(self, index: int) -> int:
        """Signed width that layer ``index`` accumulates in.

        The given width where accumulators wrap, else the exact width of the widest neuron.
        """
        layer = self.layers[index]
        if layer.accumulator_overflow == "wrap" and layer.accumulator_bits is not None:
            return layer.accumulator_bits
        return max(signed_width(lo, hi) for lo, hi in self.accumulator_intervals(index))

    def output_range(self) -> Format:
        """Format of one of the network's raw outputs: the last output format or accumulator.

        For raw accumulators the fraction bits are those of output 0.
        """
        last = len(self.layers) - 1
        if self.layers[last].output is not None:
            return self.layers[last].output.format  # type: ignore[union-attr]
        fraction = self.layers[last].accumulator_fraction(self.input_format(last).fraction_bits)
        return Format(bits=self.accumulator_width(last), signed=True, fraction_bits=fraction[0])

    @property
    def weight_count(self) -> int:
        """Weights of all layers."""
        return sum(layer.codes.size for layer in self.layers)

    @property
    def parameter_count(self) -> int:
        """Weights and biases of all layers."""
        return self.weight_count + sum(layer.outputs for layer in self.layers)

    def to_json(self) -> str:
        """The file's text: indented, one row of weights to a line."""
        return jsontext.pretty(self.model_dump(mode="json")) + "\n"

    def sha256(self) -> str:
        """Hash of the content (canonical JSON, so that layout does not matter)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def json_schema() -> str:
    """The JSON Schema of the network file, as published in docs/network.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Network.model_json_schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def load_network(path: Path, max_weights: int = MAX_WEIGHTS) -> Network:
    """Read and validate a network file.

    Raises
    ------
    HwgenError
        Naming the file, the path inside it, what was found and what is allowed.
    """
    content = jsontext.parse(_read_bytes(Path(path), max_weights), str(path))
    try:
        _check_size(content, max_weights)
        return Network.model_validate(content)
    except ValidationError as error:
        raise refusal(error, Network.model_json_schema(), f"{path}: ") from None
    except HwgenError as error:
        raise HwgenError(f"{path}: {error.where}", error.found, error.allowed) from None


def save_network(network: Network, path: Path) -> None:
    """Write a network file, whole or not at all."""
    write_atomic(Path(path), network.to_json())


def parse_network(content: dict[str, Any]) -> Network:
    """A :class:`Network` from plain Python data, refused like a file but for the file's name."""
    try:
        return Network.model_validate(content)
    except ValidationError as error:
        raise refusal(error, Network.model_json_schema()) from None


def _read_bytes(path: Path, max_weights: int) -> bytes:
    """The file's content, unless its commas tell that far too many numbers are in it."""
    most = 1_000_000 + 8 * max_weights
    commas = size = 0
    chunks: list[bytes] = []
    with open_plain(path, "a network file is needed", _MAX_FILE_BYTES) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            commas, size = commas + chunk.count(b","), size + len(chunk)
            if size > _MAX_FILE_BYTES:
                raise HwgenError(str(path), "too long", f"at most {_MAX_FILE_BYTES:,} bytes")
            if commas <= most:
                chunks.append(chunk)
    if commas > most:
        raise HwgenError(f"{path}: layers", *_too_many(commas, max_weights))
    return b"".join(chunks)


def _check_size(content: Any, max_weights: int) -> None:
    """Refuse a network that is far too large before anything is built from it."""
    layers = content.get("layers") if isinstance(content, dict) else None
    rows = [
        row
        for layer in (layers if isinstance(layers, list) else [])
        if isinstance(layer, dict) and isinstance(layer.get("weights"), list)
        for row in layer["weights"]
        if isinstance(row, list)
    ]
    weights = sum(map(len, rows))
    if weights > max_weights:
        raise HwgenError("layers", *_too_many(weights, max_weights))


def _too_many(weights: int, max_weights: int) -> tuple[str, str]:
    """What was found, with its estimated size, and what is allowed."""
    least, most = (weights * um2 / 1e6 for um2 in _UM2_PER_WEIGHT)
    return (
        f"{weights:,} weights, about {least:,.0f} mm2 in a ROM or {most:,.0f} mm2 hard-wired "
        "in a 130 nm process",
        f"at most {max_weights:,} are taken (--max-weights)",
    )


def _check_layer(network: Network, index: int) -> None:
    """Everything about one layer that the types alone do not say."""
    layer, where = network.layers[index], f"layers[{index}]"
    _check_bits(layer, where)
    _check_shape(network, index)
    _check_codes(layer, where)
    _check_output(network, index)
    _check_accumulators(network, index)


def _check_bits(layer: DenseLayer, where: str) -> None:
    if (layer.codebook is None) != (layer.codebook_bits is None):
        missing = "codebook" if layer.codebook is None else "codebook_bits"
        raise HwgenError(f"{where}.{missing}", "null", "codebook and codebook_bits go together")
    if layer.codebook is not None and layer.weight_bits > 8:
        raise HwgenError(
            f"{where}.weight_bits",
            f"{layer.weight_bits} with a codebook",
            "at most 8 with a codebook",
        )


def _check_shape(network: Network, index: int) -> None:
    layer, where = network.layers[index], f"layers[{index}]"
    fan_in = network.input.features if index == 0 else network.layers[index - 1].outputs
    source = "input.features" if index == 0 else f"the outputs of layers[{index - 1}]"
    for row, codes in enumerate(layer.weights):
        if len(codes) != fan_in:
            raise HwgenError(
                f"{where}.weights[{row}]", f"{len(codes)} codes", f"{shown(fan_in)} as {source} say"
            )
    if len(layer.bias) != layer.outputs:
        raise HwgenError(
            f"{where}.bias",
            f"{len(layer.bias)} values",
            f"{layer.outputs}, one for each row of weights",
        )
    fractions = layer.weight_fraction_bits
    if isinstance(fractions, list) and len(fractions) != layer.outputs:
        raise HwgenError(
            f"{where}.weight_fraction_bits",
            f"{len(fractions)} values",
            f"one integer, or {layer.outputs}, one for each row of weights",
        )


def _check_codes(layer: DenseLayer, where: str) -> None:
    low, high = -(1 << (layer.weight_bits - 1)), (1 << (layer.weight_bits - 1)) - 1
    if layer.codebook is not None and layer.codebook_bits is not None:
        high = (1 << layer.weight_bits) - 1
        if len(layer.codebook) != high + 1:
            raise HwgenError(
                f"{where}.codebook",
                f"{len(layer.codebook)} values",
                f"{high + 1} for weight_bits {layer.weight_bits}",
            )
        values = Format(bits=layer.codebook_bits, signed=True, fraction_bits=0)
        for position, value in enumerate(layer.codebook):
            if not values.minimum <= value <= values.maximum:
                raise HwgenError(
                    f"{where}.codebook[{position}]",
                    f"value {shown(value)}",
                    f"{values.minimum}..{values.maximum} for codebook_bits {layer.codebook_bits}",
                )
    for row, codes in enumerate(layer.weights):
        if min(codes) < low or max(codes) > high:
            column = next(i for i, code in enumerate(codes) if not low <= code <= high)
            raise HwgenError(
                f"{where}.weights[{row}][{column}]",
                f"code {shown(codes[column])}",
                f"{low}..{high} for weight_bits {layer.weight_bits}",
            )


def _check_output(network: Network, index: int) -> None:
    layer, where = network.layers[index], f"layers[{index}]"
    if layer.output is None and index != len(network.layers) - 1:
        raise HwgenError(f"{where}.output", "null", "only the last layer hands on raw accumulators")
    if (layer.negative_shift is not None) != (layer.activation == "leaky_relu"):
        raise HwgenError(
            f"{where}.negative_shift",
            f"{layer.negative_shift} with activation {layer.activation!r}".replace(
                "None", "missing"
            ),
            "leaky_relu has one, others have none",
        )
    if layer.activation in ("sigmoid", "tanh"):
        if layer.output is None:
            raise HwgenError(
                f"{where}.output",
                f"null with activation {layer.activation!r}",
                "a format is needed",
            )
        if not 0 <= layer.output.fraction_bits <= 16:
            raise HwgenError(
                f"{where}.output.fraction_bits",
                f"{layer.output.fraction_bits} with activation {layer.activation!r}",
                "0..16 are allowed with a table",
            )


def _check_accumulators(network: Network, index: int) -> None:
    layer, where = network.layers[index], f"layers[{index}]"
    given = layer.accumulator_bits
    if given is None:
        if layer.accumulator_overflow == "wrap":
            raise HwgenError(
                f"{where}.accumulator_bits", "null with wrap", "a width is needed to wrap at"
            )
        return
    for neuron, bias in enumerate(layer.bias):
        if signed_width(bias, bias) > given:
            raise HwgenError(
                f"{where}.bias[{neuron}]",
                f"value {bias} needs {signed_width(bias, bias)} bits",
                f"the accumulator has {given}",
            )
    if layer.accumulator_overflow == "wrap":
        return
    for neuron, (lo, hi) in enumerate(network.accumulator_intervals(index)):
        if signed_width(lo, hi) > given:
            name = printable(layer.name, 40)
            raise HwgenError(
                f"{where}.accumulator_bits",
                f"{given}, but neuron {neuron} of layer {name!r} spans [{lo}, {hi}]",
                f'{signed_width(lo, hi)} bits are needed (or "accumulator_overflow": "wrap")',
            )
