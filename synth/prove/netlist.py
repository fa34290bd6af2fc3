"""``netlist = RTL``: compared module by module, and told apart by an input where it can be."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.rtl.manifest import Manifest
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.arith import Style
from hwgen.synth.mapping.latches import unlatched
from hwgen.synth.mapping.recipe import flat_script, front_script
from hwgen.synth.mapping.yosys import run_yosys
from hwgen.synth.prove.aig import Aig
from hwgen.synth.prove.circuit import CircuitSource
from hwgen.synth.prove.decide import Answer, Decider, find_abc
from hwgen.synth.prove.equivalence import Comparison
from hwgen.synth.prove.module import Design, ModuleProof
from hwgen.synth.prove.simulate import Difference, difference, unrolled
from hwgen.synth.prove.verdict import Verdict

METHOD = "equal from clock edge to clock edge, module by module"
WHOLE = "as a whole: modules differ for values that never come up"

_READ = """\
read_verilog design.v
hierarchy -check -top {top}
proc
memory_collect
{flatten}
write_json rtl.json
design -reset
{front}"""

_FLATTEN = """\
read_json {name}
hierarchy -top {top}
flatten -noscopeinfo
write_json {name}
"""
_SAME = "no result differs for any input that comes first after a reset"
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
        Which Yosys; see :data:`hwgen.synth.mapping.yosys.TOOLS`.
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
            Yosys or ABC is missing, Yosys fails, or the netlist has other ports.
        """
        gated = replace(self, netlist=unlatched(self.netlist, self.library))
        return gated._run(decider, progress)

    def _run(self, decider: Decider, progress: Callable[[str], None]) -> Verdict:
        started = time.monotonic()
        find_abc()
        self._check_ports()
        with temporary_folder("prove") as name:
            folder = Path(name)
            design = self._read(Path(self.manifest.verilog).read_text("utf-8"), folder, decider)
            modules = Comparison(design, decider, progress).run()
            parts = {"modules": {module: found.to_json() for module, found in modules.items()}}
            open_ones = {m: found for m, found in modules.items() if found.status != "proved"}
            example, reason = None, ""
            if open_ones:
                progress("looking for an input that tells them apart")
                example, reason = self._example(folder, decider, open_ones)
        whole = reason == _SAME and self.manifest.arch.bare and not self.manifest.latency_cycles
        seconds = round(time.monotonic() - started, 3)
        if not open_ones or whole:
            return Verdict("proved", WHOLE if whole else METHOD, seconds, parts=parts)
        if example is not None:
            return Verdict("refuted", METHOD, seconds, counterexample=example, parts=parts)
        return Verdict("undecided", METHOD, seconds, _limit(open_ones, reason), parts=parts)

    def _check_ports(self) -> None:
        ports = self.netlist["modules"][self.manifest.top]["ports"]
        found = {name: (port["direction"], len(port["bits"])) for name, port in ports.items()}
        wanted = {port.name: (port.direction, port.width) for port in self.manifest.ports}
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                is_, ought = (
                    " ".join(map(str, p.get(name, ("no port",)))) for p in (found, wanted)
                )
                raise HwgenError("netlist", f"{name} is {is_}", f"{ought} is needed")

    def _read(self, verilog: str, folder: Path, decider: Decider) -> Design:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        modules = self.netlist["modules"]
        flat = not any(c["type"] in modules for c in modules[self.manifest.top]["cells"].values())
        script = _READ.format(
            top=self.manifest.top,
            flatten="flatten -noscopeinfo" if flat else "",
            front=front_script(self.manifest.top)
            + (f"design -reset\n{flat_script()}" if flat else ""),
        )
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
        self, folder: Path, decider: Decider, modules: Mapping[str, ModuleProof]
    ) -> tuple[dict[str, Any] | None, str]:
        """An input for which the netlist's result is not the RTL's; or why there is none."""
        rtl = self._flat(folder, "flat.json", self._modules(folder, ()))
        netlist = self._flat(folder, "netlist.json", self.netlist["modules"])
        vectors = [*self._hints(modules.values()), *map(list, self.vectors)]
        for stalls in _STALLS if not self.manifest.arch.bare else _STALLS[:1]:
            found = difference(self.manifest, (rtl, netlist), vectors, stalls)
            if found is not None:
                return _shown(found, vectors), ""
        mixed = self._flat(folder, "mixed.json", self._modules(folder, modules))
        aig = Aig()
        made = unrolled(self.manifest, (mixed, netlist), aig, lambda: decider.left > 0)
        answer = Answer(None) if made is None else decider.equal(aig, made[1])
        if made is None or answer.equal is None:
            return None, f"no result differs on {len(vectors)} inputs, and then the time limit"
        if answer.example is None:
            return None, _SAME
        example = answer.example
        beats = [sum(example.get(bit, 0) << i for i, bit in enumerate(word)) for word in made[0]]
        vectors = [self.manifest.input.unpack(beats)]
        found = difference(self.manifest, (rtl, netlist), vectors)
        return (_shown(found, vectors), "") if found else (None, "only undefined values differ")

    def _modules(self, folder: Path, rtl: Collection[str]) -> Mapping[str, Any]:
        """The RTL; or the netlist, but the modules ``rtl`` as they are there."""
        modules: dict[str, Any] = _load(folder / "rtl.json")["modules"]
        if not rtl:
            return modules
        return {**self.netlist["modules"], **{name: modules[name] for name in rtl}}

    def _hints(self, modules: Iterable[ModuleProof]) -> list[list[int]]:
        """What tells a module apart that reads the network's input, as inputs of the network."""
        layout = self.manifest.input
        width = layout.elements * layout.element_bits
        return [
            layout.unpack([value >> k * layout.width for k in range(layout.beats)])
            for module in modules
            for value in module.example.values()
            if layout.beats == 1 and value.bit_length() <= width
        ]

    def _flat(self, folder: Path, name: str, modules: Mapping[str, Any]) -> CircuitSource:
        top = self.manifest.top
        (folder / name).write_text(json.dumps({"modules": modules}), encoding="utf-8")
        run_yosys(_FLATTEN.format(name=name, top=top), folder, tool=self.tool)
        return CircuitSource(top, _load(folder / name)["modules"][top], {}, self.library)


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


def _limit(modules: Mapping[str, ModuleProof], reason: str) -> str:
    """What kept the proof from an answer."""
    name, first = next(iter(modules.items()))
    if first.status == "differs":
        what = first.limit or "it differs for some values at its ports and registers"
        return f"{name}: {what}, but {reason}"
    return f"{name}: {first.limit}; {reason}"
