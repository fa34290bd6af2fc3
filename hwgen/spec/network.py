"""The network file (docs/network-file.md): one validated model to read and to write.

:func:`load_network` and :func:`save_network` are the way in and out; :class:`Network` can also be
built in Python, and is validated just the same.
"""

import hashlib
import json
import math
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from hwgen.spec.activations import activations
from hwgen.spec.arithmetic import Interval
from hwgen.spec.conv import Conv1d, Conv2d
from hwgen.spec.dense import DenseLayer
from hwgen.spec.formats import Format, common, signed_width
from hwgen.spec.layer import Source
from hwgen.spec.loading import check_size, read_content
from hwgen.spec.maps import MAX_VALUES
from hwgen.spec.models import Filled, InputFormat, Model, OutputFormat, Text, Values, Version
from hwgen.spec.pools import AveragePool, GlobalAveragePool, MaxPool
from hwgen.spec.rescale import Rescale
from hwgen.support import jsontext
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic
from hwgen.support.messages import refusal

__all__ = [
    "MAX_WEIGHTS",
    "AnyLayer",
    "DenseLayer",
    "InputFormat",
    "Network",
    "OutputFormat",
    "json_schema",
    "load_network",
    "parse_network",
    "save_network",
]

MAX_WEIGHTS = 100_000
"""Default limit on the weights of a network; ``max_weights`` moves it."""

AnyLayer = Annotated[
    DenseLayer | Conv1d | Conv2d | MaxPool | AveragePool | GlobalAveragePool,
    Field(discriminator="kind"),
]
"""A layer of one of the kinds there are."""


