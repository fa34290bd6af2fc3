"""A design as text: Verilog of a network in one architecture, its manifest, its testbench."""

from dataclasses import dataclass
from pathlib import Path

from hwgen.flows.api.samples import Samples, samples_of
from hwgen.flows.design import RtlDesign
from hwgen.flows.results import html_line, html_table
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.constraints import DEFAULT_CLOCK, constraints_text
from hwgen.rtl.manifest import Manifest
from hwgen.sim.testbench import bench_files
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network
from hwgen.support.files import check_folder


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DesignText:
    """Verilog of a network, with its manifest.

    Attributes
    ----------
    network
        What it computes.
    architecture
        How, with its knobs set.
    rtl
        Text and manifest together.
    """

    network: Network
    architecture: Architecture
    rtl: RtlDesign

    @property
    def verilog(self) -> str:
        """The Verilog-2005 text; the same network and knobs give the same bytes."""
        return self.rtl.verilog

    @property
    def manifest(self) -> Manifest:
        """Top module, ports, packing of vectors into beats, latency and interval in cycles."""
        return self.rtl.manifest

    def write(
        self,
        folder: str | Path,
        *,
        testbench: bool = False,
        x: Samples | None = None,
        vectors: int = 200,
        seed: int = 0,
        clock: float = DEFAULT_CLOCK,
    ) -> Manifest:
        """Write the Verilog, ``manifest.json``, and timing constraints ``<top>.sdc``.

        Parameters
        ----------
        folder
            Made where it is not there.
        testbench
            Write a Verilog testbench with its vectors too, which runs without hwgen.
        x, vectors, seed
            Of the testbench, as of :meth:`verify`.
        clock
            Period in ns that the constraints ask for; :meth:`synth` says which ones can be met.

        Returns
        -------
        Manifest
            With the path of the Verilog.

        Raises
        ------
        HwgenError
            The folder cannot be written, the samples do not fit the network, no such period.
        """
        check_folder(Path(folder))
        files = {f"{self.manifest.top}.sdc": constraints_text(self.manifest, clock)}
        if testbench:
            data = None if x is None else samples_of(self.network, x).x
            bench = make_vectors(self.network, count=vectors, seed=seed, data=data)
            files |= bench_files(self.manifest, bench, seed)
        return self.rtl.write(Path(folder), files)

    def __repr__(self) -> str:
        return f"<hwgen.Design {self.manifest.top}: {self.architecture}>"

    def _repr_html_(self) -> str:
        found = self.manifest
        line = (
            f"{found.top}: {self.architecture}; latency {found.latency_cycles:,}, interval "
            f"{found.interval_cycles:,} cycles; {self.verilog.count(chr(10)):,} lines of Verilog"
        )
        rows = [(port.name, port.direction, port.width) for port in found.ports]
        return html_line(line) + html_table("ports", ["port", "direction", "bits"], rows)
