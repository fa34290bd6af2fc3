"""A netlist from a file, to be proved."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError
from synth.netlist import Netlist
from synth.yosys import run_yosys

_READ = """\
read_verilog design.v
write_json netlist.json
"""


def read_netlist(path: Path, top: str, *, tool: str, timeout: float) -> Mapping[str, Any]:
    """The modules of a netlist of library cells, Verilog or JSON of Yosys.

    Raises
    ------
    HwgenError
        It cannot be read, or has no module ``top``.
    """
    if path.suffix == ".json":
        return Netlist.read(path, top).modules
    if path.suffix != ".v":
        raise HwgenError(str(path), "neither .v nor .json", "a netlist as of hwgen synth")
    with tempfile.TemporaryDirectory(prefix="hwgen-prove-") as name:
        folder = Path(name)
        try:
            shutil.copyfile(path, folder / "design.v")
        except OSError as error:
            raise HwgenError(
                str(path), f"cannot be read ({error.strerror})", "a netlist as of hwgen synth"
            ) from None
        run_yosys(_READ, folder, tool=tool, timeout=timeout)
        modules: Mapping[str, Any] = json.loads((folder / "netlist.json").read_text("utf-8"))
    return Netlist(modules, top).modules
