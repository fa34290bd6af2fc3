"""What a Tiny Tapeout project consists of, as text, and how many tiles it takes."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from hwgen.flows.handoff.librelane import NETLIST, SOURCE
from hwgen.flows.handoff.tinytapeout.folder import bytes_of
from hwgen.flows.handoff.tinytapeout.tile import OUTPUTS, PINS, PREFIX, RESET_CYCLES
from hwgen.rtl.interface import Layout
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.names import module_name
from hwgen.sim.vectors import Vectors
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted
from hwgen.support.errors import HwgenError, printable
from hwgen.synth.libraries.processes import Foundry

SHORTEST_CLOCK = 1e3 / 66
"""Clock period in ns that the chip's pads allow."""

DEFAULT_CLOCK = 20.0
"""Clock period in ns of Tiny Tapeout's own template."""

_DENSITY = 60
"""Placement density in percent of that template."""

_ROWS, _SITES = 1, 6
"""The template's margins between core and die, in heights and widths of a site."""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """The smallest tiles that hold a design.

    Parameters
    ----------
    name
        Such as ``3x2``.
    size
        Width and height, um.
    fill
        Cell area over core area, percent.
    """

    name: str
    size: tuple[float, float]
    fill: float

    @classmethod
    def of(cls, area: float, utilization: float, foundry: Foundry) -> "Tiles":
        """The tiles for ``area`` um2 of cells, which fill at most ``utilization`` percent.

        Raises
        ------
        HwgenError
            No tiles are large enough.
        """
        cells = 0.0
        name = ""
        for name, size in foundry.tiles.items():
            cells = cls.cells(name, utilization, foundry)
            if area <= cells:
                return cls(name=name, size=size, fill=round(area / cells * utilization, 1))
        raise HwgenError(
            "tiles",
            f"{area:,.0f} um2 of cells are expected",
            f"{name}, the largest, holds {cells:,.0f} at {utilization:g} % utilization",
        )

    @staticmethod
    def cells(name: str, utilization: float, foundry: Foundry) -> float:
        """um2 of cells that tiles of this name hold, ``utilization`` percent of their core."""
        width, height = foundry.site
        size = foundry.tiles[name]
        core = (size[0] - 2 * _SITES * width) * (size[1] - 2 * _ROWS * height)
        return core * utilization / 100


def top_module(network: Network, author: str) -> str:
    """The tile's name, which must be unique on its chip: the author's, if known, is part of it."""
    parts = (module_name(author, 24) or "hwgen", module_name(network.name))
    return PREFIX + "_".join(filter(None, parts))


def config_text(foundry: Foundry, period: float, tiles: Tiles, *, netlist: bool) -> str:
    """``src/config.json``: what Tiny Tapeout prescribes, with our clock (ns) and density.

    ``netlist``: the Verilog is one of the process's cells.
    """
    content: dict[str, Any] = {
        "PL_TARGET_DENSITY_PCT": min(95, max(_DENSITY, math.ceil(tiles.fill) + 10)),
        "CLOCK_PERIOD": period,
        "CLOCK_PORT": "clk",
        "PL_RESIZER_HOLD_SLACK_MARGIN": 0.1,
        "GRT_RESIZER_HOLD_SLACK_MARGIN": 0.05,
        **(NETLIST if netlist else SOURCE),
        "RUN_LINTER": True,
        "LINTER_INCLUDE_PDK_MODELS": True,
        "RUN_KLAYOUT_XOR": False,
        "RUN_KLAYOUT_DRC": False,
        "DESIGN_REPAIR_BUFFER_OUTPUT_PORTS": False,
        "TOP_MARGIN_MULT": _ROWS,
        "BOTTOM_MARGIN_MULT": _ROWS,
        "LEFT_MARGIN_MULT": _SITES,
        "RIGHT_MARGIN_MULT": _SITES,
        "FP_SIZING": "absolute",
        "GRT_ALLOW_CONGESTION": True,
        "FP_IO_HLENGTH": 2,
        "FP_IO_VLENGTH": 2,
        "FP_PDN_VPITCH": 38.87,
        "RUN_CTS": True,
        "FP_PDN_MULTILAYER": False,
        "MAGIC_DEF_LABELS": False,
        "MAGIC_WRITE_LEF_PINONLY": True,
    }
    if foundry.pdk == "sky130A":
        content["RT_MAX_LAYER"] = "met4"
    return json.dumps(content, indent=2) + "\n"