class Network(Model):
    """A quantized feed-forward network, the content of a network file.

    ``version`` is the oldest that has all that the network needs, whichever the file said.
    """

    format: Literal["hwgen-network"]
    version: Version
    name: Text
    input: InputFormat
    layers: Filled[AnyLayer]
    output: Literal["values", "argmax"]
    labels: Values[Text] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Network":
        newer = self._newer()
        if newer and self.version == 1:
            raise HwgenError(newer[0], "given in version 1", '"version": 2 has it')
        self.__dict__["version"] = 2 if newer else 1
        _check_shape(self.input)
        last = len(self.layers) - 1
        for index in range(last + 1):
            where, source = f"layers[{index}]", self.source(index)
            self.layers[index] = layer = self.layers[index].bound(where, source)
            layer.check(where, source, index == last)
        outputs = self.layers[-1].outputs
        if self.labels is not None and len(self.labels) != outputs:
            raise HwgenError(
                "labels", f"{len(self.labels)} labels", f"one for each of the {outputs} outputs"
            )
        return self

    def _newer(self) -> list[str]:
        """Places of the keys that need version 2."""
        parts: list[tuple[str, Model]] = [("input", self.input)]
        for index, layer in enumerate(self.layers):
            parts.append((f"layers[{index}]", layer))
            if layer.output is not None:
                parts.append((f"layers[{index}].output", layer.output))
        return [f"{where}.{key}" for where, part in parts for key in part.newer()]

    def source(self, index: int) -> Source:
        """What layer ``index`` reads."""
        if index == 0:
            shape = None if self.input.shape is None else tuple(self.input.shape)
            return Source(
                count=self.input.features,
                own=self.input.format,
                said_by="input.features" if shape is None else "input.shape",
                shape=shape,
                zero=self.input.zero_point,
            )
        before = self.layers[index - 1]
        found = before.output_formats()
        if found is None:  # refused when the network is read, but for the last layer
            raise HwgenError(f"layers[{index - 1}].output", "null", "an output format is needed")
        said_by = f"the outputs of layers[{index - 1}]"
        return Source(count=len(found), own=found, said_by=said_by, shape=before.output_shape)

    def dense(self, index: int) -> DenseLayer:
        """Layer ``index``, which must be dense.

        Raises
        ------
        HwgenError
            It is of another kind.
        """
        layer = self.layers[index]
        if not isinstance(layer, DenseLayer):
            where = f"layers[{index}].kind"
            raise HwgenError(where, f"found {layer.kind!r}", "dense layers alone are taken here")
        return layer

    def input_format(self, index: int) -> Format:
        """Number format of the values that layer ``index`` reads, brought to one fraction."""
        return common(self.source(index).formats)

    def accumulator_intervals(self, index: int) -> list[Interval]:
        """Exact [lo, hi] of every output's accumulator, inputs ranging over their whole format."""
        source = self.source(index)
        return self.layers[index].accumulator_intervals(source.ranges, source.alignment)

    def accumulator_width(self, index: int) -> int:
        """Signed width that layer ``index`` accumulates in.

        The given width where accumulators wrap, else the exact width of the widest neuron.
        """
        wrap_bits = self.layers[index].wrap_bits
        if wrap_bits is not None:
            return wrap_bits
        return max(signed_width(lo, hi) for lo, hi in self.accumulator_intervals(index))

    @cached_property
    def rescales(self) -> list[list[Rescale]]:
        """What stands behind the accumulators, by layer and output."""
        return [
            layer.rescales(self.source(index).fraction) for index, layer in enumerate(self.layers)
        ]

    @cached_property
    def widest(self) -> list[int]:
        """Bits of the widest number that each layer computes with."""
        return [layer.widest(self.source(index)) for index, layer in enumerate(self.layers)]

    def output_range(self) -> Format:
        """Format of one of the network's raw outputs: the last output format or accumulator.

        For raw accumulators the fraction bits are those of output 0.
        """
        last = len(self.layers) - 1
        formats = self.layers[last].output_formats()
        if formats is not None:
            return common(formats)
        fraction = self.layers[last].accumulator_fraction(self.input_format(last).fraction_bits)
        return Format(bits=self.accumulator_width(last), signed=True, fraction_bits=fraction[0])

    @property
    def weight_count(self) -> int:
        """Weights of all layers."""
        return sum(layer.weight_count for layer in self.layers)

    @property
    def parameter_count(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.parameter_count for layer in self.layers)

    def to_json(self) -> str:
        """The file's text: indented, one row of weights to a line."""
        return jsontext.pretty(self.model_dump(mode="json")) + "\n"

    def sha256(self) -> str:
        """Hash of the content (canonical JSON, so that layout does not matter)."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _schema() -> dict[str, Any]:
    return _schema_with(tuple(one.name for one in activations()))


@lru_cache(maxsize=1)
def _schema_with(names: tuple[str, ...]) -> dict[str, Any]:
    """The schema while there are activations of these ``names``: more may be registered."""
    return Network.model_json_schema()


def json_schema() -> str:
    """The JSON Schema of the network file, as published in docs/network.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def load_network(path: Path, max_weights: int = MAX_WEIGHTS) -> Network:
    """Read and validate a network file.

    Raises
    ------
    HwgenError
        Naming the file, the path inside it, what was found and what is allowed.
    """
    content = read_content(Path(path), max_weights)
    try:
        check_size(content, max_weights)
        return Network.model_validate(content)
    except ValidationError as error:
        raise refusal(error, _schema(), f"{path}: ") from None
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
        raise refusal(error, _schema()) from None


def _check_shape(given: InputFormat) -> None:
    """Refuse a shape that is not that of the features."""
    if given.shape is None:
        return
    if len(given.shape) not in (2, 3):
        raise HwgenError(
            "input.shape",
            f"{len(given.shape)} numbers",
            "[channels, length] or [channels, height, width]",
        )
    size = math.prod(given.shape)
    if size != given.features:
        raise HwgenError(
            "input.shape",
            f"{' x '.join(map(str, given.shape))} = {size}",
            f"{given.features} as input.features say",
        )
    if size > MAX_VALUES:
        raise HwgenError("input.shape", f"{size:,} values", f"at most {MAX_VALUES:,} are taken")
