"""Modules to library cells: each alone, several at the same time, and none twice.

A module is mapped in canonical form (:mod:`hwgen.synth.mapping.canonical`), by every script of the
plan. The smallest result that ABC has proven equal to what it was given is kept.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hwgen.support.cache import Cache, key_of
from hwgen.support.errors import HwgenError
from hwgen.support.fingerprint import fingerprint
from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.mapping.canonical import MODULE, Canonical, canonical
from hwgen.synth.mapping.latches import latched
from hwgen.synth.mapping.recipe import MAPS, MappingPlan, back_script
from hwgen.synth.mapping.yosys import STAGE, Yosys, failure_of, run_batch

_PROVEN = "Networks are equivalent"
_UNDECIDED = "networks are undecided"
_NOTHING = "Don't call ABC as there is nothing to map."
_MAPPING = f"{STAGE} mapping"
_HANDED_OVER = "Extracted "
"""What Yosys says of gates that it hands to ABC; where it has none, it says nothing at all."""


@dataclass(frozen=True)
class Mapper:
    """How modules are mapped.

    Attributes
    ----------
    library, liberty, plan, yosys
        To what (and its text for the tools), how, and by whom.
    limit
        Seconds of processor time for a script on a module; 0 for none.
    cache
        Where results are looked up and kept; None for neither.
    """

    library: CellLibrary
    liberty: str
    plan: MappingPlan
    yosys: Yosys
    limit: int
    cache: Cache | None

    def map_modules(
        self,
        modules: Mapping[str, Any],
        folder: Path,
        *,
        timeout: float,
        progress: Callable[[str], None] | None = None,
    ) -> tuple[dict[str, Any], str]:
        """Map every one of ``modules``, in ``folder`` for temporary files; and the tools' output.

        Raises
        ------
        HwgenError
            No script got to its end for some module, or time ran out.
        """
        forms = {name: canonical(name, modules) for name in modules}
        made = self.settings, fingerprint()
        keys = {name: key_of("module", f.design, *made) for name, f in forms.items()}
        found = {key: self.cache.get(key) for key in keys.values()} if self.cache else {}
        missing = {key: forms[name] for name, key in keys.items() if found.get(key) is None}
        mapped, log = self._run(missing, folder, timeout, progress)
        if self.cache:
            for key, module in mapped.items():
                self.cache.put(key, module)
        every = {**found, **mapped}
        return {name: forms[name].restore(every[key]) for name, key in keys.items()}, log

    @cached_property
    def settings(self) -> str:
        """Stands for everything that a result depends on besides the design."""
        scripts = [back_script(self.library, self.plan.adders), *self.plan.abc]
        maps = [path.read_text(encoding="ascii") for path in sorted(MAPS.glob("*.v"))]
        return key_of(self.liberty, scripts, self.limit, maps, self.yosys.version)

    def _run(
        self,
        forms: Mapping[str, Canonical],
        folder: Path,
        timeout: float,
        progress: Callable[[str], None] | None,
    ) -> tuple[dict[str, Any], str]:
        """The mapped module of each form, by the form's key."""
        jobs: dict[Path, str] = {}
        for number, (key, form) in enumerate(forms.items()):
            for choice, abc in enumerate(self.plan.abc):
                job = folder / f"job{number:04d}_{choice:02d}"
                self._prepare(job, form, abc)
                jobs[job] = key
        if not jobs:
            return {}, ""
        codes = run_batch(
            folder,
            self.yosys,
            at_once=len(os.sched_getaffinity(0)),
            timeout=timeout,
            limit=self.limit,
            progress=progress,
        )
        done: dict[str, list[dict[str, Any]]] = {key: [] for key in forms}
        failed: dict[str, HwgenError] = {}
        logs = {job: (job / "yosys.log").read_text("utf-8", "replace") for job in jobs}
        for job, key in jobs.items():
            problem = _problem(codes[job], logs[job], alone=len(self.plan.abc) == 1)
            if problem:
                failed.setdefault(key, problem)
                continue
            design = json.loads((job / "netlist.json").read_text(encoding="utf-8"))
            done[key].append(latched(design["modules"][MODULE], self.library))
        for key, choices in done.items():
            if not choices:
                raise failed[key]
        best = {key: min(choices, key=self._area) for key, choices in done.items()}
        return best, "".join(logs.values())

    def _prepare(self, job: Path, form: Canonical, abc: str) -> None:
        """Everything a job reads, under fixed names."""
        job.mkdir()
        (job / "front.json").write_text(json.dumps(form.design), encoding="utf-8")
        (job / "cells.lib").write_text(self.liberty, encoding="ascii")
        (job / "abc.script").write_text(f"{abc}; cec\n", encoding="ascii")
        (job / "run.ys").write_text(back_script(self.library, self.plan.adders), encoding="ascii")
        for path in sorted(MAPS.glob("*.v")):
            shutil.copyfile(path, job / path.name)

    def _area(self, module: Mapping[str, Any]) -> float:
        kinds = (cell["type"] for cell in module["cells"].values())
        return sum(self.library.cells[kind].area for kind in kinds if kind in self.library.cells)


def _problem(code: int, log: str, *, alone: bool) -> HwgenError | None:
    """Why a job's netlist cannot be taken, if it cannot.

    A module that is too large for ABC's proof is taken from a plan's only script as it is. One of
    constants and wires, or of registers alone, gives ABC nothing to do and nothing to prove.
    """
    if code:
        return failure_of(code, log)
    _, reached, after = log.partition(_MAPPING)
    if reached and _HANDED_OVER not in after:
        return None
    if any(text in log for text in (_PROVEN, _NOTHING)) or (alone and _UNDECIDED in log.lower()):
        return None
    return HwgenError("Yosys", "ABC found no proof of its result", "no netlist was written")
