"""A netlist from a file, to be proved."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain
from hwgen.support.temporary import temporary_folder
from hwgen.synth.mapping.netlist import MAX_NETLIST_BYTES, Netlist
from hwgen.synth.mapping.yosys import run_yosys

_READERS = {".v": "read_verilog", ".json": "read_json"}
_ALLOWED = "a netlist as hwgen synth writes it, .v or .json"


def read_netlist(path: Path, top: str, *, tool: str, timeout: float) -> Mapping[str, Any]:
    """A netlist of library cells, Verilog or JSON of Yosys, as of ``write_json``.

    Raises
    ------
    HwgenError
        It cannot be read, or has no module ``top``.
    """
    if path.suffix not in _READERS:
        raise HwgenError(str(path), f"found {path.suffix or 'no suffix'}", _ALLOWED)
    with temporary_folder("prove") as name:
        folder = Path(name)
        content = read_plain(path, _ALLOWED, MAX_NETLIST_BYTES)
        (folder / f"given{path.suffix}").write_bytes(content)
        script = f"{_READERS[path.suffix]} given{path.suffix}\nwrite_json netlist.json\n"
        try:
            run_yosys(script, folder, tool=tool, timeout=timeout)
        except HwgenError as error:
            raise HwgenError(str(path), f"cannot be read ({error.found})", _ALLOWED) from None
        netlist: Mapping[str, Any] = json.loads((folder / "netlist.json").read_text("utf-8"))
    if top not in netlist["modules"]:
        raise HwgenError(str(path), f"no module {top}", _ALLOWED)
    return {"modules": Netlist(netlist, top).modules}
