"""A design: Verilog of a network in one architecture, and all that can be found out about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import randbelow

from hwgen.flows.api.samples import Samples, samples_of
from hwgen.flows.api.text import DesignText
from hwgen.flows.handoff.flow import Check, hand_over
from hwgen.flows.handoff.result import Handoff, Target
from hwgen.flows.placement import UTILIZATION, PlacementReport, place_design
from hwgen.flows.power import Conditions, PowerReport, estimate_power
from hwgen.flows.proof import ProofReport, prove_design
from hwgen.flows.synthesis import DesignReport, SynthesisOptions, synthesize_design
from hwgen.flows.verification import Cells, Verification, verify_design
from hwgen.sim.simulators import Simulator
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent
from hwgen.synth import open_library

Files = Sequence[str | Path]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Design(DesignText):
    """Verilog of a network, with its manifest.

    Every method takes ``progress``, a function that is called with one line of text whenever
    something new begins (``print`` will do), and gives a frozen result with ``to_json()``, which is
    what the command line prints with ``--json``.

    """

    def verify(
        self,
        x: Samples | None = None,
        *,
        vectors: int = 200,
        simulator: Simulator = "verilator",
        seed: int | None = None,
        gates: bool = False,
        pdk: str | None = None,
        liberty: Files = (),
        recipe: str = "area",
        wave: str | Path | None = None,
        progress: Progress = silent,
    ) -> Verification:
        """Simulate the design and compare it with the golden model, value for value.

        At full speed, with random stalls on both sides and with resets in mid-stream; latency and
        interval are held to what the manifest states.

        Parameters
        ----------
        x
            Samples [samples, features] that are verified besides, as of :meth:`Network.predict`.
        vectors
            How many corner and random vectors, at least 1.
        simulator
            ``"verilator"`` or ``"icarus"``.
        seed
            Decides vectors, stalls and resets; None: a fresh one, which the result names.
        gates
            Simulate the netlist of library cells instead, made with ``pdk`` or ``liberty`` and
            ``recipe`` as of :meth:`synth`.
        wave
            Where the waveform goes of the first vector that is wrong, run alone, else of vector 0:
            ``.fst`` or ``.vcd``, the signals named as in the Verilog.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        Verification
            ``passed``, ``mismatches``, ``cycles``, ``seed``, ``phases`` and so on. A design that is
            wrong is a result; ``require()`` turns it into an error.

        Raises
        ------
        HwgenError
            A tool is missing or fails, or the samples do not fit the network.
        """
        given = {"pdk": pdk, "liberty": tuple(liberty)}
        if not gates and any(given.values()):
            name = next(name for name, value in given.items() if value)
            raise HwgenError(name, "given without gates", "only a netlist is made of cells")
        cells = None
        if gates:
            options = SynthesisOptions(recipe).check()
            cells = Cells(open_library(pdk, _paths(liberty)), options)
        return verify_design(
            self.network,
            self.architecture,
            samples=None if x is None else samples_of(self.network, x).x,
            vectors=vectors,
            simulator=simulator,
            seed=seed,
            cells=cells,
            wave=None if wave is None else Path(wave),
            progress=progress,
        )

    def synth(
        self,
        pdk: str | None = None,
        *,
        liberty: Files = (),
        recipe: str = "area",
        clock: float | None = None,
        flatten: bool = False,
        tool: str = "auto",
        timeout: float = 1800.0,
        cache: bool = True,
        folder: str | Path | None = None,
        progress: Progress = silent,
    ) -> DesignReport:
        """Map the design to standard cells and measure it, before layout.

        Parameters
        ----------
        pdk
            A built-in cell library (None: ``ihp-sg13g2``), or ``pdk_root:NAME`` for the foundry's
            own below ``$PDK_ROOT``.
        liberty
            The foundry's Liberty files instead.
        recipe
            ``"area"``, ``"balanced"``, ``"delay"`` or ``"best"``.
        clock
            Period in ns that ``"delay"`` aims at.
        flatten
            Map the design as one module too, and keep the smaller netlist.
        tool
            Which Yosys: ``"auto"``, ``"pyosys"``, ``"yowasp"`` or ``"path"``.
        timeout
            Seconds for Yosys.
        cache
            Whether what was finished before is looked up, and what is finished now is kept.
        folder
            Where Verilog, manifest, netlist, report and picture go; None: nowhere.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        DesignReport
            ``area_um2``, ``gate_equivalents``, ``cells``, ``area_by_module``, ``critical_path_ns``,
            ``leakage_nw`` and so on; a table and a picture in a notebook.

        Raises
        ------
        HwgenError
            An unknown library, recipe or tool; Yosys fails or is too slow.
        """
        return synthesize_design(
            self.network,
            self.architecture,
            library=open_library(pdk, _paths(liberty)),
            options=SynthesisOptions(recipe, clock, tool, timeout, cache).check(),
            flatten=flatten,
            output=None if folder is None else Path(folder),
            progress=progress,
        )

    def prove(
        self,
        pdk: str | None = None,
        *,
        liberty: Files = (),
        recipe: str = "area",
        netlist: str | Path | None = None,
        time_limit: float = 300.0,
        progress: Progress = silent,
    ) -> ProofReport:
        """Prove netlist = RTL = arithmetic for all inputs, and that no accumulator overflows.

        Parameters
        ----------
        pdk, liberty, recipe
            As of :meth:`synth`.
        netlist
            A netlist to prove instead of one of our own: ``.v``, or ``.json`` of Yosys.
        time_limit
            Seconds for each question.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        ProofReport
            ``proved``, and of each question its verdict, with a counterexample where it is
            refuted; ``require()`` turns what is not proved into an error.

        Raises
        ------
        HwgenError
            The design cannot be mapped, or the netlist not be read.
        """
        return prove_design(
            self.network,
            self.architecture,
            library=open_library(pdk, _paths(liberty)),
            options=SynthesisOptions(recipe).check(),
            netlist=None if netlist is None else Path(netlist),
            time_limit=time_limit,
            progress=progress,
        )

    def power(
        self,
        x: Samples,
        *,
        pdk: str | None = None,
        liberty: Files = (),
        recipe: str = "area",
        clock: float | None = None,
        rate: float | None = None,
        wire_cap: float | None = None,
        simulator: Simulator = "verilator",
        folder: str | Path | None = None,
        progress: Progress = silent,
    ) -> PowerReport:
        """Estimate the energy of an inference: simulate the netlist on data, count changes.

        Parameters
        ----------
        x
            Samples [samples, features] as of :meth:`Network.predict`; some tens tell enough.
        pdk, liberty, recipe
            As of :meth:`synth`.
        clock
            Period in ns; None: the shortest by static timing.
        rate
            Inferences a second; None: as many as the clock allows.
        wire_cap
            fF of the wire to each driven pin; None: what the library makes likely.
        simulator
            ``"verilator"`` or ``"icarus"``.
        folder
            Where Verilog, manifest, netlist and report go; None: nowhere.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        PowerReport
            ``energy_pj`` of an inference, ``average_power_uw``, what they are made of, and what is
            left out (``assumptions``).

        Raises
        ------
        HwgenError
            No samples, conditions that the design cannot meet, a tool that fails.
        """
        return estimate_power(
            self.network,
            self.architecture,
            samples_of(self.network, x).x,
            library=open_library(pdk, _paths(liberty)),
            options=SynthesisOptions(recipe, clock if recipe == "delay" else None).check(),
            conditions=Conditions(clock=clock, rate=rate, wire_cap=wire_cap),
            simulator=simulator,
            output=None if folder is None else Path(folder),
            progress=progress,
        )

    def place(
        self,
        folder: str | Path | None = None,
        *,
        pdk: str | None = None,
        liberty: Files = (),
        recipe: str = "area",
        utilization: float = UTILIZATION,
        clock_gates: bool = False,
        cache: bool = True,
        progress: Progress = silent,
    ) -> PlacementReport:
        """Place the cells in rows of a core: an estimate of the layout, its wires, their delay.

        Parameters
        ----------
        folder
            Where DEF, JSON, netlist and picture go; None: nothing is written.
        pdk, liberty, recipe, cache
            As of :meth:`synth`; a library whose placement site is known.
        utilization
            Percent of the core that cells fill, 1..95.
        clock_gates
            Map with clock gates even where the layout flow leaves them out.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        PlacementReport
            Sizes in um, wire lengths in mm, the critical path with wires in ns.

        Raises
        ------
        HwgenError
            The extra ``place`` is missing, or no site is known for the library.
        """
        return place_design(
            self.network,
            self.architecture,
            library=open_library(pdk, _paths(liberty)),
            options=SynthesisOptions(recipe=recipe, cache=cache),
            utilization=utilization,
            clock_gates=clock_gates,
            output=None if folder is None else Path(folder),
            progress=progress,
        )

    def handoff(
        self,
        folder: str | Path,
        *,
        to: Target,
        pdk: str | None = None,
        clock: float | None = None,
        utilization: float | None = None,
        author: str = "",
        rtl_source: bool = False,
        clock_gates: bool = False,
        verify: bool = True,
        vectors: int = 100,
        simulator: Simulator = "verilator",
        seed: int | None = None,
        cache: bool = True,
        progress: Progress = silent,
    ) -> Handoff:
        """Write a project for a layout flow, verified: Verilog, constraints, size, pins.

        Parameters
        ----------
        folder
            Where everything goes.
        to
            ``"librelane"``: a block of its own; ``"tinytapeout"``: a tile of a shared chip.
        pdk
            ``ihp-sg13g2`` (None), ``sky130hd`` or ``gf180mcu``.
        clock
            Period in ns; None: from the critical path, with room for layout.
        utilization
            Percent of the core that cells may fill, 1..95; None: what suits the target.
        author
            Tiny Tapeout only: your name, for ``info.yaml`` and the module.
        rtl_source
            Hand over the Verilog source instead of the mapped netlist.
        clock_gates
            Map with clock gates even where the layout flow leaves them out.
        verify
            Whether it is simulated first, with ``vectors`` vectors in ``simulator``; ``seed``
            decides them.
        cache
            As of :meth:`synth`.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        Handoff
            What was written, its size and clock, and notes on what is left to do.

        Raises
        ------
        HwgenError
            The design does not fit, or is wrong; nothing is written then.
        """
        seed = randbelow(1 << 31) if seed is None else seed
        return hand_over(
            self.network,
            self.architecture,
            to=to,
            library=open_library(pdk),
            clock=clock,
            utilization=utilization,
            author=author.strip(),
            rtl=rtl_source,
            clock_gates=clock_gates,
            check=Check(vectors=vectors, simulator=simulator, seed=seed) if verify else None,
            cache=cache,
            output=Path(folder),
            progress=progress,
        )


def _paths(files: Files) -> list[Path]:
    return [Path(file) for file in files]