def info_text(
    network: Network, manifest: Manifest, author: str, period: float, tiles: Tiles
) -> str:
    """``info.yaml``: every text in it is a quoted string of one line."""
    project: dict[str, str | int] = {
        "title": _title(network),
        "author": printable(author, 80),
        "discord": "",
        "description": _description(network, manifest),
        "language": "Amaranth",
        "clock_hz": int(1e9 / period),
        "tiles": tiles.name,
        "top_module": manifest.top,
    }
    lines = ["project:", *(f"  {key}: {_quoted(value)}" for key, value in project.items())]
    lines += ["  source_files:", '    - "project.v"', "", "pinout:"]
    lines += [f"  {pin}: {_quoted(what)}" for pin, what in pinout().items()]
    return "\n".join([*lines, "", "yaml_version: 6", ""])


def pinout() -> dict[str, str]:
    """What each pin of the tile carries; empty where it carries nothing."""
    handshakes = {number: name for name, number in PINS.items()}
    return {
        **{f"ui[{i}]": f"in_data[{i}]" for i in range(8)},
        **{f"uo[{i}]": f"out_data[{i}]" for i in range(8)},
        **{f"uio[{i}]": handshakes.get(i, "") for i in range(8)},
    }


_PAGE = """\
## How it works

{title}: {description}. The weights are part of the circuit.

It was made with hwgen{verified}. SHA-256 of the network:
`{sha}`.

A vector goes in as {bytes_in}, and its result comes out as {bytes_out}. A byte crosses at the
rising edge of `clk` at which valid and ready of its side are both high; either side may wait for as
long as it likes. The first byte of a result can be taken {latency} clock cycles after the last byte
of its vector. In the long run a vector takes {interval} clock cycles.

| pin | direction | signal |
|---|---|---|
| `ui[7:0]` | in | `in_data`, a byte of a vector |
| `uo[7:0]` | out | `out_data`, a byte of a result |
{handshakes}

- Input: {input}.
- Output: {output}.

A real value becomes a code so: {coding}.

## How to test

1. Hold `rst_n` low for at least {reset} rising edges of `clk`, with `in_valid` low.
2. Offer the bytes of a vector one after the other: put one on `ui`, raise `in_valid`, and go on to
   the next after a rising edge of `clk` at which `in_ready` was high.
3. Raise `out_ready` and read `uo` at each rising edge of `clk` at which `out_valid` is high;
   `out_last` marks the last byte of a result.

An example, in hexadecimal, the first byte first. The bytes of the codes
{codes} are

```
{example_in}
```

and the answer is `{example_out}`, {answer}. `test/` holds more of them, and drives the tile with
cocotb under the template's own Makefile.

Inputs must change in step with `clk`, such as while it is low; `rst_n` may change at any time. No
output depends on an input within the clock cycle.

## External hardware

None.
"""
_MEANING = {
    "in_valid": "`ui` holds a byte",
    "in_ready": "the tile takes a byte",
    "out_valid": "`uo` holds a byte",
    "out_ready": "whoever reads takes a byte",
    "out_last": "it is the last byte of a result",
}


