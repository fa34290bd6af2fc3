"""What LibreLane's synthesis makes of our hand-off: area after it against ours.

    python -m benchmarks.librelane ../shared/pdk              # six designs in three libraries
    python -m benchmarks.librelane ../shared/pdk sky130hd --rtl

``librelane`` (3.0.17) must be on the PATH. Its steps run as far as the checks behind synthesis, of
unmapped cells, drivers and assignments in the netlist, which stop a run; they need Yosys only:
pyosys, that of the Python which runs this. ``../shared/pdk`` holds what LibreLane's loader reads of
the PDKs; for files that synthesis does not read there are empty ones. The functions here serve the
tests, too.
"""

import gzip
import json
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.opensta import DESIGNS, arguments, liberty
from benchmarks.recipes import ROOT
from hwgen.flows.cli.console import emit_table
from hwgen.flows.handoff.flow import hand_over
from hwgen.spec.network import load_network
from hwgen.synth import open_library
from hwgen.synth.libraries.library import Cell
from hwgen.synth.libraries.processes import foundries
from hwgen.synth.libraries.tabulate import foundry_library

_YOSYS = """\
#!{python}
import os, sys
words = sys.argv[1:]
if any(word in ("-V", "--version") for word in words):
    print("Yosys 0.70")
    raise SystemExit
words = [word for word in words if word not in ("-y", "--", "-Q")]
os.execv(sys.executable, [sys.executable, *words])
"""
"""LibreLane calls ``yosys -y script -- arguments``; the script imports pyosys."""

_SKIPPED = (
    "Verilator.Lint",
    *(f"Checker.Lint{a}" for a in ("TimingConstructs", "Errors", "Warnings")),
)
_PADS = {"sky130": "sky130_ef_io", "gf180mcu": "gf180mcu_fd_io"}


def pdk_root(library: str, shared: Path, folder: Path) -> Path:
    """A PDK root for LibreLane with one PDK in ``folder``; what synthesis needs not is empty."""
    foundry = foundries()[library]
    root = folder / "pdks"
    if library == "ihp-sg13g2":
        with tarfile.open(shared / "librelane" / "ihp-sg13g2.tar.gz") as archive:
            archive.extractall(root, filter="data")
        return root
    family = "sky130" if library == "sky130hd" else "gf180mcu"
    home = root / foundry.pdk
    template = shared / "librelane" / "open_pdks" / family / "librelane"
    shutil.copytree(template, home / "libs.tech" / "librelane")
    pads = home / "libs.tech" / "librelane" / _PADS[family] / "config.tcl"
    pads.parent.mkdir()
    pads.touch()
    for path in _named(home, foundry.cells):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(_content(path, library, shared), "utf-8")
    return root


def _named(home: Path, cells: str) -> list[Path]:
    """The files that a PDK's configuration names, and one that LibreLane looks for by itself."""
    found = [home / "libs.tech" / "magic" / f"{home.name}.tcl"]
    for config in (home / "libs.tech" / "librelane").rglob("config.tcl"):
        text = config.read_text("utf-8").replace("$::env(PDK_ROOT)/$::env(PDK)", str(home))
        text = text.replace("$::env(STD_CELL_LIBRARY)", cells).replace("$::env(PDK)", home.name)
        text = re.sub(r"\$::env\(PAD_CELL_LIBRARY\)", "gf180mcu_fd_io", text)
        own = config.read_text("utf-8").replace("TECHNAME", home.name)
        config.write_text(own.replace("(CELL_LIBS)", "(LIB)"), "utf-8")  # as 3.0.17 calls it
        for name in re.findall(rf"{re.escape(str(home))}[^\s\"\]\\;]+", text):
            found.append(Path(name.replace("*", home.name).replace("TECHNAME", home.name)))
    return found


def _content(path: Path, library: str, shared: Path) -> str:
    """The foundry's Liberty text of the corner in use, cells without a body, or nothing."""
    if path.suffix == ".lib" and "_tt_" in path.name:
        other = shared / library / f"{path.name}.gz"
        if other.exists():
            return gzip.decompress(other.read_bytes()).decode()
        return liberty(library, shared)
    if path.name == f"{foundries()[library].cells}.v":
        return "\n".join(map(_box, foundry_library(library, shared).cells.values()))
    return "" if path.suffix != ".lib" else f"library ({path.stem}) {{ }}\n"


