"""The folder ``test/`` of a tile, under a Makefile like that of the shuttles' template."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.flows.handoff.flow import hand_over
from hwgen.flows.handoff.tinytapeout.tile import tile_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.spec.network import parse_network
from hwgen.synth import open_library
from tests.flows.test_tinytapeout import small

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("iverilog")), reason="make and iverilog are needed"
)

# What the template does: sources of the tile or a netlist with the foundry's models, tb.v, test.py.
MAKEFILE = """\
SIM ?= icarus
FST ?= -fst
TOPLEVEL_LANG ?= verilog
ifneq ($(GATES),yes)
SIM_BUILD = sim_build/rtl
VERILOG_SOURCES += $(PWD)/../src/project.v
else
SIM_BUILD = sim_build/gl
COMPILE_ARGS += -DGL_TEST -DFUNCTIONAL -DSIM {power}
VERILOG_SOURCES += $(PDK_ROOT)/cells.v $(PWD)/gate_level_netlist.v
endif
COMPILE_ARGS += -I$(PWD)/../src
VERILOG_SOURCES += $(PWD)/tb.v
TOPLEVEL = tb
COCOTB_TEST_MODULES = test
include $(shell cocotb-config --makefiles)/Makefile.sim
"""


def make(project: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and what was said; the template's tests count failures in results.xml."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PDK_ROOT": str(project)}
    environment["PWD"] = str(project / "test")
    environment.pop("PYTHONPATH", None)  # hwgen is not there
    done = subprocess.run(
        ["make", "-B", *arguments],
        cwd=project / "test",
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def tile(
    folder: Path, architecture: Architecture, library: str, rtl: bool, output: str = "argmax"
) -> Path:
    hand_over(
        small(output),
        architecture,
        to="tinytapeout",
        library=open_library(library),
        output=folder,
        rtl=rtl,
        check=None,
    )
    power = "-DUSE_POWER_PINS" if library == "sky130hd" else ""
    (folder / "test" / "Makefile").write_text(MAKEFILE.format(power=power))
    return folder


def laid_out(project: Path, powered: bool) -> None:
    """A netlist as it comes back from layout, and models in which flip-flops begin with X."""
    netlist = (project / "src" / "project.v").read_text()
    models = (project / "test" / "cells.v").read_text()
    models = re.sub(r"  initial \w+ = \$random;\n", "", models)
    (project / "test" / "cells.v").unlink()
    if powered:
        header = r"^(module \w+ ?\()(.*)\);", r"\1\2, VPWR, VGND); input VPWR, VGND;"
        models = re.sub(*header, models, flags=re.MULTILINE)
        netlist = re.sub(*header, netlist, flags=re.MULTILINE)
        instance = r"^(  \w+ \S+ \()$", r"\1 .VPWR(VPWR), .VGND(VGND),"
        netlist = re.sub(*instance, netlist, flags=re.MULTILINE)
    (project / "cells.v").write_text(models)
    (project / "test" / "gate_level_netlist.v").write_text(netlist)


@pytest.mark.parametrize(
    ("architecture", "library"), [(Serial(), "sky130hd"), (Parallel(), "ihp-sg13g2")], ids=str
)
def test_netlist(tmp_path: Path, architecture: Architecture, library: str) -> None:
    project = tile(tmp_path, architecture, library, rtl=False)
    code, said = make(project)
    assert (code, "FAIL=0" in said, "PASS=2" in said) == (0, True, True), said
    assert (project / "test" / "tb.fst").exists()
    laid_out(project, powered=library == "sky130hd")
    code, said = make(project, "GATES=yes")
    assert (code, "FAIL=0" in said, "PASS=2" in said) == (0, True, True), said


def test_source_and_a_fault(tmp_path: Path) -> None:
    project = tile(tmp_path, Serial(macs=2), "sky130hd", rtl=True, output="values")
    code, said = make(project)
    assert (code, "FAIL=0" in said, "PASS=2" in said) == (0, True, True), said
    source = project / "src" / "project.v"
    content = small("values").model_dump(mode="json")
    content["layers"][1]["bias"][0] ^= 64
    top = re.findall(r"module (tt_um_\w+)\s*\(", source.read_text())[0]
    source.write_text(tile_design(parse_network(content), Serial(macs=2), top)[0])
    code, said = make(project)
    assert code != 0 or "FAIL=0" not in said
    assert re.search(r"byte \d+: 0x\w\w, not 0x\w\w", said)