def page_text(network: Network, manifest: Manifest, vectors: Vectors, verified: bool) -> str:
    """``docs/info.md``, a page of the chip's data sheet; its example is the last of ``vectors``."""
    x, y = vectors.x[-1], vectors.expected[-1]
    given, taken = bytes_of(manifest.input, x).hex(" "), bytes_of(manifest.output, y).hex(" ")
    rows = [
        f"| `uio[{PINS[name]}]` | {'out' if name in OUTPUTS else 'in'} | `{name}`: {meaning} |"
        for name, meaning in _MEANING.items()
    ]
    result = "the index of the class" if network.output == "argmax" else "output"
    return _PAGE.format(
        title=_escaped(_title(network)),
        description=_description(network, manifest),
        verified=" and simulated against its integer model" if verified else "",
        sha=manifest.network_sha256,
        bytes_in=_bytes(manifest.input),
        bytes_out=_bytes(manifest.output),
        latency=f"{manifest.latency_cycles:,}",
        interval=f"{manifest.interval_cycles:,}",
        handshakes="\n".join(rows),
        input=_packing(manifest.input, "feature", "ignored"),
        output=_packing(manifest.output, result, "0"),
        reset=RESET_CYCLES,
        coding=_coding(manifest.formats["input"]),
        codes=_cut(x.tolist()),
        example_in="\n".join(given[i : i + 95] for i in range(0, len(given), 96)),
        example_out=taken,
        answer=_answer(network, y.tolist()),
    )


def _coding(source: dict[str, Any]) -> str:
    """How a real value becomes a code, in words."""
    zero = f", plus {source['zero_point']}" if source["zero_point"] else ""
    return (
        f"divided by {source['step']:.12g}, rounded to the nearest integer (half to even){zero}, "
        f"kept within {source['minimum']} and {source['maximum']}"
    )


def _answer(network: Network, result: list[int]) -> str:
    """What the integers of a result mean, in words."""
    if network.output != "argmax":
        return f"which is {_cut(result)}"
    label = network.labels[result[0]] if network.labels else ""
    named = f" ({_escaped(printable(label, 40))})" if label not in ("", str(result[0])) else ""
    return f"class {result[0]}{named}"


def _cut(values: list[int]) -> str:
    """``values`` as a list that a line can hold."""
    return ", ".join(map(str, values[:24])) + (" ..." if len(values) > 24 else "")


def _title(network: Network) -> str:
    return printable(network.name, 80).strip() or "hwgen"


def _description(network: Network, manifest: Manifest) -> str:
    sizes = [network.input.features, *(layer.outputs for layer in network.layers)]
    weighted = [layer for layer in network.layers if isinstance(layer, Weighted)]
    bits = "/".join(str(bits) for bits in dict.fromkeys(one.weight_bits for one in weighted))
    return (
        f"Neural network {'-'.join(map(str, sizes))} with {bits}-bit weights in hardware, "
        f"{manifest.arch}"
    )


def _bytes(layout: Layout) -> str:
    count = layout.beats * layout.width // 8
    return "a byte" if count == 1 else f"{count:,} bytes"


def _packing(layout: Layout, what: str, padding: str) -> str:
    """How elements lie in bytes, in words; ``padding`` says what the bits left over are."""
    kind = f"{layout.element_bits} bits, {'signed' if layout.signed else 'unsigned'}"
    size = layout.width // 8
    if layout.elements == 1:
        text = f"{what} in {kind}"
    elif layout.beats > 1:
        each = "a byte" if size == 1 else f"{size} bytes"
        text = f"{layout.elements} {what}s of {kind}, each in {each} of its own"
    else:
        text = (
            f"{layout.elements} {what}s of {kind}, side by side without gaps, {what} 0 in the low "
            "bits"
        )
    if size > 1:
        text += "; the low byte comes first"
    if layout.width > layout.per_beat * layout.element_bits:
        text += f"; high bits left over are {padding}"
    return text


def _quoted(value: str | int) -> str:
    """``value`` as JSON has it, which is YAML too; texts hold printable characters alone."""
    return json.dumps(value, ensure_ascii=False)


def _escaped(text: str) -> str:
    """``text`` for Markdown: punctuation stands for itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
