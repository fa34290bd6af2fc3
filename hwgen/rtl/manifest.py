"""Everything that others need to know of a generated design."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hwgen import __version__
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import from_json
from hwgen.rtl.interface import Layout, Port
from hwgen.spec.formats import index_width
from hwgen.spec.network import Network


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that others need to know of a generated design.

    Parameters
    ----------
    latency_cycles, interval_cycles
        As of :class:`hwgen.rtl.top.Top`.
    accumulator_bits
        Width of the widest accumulator of each layer.
    hwgen_version
        What wrote the design.
    formats
        As of :func:`formats_of`.

    Its JSON has besides, for those who connect it, ``clock`` (the port, or null; rising edges
    count), ``reset`` (the port and its ``active`` level, or null; it is synchronous inside) and
    under ``input`` and ``output`` how elements stand in beats, in words (``packing``).
    """

    top: str
    verilog: str
    arch: Architecture
    latency_cycles: int
    interval_cycles: int
    ports: list[Port]
    input: Layout
    output: Layout
    accumulator_bits: list[int]
    network_sha256: str
    layer_modules: list[str] = field(default_factory=list)
    hwgen_version: str = __version__
    formats: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain data."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        plain = {"ports": [asdict(port) for port in self.ports], "arch": self.arch.to_json()}
        told = {"input": _layout_json(self.input), "output": _layout_json(self.output)}
        return {**own, **plain, **told, **_control(self.ports)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Manifest":
        """The manifest of which ``content`` is the JSON."""
        parts = {
            "arch": from_json(content["arch"]),
            "ports": [Port(**port) for port in content["ports"]],
            "input": _layout(content["input"]),
            "output": _layout(content["output"]),
        }
        known = {one.name for one in fields(cls)}
        return cls(**{key: content[key] for key in content.keys() & known} | parts)

    def to_text(self) -> str:
        """The manifest as the JSON text of its file."""
        return json.dumps(self.to_json(), indent=2) + "\n"

    def moved_to(self, directory: Path) -> "Manifest":
        """The same design with its Verilog in ``directory``."""
        return replace(self, verilog=str(directory / Path(self.verilog).name))


def _control(ports: list[Port]) -> dict[str, Any]:
    """Which ports are clock and reset."""
    names = {port.name for port in ports}
    level = {"rst": 1, "rst_n": 0}
    resets = [{"port": name, "active": level[name]} for name in level if name in names]
    return {"clock": "clk" if "clk" in names else None, "reset": resets[0] if resets else None}


def _layout_json(layout: Layout) -> dict[str, Any]:
    return {**asdict(layout), "packing": str(layout)}


def _layout(content: Mapping[str, Any]) -> Layout:
    return Layout(**{key: content[key] for key in content.keys() - {"packing"}})


def formats_of(network: Network) -> dict[str, Any]:
    """What the integers at a design's ports stand for.

    ``input`` and ``output`` have ``bits``, ``signed`` and ``fraction_bits``; a real value is
    ``(code - zero_point) * step``, and a code of the input is ``value / step``, rounded as
    ``rounding`` says, plus ``zero_point``, kept within ``minimum`` and ``maximum``.
    ``output.meaning`` is ``index``, of the largest output and of ``labels`` if it has any, or
    ``values``; their ``step`` is one number, a list with one for each output, or null where the
    network does not say it.
    """
    source, result = network.input, network.output_range()
    step = 2.0**-source.fraction_bits if source.scale is None else source.scale
    taken = {
        **asdict(source.format),
        "zero_point": source.zero_point,
        "step": step,
        "rounding": "half_even",
        "minimum": source.format.minimum,
        "maximum": source.format.maximum,
    }
    if network.output == "argmax":
        bits = index_width(network.layers[-1].outputs)
        handed = {"meaning": "index", "bits": bits, "signed": False, "fraction_bits": 0}
    else:
        handed = {"meaning": "values", **asdict(result), "step": _steps(network)}
    return {"input": taken, "output": handed, "labels": network.labels}


def _steps(network: Network) -> float | list[float] | None:
    """What a step of each of the last layer's outputs is worth."""
    last = network.layers[-1]
    if last.output is not None:
        given = last.output.scale
        if isinstance(given, list):
            return [one for one in given for _ in range(last.outputs // last.output_channels)]
        return 2.0**-last.output.format.fraction_bits if given is None else given
    if network.input.scale is not None:  # fractions are then not those of real values
        return None
    source = network.input_format(len(network.layers) - 1)
    steps = [2.0**-bits for bits in last.accumulator_fraction(source.fraction_bits)]
    return steps[0] if len(set(steps)) == 1 else steps