def _box(cell: Cell) -> str:
    ports = {"input": cell.inputs, "output": cell.outputs}
    lines = [f"  {kind} {name};" for kind, names in ports.items() for name in names]
    heads = ", ".join([*cell.inputs, *cell.outputs])
    return "\n".join([f"module {cell.name} ({heads});", *lines, "endmodule", ""])


def synthesized(config: Path, library: str, root: Path) -> tuple[float, list[str]]:
    """The cell area in um2 after LibreLane's synthesis of a hand-off, and its warnings."""
    foundry = foundries()[library]
    tools = config.parent / "tools"
    tools.mkdir()
    yosys = tools / "yosys"
    yosys.write_text(_YOSYS.format(python=sys.executable), "utf-8")
    yosys.chmod(yosys.stat().st_mode | stat.S_IXUSR)
    words = ["librelane", "--manual-pdk", "--pdk-root", str(root), "--pdk", foundry.pdk]
    words += ["--scl", foundry.cells, "--run-tag", "run", "--to", "Checker.NetlistAssignStatements"]
    words += [word for step in _SKIPPED for word in ("--skip", step)]
    done = subprocess.run(
        [*words, str(config)],
        env={"PATH": f"{tools}:{_path()}", "HOME": str(tools), "_LLN_OVERRIDE_YOSYS": str(yosys)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    run = config.parent / "runs" / "run"
    metrics = run / "final" / "metrics.json"
    if done.returncode or not metrics.exists():
        raise RuntimeError(f"librelane: {done.stdout[-3000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(metrics.read_text("utf-8"))
    log = run / "warning.log"
    warnings = log.read_text("utf-8").splitlines() if log.exists() else []
    return float(found["design__instance__area"]), warnings


def _path() -> str:
    return f"{Path(shutil.which('librelane') or '').parent}:/usr/local/bin:/usr/bin:/bin"


def main() -> None:
    """Print one table."""
    parser = arguments(str(__doc__))
    parser.add_argument("--rtl", action="store_true", help="hand over the source")
    parser.add_argument("--clock-gates", action="store_true", help="with clock gates")
    options = parser.parse_args()
    network = load_network(ROOT / "examples" / "digits.json")
    rows = []
    for pdk in options.pdk:
        for name, (tile, architecture) in DESIGNS.items():
            if options.design and name not in options.design:
                continue
            with tempfile.TemporaryDirectory() as folder:
                root = pdk_root(pdk, options.folder, Path(folder))
                out = Path(folder) / "out"
                report = hand_over(
                    network,
                    architecture,
                    to="tinytapeout" if tile else "librelane",
                    library=open_library(pdk),
                    output=out,
                    rtl=options.rtl,
                    clock_gates=options.clock_gates,
                    check=None,
                ).to_json()
                config = _whole(out, report) if tile else out / "config.json"
                theirs, warnings = synthesized(config, pdk, root)
            ours = report["area_um2"]
            row = [f"digits {name}", pdk, f"{ours:,.0f}", f"{theirs:,.0f}"]
            rows.append([*row, f"{theirs / ours:.3f}", str(len(warnings))])
            print(rows[-1], flush=True)
    emit_table("cell area, um2", ["design", "library", "ours", "LibreLane", "", "warnings"], rows)


def _whole(out: Path, report: dict[str, Any]) -> Path:
    """A tile's configuration with what Tiny Tapeout's tool adds."""
    path = out / "src" / "config.json"
    width, height = report["die_um"]
    head = {
        "DESIGN_NAME": report["top"],
        "VERILOG_FILES": ["dir::project.v"],
        "DIE_AREA": [0, 0, width, height],
    }
    path.write_text(json.dumps({**head, **json.loads(path.read_text("utf-8"))}), "utf-8")
    return path


if __name__ == "__main__":
    main()
