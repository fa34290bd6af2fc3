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
        return {**own, **plain, "input": asdict(self.input), "output": asdict(self.output)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Manifest":
        """The manifest of which ``content`` is the JSON."""
        parts = {
            "arch": from_json(content["arch"]),
            "ports": [Port(**port) for port in content["ports"]],
            "input": Layout(**content["input"]),
            "output": Layout(**content["output"]),
        }
        return cls(**{**content, **parts})

    def to_text(self) -> str:
        """The manifest as the JSON text of its file."""
        return json.dumps(self.to_json(), indent=2) + "\n"

    def moved_to(self, directory: Path) -> "Manifest":
        """The same design with its Verilog in ``directory``."""
        return replace(self, verilog=str(directory / Path(self.verilog).name))


def formats_of(network: Network) -> dict[str, Any]:
    """What the integers at a design's ports stand for.

    ``input`` and ``output`` have ``bits``, ``signed`` and ``fraction_bits``; a real value is
    ``(code - zero_point) * step``. ``output.meaning`` is ``index``, of the largest output and of
    ``labels`` where there are some, or ``values``.
    """
    source, result = network.input, network.output_range()
    step = 2.0**-source.fraction_bits if source.scale is None else source.scale
    taken = {**asdict(source.format), "zero_point": source.zero_point, "step": step}
    if network.output == "argmax":
        bits = index_width(network.layers[-1].outputs)
        handed = {"meaning": "index", "bits": bits, "signed": False, "fraction_bits": 0}
    else:
        handed = {"meaning": "values", **asdict(result)}
    return {"input": taken, "output": handed, "labels": network.labels}
