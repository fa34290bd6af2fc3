"""Timing of our netlists against OpenSTA, which reads the foundry's own Liberty files.

    python -m benchmarks.opensta ../shared/pdk               # six designs in three libraries
    python -m benchmarks.opensta ../shared/pdk sky130hd

``sta`` must be on the PATH (Debian: ``opensta``). Both are given the same netlist; wires weigh
nothing in either. The functions here serve the tests, too.
"""

import argparse
import functools
import gzip
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.recipes import ROOT
from hwgen.flows.cli.console import emit_table
from hwgen.flows.handoff.tinytapeout.tile import tile_design
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.generate import generate
from hwgen.rtl.manifest import Manifest
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.spec.network import load_network
from hwgen.synth import open_library, synthesize
from hwgen.synth.libraries.models import flat_netlist
from hwgen.synth.libraries.tabulate import ORIGINS, foundry_library
from hwgen.synth.mapping.netlist import Flat, Netlist
from hwgen.synth.timing import critical_path

LIBRARIES = ("ihp-sg13g2", "sky130hd", "gf180mcu")
DESIGNS = {
    "serial": (False, Serial()),
    "serial, 4 MACs": (False, Serial(macs=4)),
    "parallel": (False, Parallel()),
    "tile, serial": (True, Serial()),
    "tile, parallel": (True, Parallel()),
    "tile, parallel, pipeline 2": (True, Parallel(pipeline=2)),
}
"""Of digits: whether behind the ports of a tile, and what."""

_PERIOD = 1000.0
_TIMING = """\
read_liberty {liberty}
read_verilog {netlist}
link_design {top}
create_clock -name clk -period {period} {port}
set inputs {{}}
foreach port [all_inputs] {{
    if {{[get_property $port full_name] != "clk"}} {{ lappend inputs $port }}
}}
set_input_delay 0 -clock clk $inputs
set_output_delay 0 -clock clk [all_outputs]
"""
_SKY130_HEAD: dict[str, Any] = {
    "delay_model": "table_lookup",
    "time_unit": "1ns",
    "voltage_unit": "1V",
    "current_unit": "1mA",
    "pulling_resistance_unit": "1kohm",
    "leakage_power_unit": "1nW",
    **{f"{side}_threshold_pct_{e}": 50 for side in ("input", "output") for e in ("rise", "fall")},
    **{f"slew_lower_threshold_pct_{edge}": 20 for edge in ("rise", "fall")},
    **{f"slew_upper_threshold_pct_{edge}": 80 for edge in ("rise", "fall")},
    "lu_table_template,del_1_7_7": ("input_net_transition", "total_output_net_capacitance"),
    "lu_table_template,vio_3_3_1": ("related_pin_transition", "constrained_pin_transition"),
    "lu_table_template,constraint_3_0_1": ("related_pin_transition",),
    "power_lut_template,power_inputs_1": ("input_transition_time",),
    "power_lut_template,power_outputs_1": (
        "input_transition_time",
        "total_output_net_capacitance",
    ),
}
"""The library's header, as skywater-pdk's ``common.lib.json`` has it; the cells come without."""


@functools.cache
def liberty(name: str, folder: Path) -> str:
    """The foundry's Liberty text of a library, ``folder`` holding those of all, for OpenSTA.

    Without the wire loads that apply by default, as our figures are without wires.
    """
    files = sorted((folder / name).glob(ORIGINS[name].files))
    if name != "sky130hd":
        texts = [gzip.decompress(file.read_bytes()).decode() for file in files]
        return "\n".join(re.sub(r"(?m)^\s*default_wire_load.*$", "", text) for text in texts)
    cells = json.loads(gzip.decompress(files[0].read_bytes()))
    head = cells.pop("sky130_fd_sc_hd")
    ours = {k: v for k, v in head.items() if k.startswith(("default_max", "nom_", "operating"))}
    supplies = [f"  voltage_map ({pin}, {v});" for pin, v in head["comp_attribute,voltage_map"]]
    body = [f"  {line}" for key, value in _SKY130_HEAD.items() for line in _head(key, value)]
    body += _group("x", (), {**ours, **{f"cell,{k}": v for k, v in cells.items()}})[1:-1]
    return "\n".join(
        ["library (sky130hd) {", "  capacitive_load_unit (1,pf);", *supplies, *body, "}", ""]
    )


def _head(key: str, value: Any) -> list[str]:
    if not isinstance(value, tuple):
        return [f"{key} : {value};"]
    kind, name = key.split(",")
    variables = [f"  variable_{i} : {variable};" for i, variable in enumerate(value, 1)]
    indices = [f'  index_{i} ("1, 2, 3");' for i in range(1, len(value) + 1)]
    return [f"{kind} ({name}) {{", *variables, *indices, "}"]


