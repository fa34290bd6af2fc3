"""The whole way, on a network that reads handwritten digits."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.flows.prediction import accuracy_of
from hwgen.flows.synthesis import DesignReport, draw_areas, synthesize_design
from hwgen.flows.verification import Verification, verify_design
from hwgen.rtl.architectures import families
from hwgen.spec import golden
from hwgen.spec.data import load_data
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_together
from hwgen.support.progress import Progress, silent, under
from hwgen.synth import open_library

_SEED = 1
_VECTORS = 100
HEADER = (
    *("design", "accuracy", "vectors", "mismatches", "cells", "um2", "GE", "latency", "interval"),
)


@dataclass(frozen=True, kw_only=True)
class DemoDesign:
    """One architecture: what its regression and its synthesis say."""

    accuracy: float | None
    checked: Verification
    report: DesignReport

    def to_json(self) -> dict[str, Any]:
        """One of the objects in ``designs``."""
        checked, report = self.checked.to_json(), self.report.to_json()
        kept = ("arch", "cells", "area_um2", "gate_equivalents", "critical_path_ns", "pdk")
        cycles = ("latency_cycles", "interval_cycles", "verilog", "netlist")
        return {
            "accuracy": self.accuracy,
            **{key: checked[key] for key in ("passed", "failure", "vectors", "mismatches")},
            **{key: report[key] for key in (*kept, *cycles)},
        }

    def row(self) -> list[object]:
        """Cells below :data:`HEADER`."""
        return [
            self.report.arch.name,
            f"{self.accuracy or 0:.2%}",
            self.checked.vectors,
            self.checked.mismatches,
            self.report.cells,
            round(self.report.area_um2),
            round(self.report.gate_equivalents),
            self.report.latency_cycles,
            self.report.interval_cycles,
        ]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The digits network in every architecture."""

    network: str
    parameters: int
    designs: tuple[DemoDesign, ...]
    picture: Path | None

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen demo --json`` prints."""
        designs = [design.to_json() for design in self.designs]
        return {
            "network": self.network,
            "parameters": self.parameters,
            "designs": designs,
            "picture": None if self.picture is None else str(self.picture),
        }

    def require(self) -> None:
        """Refuse a design that is wrong.

        Raises
        ------
        HwgenError
            One is.
        """
        for design in self.designs:
            if not design.checked.passed:
                raise HwgenError(
                    f"demo (seed {_SEED})",
                    str(design.checked.failure),
                    "every result must equal the golden model's",
                )


def run_demo(folder: Path, progress: Progress = silent) -> Demo:
    """Verify and synthesize digits in each architecture that takes it; files go to ``folder``.

    Raises
    ------
    HwgenError
        A tool is missing, or the folder cannot be written.
    """
    network = load_network(example("digits.json"))
    samples = load_data(example("digits-test.npz"), network)
    accuracy = accuracy_of(network, golden.predict(network, samples.x), samples)
    designs = []
    for architecture in (one() for one in families().values() if one.takes(network)):
        say = under(progress, architecture.name)
        checked = verify_design(
            network,
            architecture,
            samples=samples.x,
            vectors=_VECTORS,
            seed=_SEED,
            progress=say,
        )
        report = synthesize_design(
            network,
            architecture,
            library=open_library(),
            output=folder / architecture.name,
            progress=say,
        )
        designs.append(DemoDesign(accuracy=accuracy, checked=checked, report=report))
    drawn = draw_areas({str(one.report.arch): one.report for one in designs}, progress)
    result = Demo(
        network=network.name,
        parameters=network.parameter_count,
        designs=tuple(designs),
        picture=folder / "area.png" if drawn else None,
    )
    text = json.dumps(result.to_json(), indent=2) + "\n"
    texts: dict[str, str | bytes] = {"demo.json": text, **drawn}
    write_together({folder / name: content for name, content in texts.items()})
    return result


def example(name: str) -> Path:
    """A file of ``examples/``, beside this package or, once installed, inside it."""
    flows = Path(__file__).resolve().parent
    inside, beside = flows / "examples" / name, flows.parent / "examples" / name
    return inside if inside.is_file() else beside
