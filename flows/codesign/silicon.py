"""From a network of the search to mapped cells and a simulated design."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hwgen.flows.codesign.results import Point
from hwgen.flows.codesign.samples import Task
from hwgen.flows.synthesis import SynthesisOptions, synthesize_design
from hwgen.flows.verification import verify_design
from hwgen.frontends.codesign.candidates import Candidate
from hwgen.frontends.codesign.file import to_network
from hwgen.frontends.codesign.integers import IntegerNetwork
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.pricing import Pricing
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress
from hwgen.synth import CellLibrary


@dataclass(frozen=True, kw_only=True)
class Target:
    """What networks become.

    Parameters
    ----------
    pricing
        What the search took silicon for.
    sums
        The last sums instead of an argmax.
    vectors
        Vectors that the Verilog is simulated with, beside the test samples; 0: not at all.
    """

    architecture: Architecture
    library: CellLibrary
    synthesis: SynthesisOptions
    pricing: Pricing
    sums: bool
    vectors: int


def mapped_point(
    candidate: Candidate, task: Task, target: Target, place: Path, say: Progress
) -> tuple[Point, Network]:
    """Map and verify ``candidate``, whose network file will be ``place``.

    Raises
    ------
    HwgenError
        The golden model or the simulated Verilog says something else than the search.
    """
    sums = target.sums or not task.labels
    output: Literal["argmax", "values"] = "values" if sums else "argmax"
    network = to_network(candidate.network, task.name, task.labels or None, output)
    check_equal(candidate, network, task)
    report = synthesize_design(
        network, target.architecture, library=target.library, options=target.synthesis
    )
    layers = candidate.network.layers
    test, spread, error = tested(candidate.network, task)
    point = Point(
        network=place,
        validation=candidate.validation,
        test=test,
        standard_error=spread,
        test_error=error,
        area_um2=report.area_um2,
        estimated_um2=round(estimated(candidate, target) * target.library.nand2_area, 1),
        gate_equivalents=report.gate_equivalents,
        neurons=tuple(layer.outputs for layer in layers),
        weights=sum(int((layer.weights != 0).sum()) for layer in layers),
        unused_inputs=tuple(candidate.network.unused_inputs()),
        unread_bits=tuple(candidate.network.unread_bits()),
        vectors=_simulated(network, task, target, say),
    )
    return point, network


def tested(network: IntegerNetwork, task: Task) -> tuple[float, float, float | None]:
    """Accuracy on test samples and its standard error; of real values R2, and their mean absolute
    error."""
    codes = task.test
    if not codes.real:
        share = network.accuracy(codes.x, codes.y)
        return share, math.sqrt(share * (1 - share) / len(codes.y)), None
    found = np.ldexp(network.logits(codes.x)[0].astype(float), -(network.fraction or 0))
    squares, variance = (found - codes.y) ** 2, max(1e-30, float(np.var(codes.y)))
    spread = float(squares.std() / math.sqrt(len(squares)) / variance)
    return 1 - float(squares.mean()) / variance, spread, float(np.abs(found - codes.y).mean())


def estimated(candidate: Candidate, target: Target) -> float:
    """Gate equivalents by the search's own count, with the argmax if there is one."""
    pricing = copy.copy(target.pricing)
    pricing.refresh(candidate.network.layers, candidate.network.tops())
    plain = target.sums or candidate.network.fraction is not None
    return pricing.area + (0.0 if plain else pricing.argmax_area())


def check_equal(candidate: Candidate, network: Network, task: Task) -> None:
    """Hold the golden model to the integers of the search, on every sample.

    Raises
    ------
    HwgenError
        They differ.
    """
    for part in (task.train, task.validation, task.test):
        own = candidate.network.logits(part.x).T.astype(np.int64)
        if not np.array_equal(golden.infer(network, part.x), own):
            raise HwgenError(network.name, "the search's integers are others", "report this")


def _simulated(network: Network, task: Task, target: Target, say: Progress) -> int:
    if not target.vectors:
        return 0
    return (
        verify_design(
            network,
            target.architecture,
            samples=task.test.x,
            vectors=target.vectors,
            seed=0,
            progress=say,
        )
        .require()
        .vectors
    )
