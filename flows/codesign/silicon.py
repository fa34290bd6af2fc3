"""From a network of the search to mapped cells and a simulated design."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hwgen.flows.codesign.results import Point
from hwgen.flows.codesign.samples import Task
from hwgen.flows.design import generated
from hwgen.frontends.codesign.candidates import Candidate
from hwgen.frontends.codesign.file import to_network
from hwgen.rtl.interface import Architecture
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What networks become.

    Parameters
    ----------
    library
        A :class:`hwgen.synth.libraries.library.CellLibrary`.
    sums
        The last sums instead of an argmax.
    vectors
        Vectors that the Verilog is simulated with; 0: not at all.
    """

    architecture: Architecture
    library: Any
    recipe: str
    sums: bool
    vectors: int
    cache: Any


def mapped_point(
    candidate: Candidate, task: Task, target: Target, place: Path, say: Say
) -> tuple[Point, Network]:
    """Map and verify ``candidate``, whose network file will be ``place``.

    Raises
    ------
    HwgenError
        The golden model or the simulated Verilog says something else than the search.
    """
    from hwgen.synth import synthesize

    output: Literal["argmax", "values"] = "values" if target.sums else "argmax"
    network = to_network(candidate.network, task.name, task.labels, output)
    check_equal(candidate, network, task)
    with tempfile.TemporaryDirectory(prefix="hwgen-codesign-") as name:
        folder = Path(name)
        manifest = generated(network, target.architecture, folder, target.cache)
        report = synthesize(
            Path(manifest.verilog),
            manifest.top,
            library=target.library,
            recipe=target.recipe,
            cache=target.cache,
        )
        vectors = _simulated(network, manifest, task, target.vectors, say)
    layers = candidate.network.layers
    test = candidate.network.accuracy(task.test.x, task.test.y)
    point = Point(
        network=place,
        validation=candidate.validation,
        test=test,
        standard_error=math.sqrt(test * (1 - test) / len(task.test.y)),
        area_um2=report.area_um2,
        estimated_um2=round(candidate.area * target.library.nand2_area, 1),
        gate_equivalents=report.gate_equivalents,
        neurons=tuple(layer.outputs for layer in layers),
        weights=sum(int((layer.weights != 0).sum()) for layer in layers),
        unused_inputs=tuple(np.flatnonzero((layers[0].weights == 0).all(axis=0)).tolist()),
        vectors=vectors,
    )
    return point, network


def check_equal(candidate: Candidate, network: Network, task: Task) -> None:
    """Hold the golden model to the integers of the search, on every sample."""
    for part in (task.train, task.validation, task.test):
        own = candidate.network.logits(part.x).T.astype(np.int64)
        if not np.array_equal(golden.infer(network, part.x), own):
            raise HwgenError(network.name, "the search's integers are others", "report this")


def _simulated(network: Network, manifest: Any, task: Task, vectors: int, say: Say) -> int:
    if not vectors:
        return 0
    from hwgen.sim.runner import run
    from hwgen.sim.vectors import make_vectors

    stimuli = make_vectors(network, count=vectors, seed=0, data=task.test.x)
    result = run(
        Path(manifest.verilog), manifest, stimuli, simulator="verilator", seed=0, progress=say
    ).to_json()
    if not result["passed"]:
        raise HwgenError(
            network.name,
            f"{result['mismatches']} mismatches; {result['failure']}",
            "every result must equal the golden model's",
        )
    return int(result["vectors"])
