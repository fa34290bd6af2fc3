"""``netlist = RTL``: compared module by module, and told apart by an input where it can be."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.interface import Manifest
from synth.arith import Style
from synth.library import CellLibrary
from synth.proof.circuit import Source
from synth.proof.decide import Decider, find_abc
from synth.proof.equivalence import Comparison, Design, ModuleProof
from synth.proof.simulate import Difference, Run, netlist_machine, rtl_machine
from synth.proof.verdict import Verdict
from synth.recipe import front_script
from synth.yosys import run_yosys

METHOD = "equal from clock edge to clock edge, module by module"

_READ = """\
read_verilog design.v
hierarchy -check -top {top}
proc
memory_collect
write_json rtl.json
flatten -noscopeinfo
write_json flat.json
design -reset
{front}"""

_FLATTEN = """\
read_json netlist.json
flatten -noscopeinfo
write_json flat_netlist.json
"""
_STALLS = (None, 1, 2)
"""Seeds of the runs that look for a difference; None: no side ever pauses."""


@dataclass(frozen=True, kw_only=True)
class NetlistProof:
    """A netlist, and the RTL that it must be equal to.

    Parameters
    ----------
    manifest, netlist
        Of the RTL, and the netlist as of ``write_json``.
    library, styles
        Its cells, and how synthesis may have made its sums.
    vectors
        Input codes that are tried where no proof is found.
    tool
        Which Yosys; see :data:`synth.yosys.TOOLS`.
    """

    manifest: Manifest
    netlist: Mapping[str, Any]
    library: CellLibrary
    styles: Sequence[Style]
    vectors: Sequence[Sequence[int]]
    tool: str = "auto"

    def run(self, decider: Decider, progress: Callable[[str], None]) -> Verdict:
        """Prove or refute it.

        Raises
        ------
        HwgenError
            Yosys or ABC is missing, or Yosys fails.
        """
        started = time.monotonic()
        find_abc()
        with tempfile.TemporaryDirectory(prefix="hwgen-prove-") as name:
            folder = Path(name)
            design = self._read(Path(self.manifest.verilog).read_text("utf-8"), folder, decider)
            modules = Comparison(design, decider, progress).run()
            parts = {"modules": {module: found.to_json() for module, found in modules.items()}}
            open_ones = {m: found for m, found in modules.items() if found.status != "proved"}
            example = None
            if open_ones:
                progress("looking for an input that tells them apart")
                example = self._example(folder, decider, list(open_ones.values()))
        seconds = round(time.monotonic() - started, 3)
        if not open_ones:
            return Verdict("proved", METHOD, seconds, parts=parts)
        if example is not None:
            return Verdict("refuted", METHOD, seconds, counterexample=example, parts=parts)
        return Verdict("undecided", METHOD, seconds, _limit(open_ones, self.vectors), parts=parts)

    def _read(self, verilog: str, folder: Path, decider: Decider) -> Design:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        script = _READ.format(top=self.manifest.top, front=front_script(self.manifest.top))
        run_yosys(script, folder, tool=self.tool, timeout=decider.left)
        return Design(
            top=self.manifest.top,
            rtl=_load(folder / "rtl.json"),
            front=_load(folder / "front.json"),
            netlist=self.netlist,
            library=self.library,
            styles=self.styles,
        )

    def _example(
        self, folder: Path, decider: Decider, modules: Sequence[ModuleProof]
    ) -> dict[str, Any] | None:
        """An input for which the netlist's result is not the RTL's."""
        (folder / "netlist.json").write_text(json.dumps(self.netlist), encoding="utf-8")
        run_yosys(_FLATTEN, folder, tool=self.tool, timeout=max(decider.left, 10))
        vectors = [*self._hints(modules), *map(list, self.vectors)]
        run = Run(self.manifest, vectors)
        for stalls in _STALLS if not self.manifest.arch.bare else _STALLS[:1]:
            left = rtl_machine(self._flat(folder / "flat.json", None), len(vectors))
            cells = self._flat(folder / "flat_netlist.json", self.library)
            right = netlist_machine(cells, self.library, len(vectors))
            found = run.difference(left, right, stalls)
            if found is not None:
                return _shown(found, vectors)
        return None

    def _hints(self, modules: Sequence[ModuleProof]) -> list[list[int]]:
        """What tells a module apart that reads the network's input, as inputs of the network."""
        layout = self.manifest.input
        width = layout.elements * layout.element_bits
        return [
            layout.unpack([value >> k * layout.width for k in range(layout.beats)])
            for module in modules
            for value in module.example.values()
            if layout.beats == 1 and value.bit_length() <= width
        ]

    def _flat(self, path: Path, library: CellLibrary | None) -> Source:
        module = _load(path)["modules"][self.manifest.top]
        return Source(self.manifest.top, module, {}, library)


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _shown(found: Difference, vectors: Sequence[Sequence[int]]) -> dict[str, Any]:
    stalls = {} if found.stalls is None else {"stalls": True}
    return {
        "input": list(vectors[found.lane]),
        "rtl": found.left,
        "netlist": found.right,
        **stalls,
    }


def _limit(modules: Mapping[str, ModuleProof], vectors: Sequence[object]) -> str:
    """What kept the proof from an answer."""
    name, first = next(iter(modules.items()))
    if first.status == "differs":
        reason = first.limit or "it differs for some values at its ports and registers"
        return f"{name}: {reason}, but no result differs on {len(vectors)} inputs"
    return f"{name}: {first.limit}"