def _group(kind: str, args: tuple[str, ...], body: dict[str, Any]) -> list[str]:
    """A group of the JSON form, as Liberty text."""
    lines = [f"{kind} ({', '.join(args)}) {{"]
    for key, value in body.items():
        name, *parts = key.split(",")
        bodies = value if isinstance(value, list) else [value]
        if bodies and all(isinstance(item, dict) for item in bodies):
            lines += [line for item in bodies for line in _group(name, tuple(parts), item)]
        elif isinstance(value, list):
            rows = value if isinstance(value[0], list) else [value]
            lines.append(f"{name} ({', '.join(_quoted(row) for row in rows)});")
        else:
            lines.append(f"{name} : {value if isinstance(value, int | float) else _text(value)};")
    return [*lines, "}"]


def _quoted(row: list[Any]) -> str:
    return _text(", ".join(map(str, row)))


def _text(value: Any) -> str:
    return f'"{value}"'


def run(commands: str, files: dict[str, str]) -> str:
    """What OpenSTA prints for ``commands``, run in a folder that holds ``files``."""
    with tempfile.TemporaryDirectory(prefix="hwgen-sta-") as name:
        for file, text in {**files, "run.tcl": commands + "\nexit\n"}.items():
            (Path(name) / file).write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["sta", "-no_splash", "-no_init", "-exit", "run.tcl"],
            cwd=name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
    errors = [line for line in done.stdout.splitlines() if line.startswith("Error")]
    if errors or done.returncode:
        raise RuntimeError(f"sta: {errors[:1] or done.stdout[-1000:]}")
    return done.stdout


def head(flat: Flat) -> str:
    """Commands that read ``netlist.v`` and ``cells.lib`` and set a clock."""
    clocked = any(name == "clk" for name, _ in flat.inputs)
    port = "[get_ports clk]" if clocked else ""
    return _TIMING.format(
        liberty="cells.lib", netlist="netlist.v", top="flat", period=_PERIOD, port=port
    )


def slowest(flat: Flat, text: str) -> float:
    """The delay of the slowest path by OpenSTA in ns, with the library in ``text``.

    A latch that is open when its data come has a slack of 0 and hands the path on: where that ends
    is what counts.
    """
    printed = run(
        head(flat) + "report_checks -path_delay max -format end -digits 6 -group_count 2000",
        {"cells.lib": text, "netlist.v": flat_netlist(flat, "flat")},
    )
    slacks = re.findall(r"(?m)^\S+ \(\S+\)\s+\S+\s+\S+\s+(-?[\d.]+)", printed)
    ends = [float(slack) for slack in slacks if float(slack)]
    if not ends:
        raise RuntimeError(f"sta: no path in {printed!r}")
    return _PERIOD - min(ends)


def digits(name: str, folder: Path) -> Manifest:
    """A design of :data:`DESIGNS`, its Verilog in ``folder``."""
    tile, architecture = DESIGNS[name]
    network = load_network(ROOT / "examples" / "digits.json")
    if not tile:
        return generate(network, architecture, folder)
    text, manifest = tile_design(network, architecture, "tt_um_hwgen_digits")
    (folder / manifest.verilog).write_text(text, "utf-8")
    return replace(manifest, verilog=str(folder / manifest.verilog))


def mapped(library: str) -> Iterator[tuple[str, Flat]]:
    """The netlists of :data:`DESIGNS`."""
    for name in DESIGNS:
        with tempfile.TemporaryDirectory() as folder:
            manifest = digits(name, Path(folder))
            synthesize(
                Path(manifest.verilog),
                manifest.top,
                library=open_library(library),
                out_dir=Path(folder),
                **SynthesisOptions().to_keywords(),
            )
            yield name, Netlist.read(Path(folder) / "netlist.json", manifest.top).flat()


def arguments(description: str) -> argparse.ArgumentParser:
    """Those of a comparison of designs with the foundries' files."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the foundries' files, by library")
    parser.add_argument("pdk", nargs="*", default=LIBRARIES)
    parser.add_argument("--design", action="append", help="only these")
    return parser


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the foundries' files, by library")
    parser.add_argument("pdk", nargs="*", default=LIBRARIES)
    options = parser.parse_args()
    rows = []
    for pdk in options.pdk:
        ours = {"table": open_library(pdk), "Liberty": foundry_library(pdk, options.folder)}
        for name, flat in mapped(pdk):
            theirs = slowest(flat, liberty(pdk, options.folder))
            found = [critical_path(flat, library).delay for library in ours.values()]
            shares = [f"{time:.3f} ({time / theirs - 1:+.2%})" for time in found]
            rows.append([f"digits {name}", pdk, f"{theirs:.3f}", *shares])
    emit_table("slowest path, ns", ["design", "library", "OpenSTA", *ours], rows)


if __name__ == "__main__":
    main()
