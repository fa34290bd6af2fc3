"""Everything that others need to know of a generated design."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import from_json
from hwgen.rtl.interface import Layout, Port


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that others need to know of a generated design.

    Parameters
    ----------
    latency_cycles, interval_cycles
        As of :class:`hwgen.rtl.top.Top`.
    accumulator_bits
        Width of the widest accumulator of each layer.
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
