"""Changes that Icarus counts in a netlist with delays are those of an event simulation."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.glitches import Case, arcs_of
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from tests.networks import dense, network, rescale

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is missing")

NET = network(
    [
        dense([[1, -2, 3, 0], [3, 4, -1, 2]], output=rescale(4, False, 0), activation="relu"),
        dense([[2, -1], [-1, 3]], name="out"),
    ],
    output="argmax",
    name="tiny",
)


@pytest.mark.parametrize(
    ("architecture", "pdk"),
    [(Serial(storage="latch"), "ihp-sg13g2"), (Parallel(pipeline=1), "sky130hd")],
    ids=["latches and clock gates", "pipeline"],
)
def test_every_net(architecture: Architecture, pdk: str, tmp_path: Path) -> None:
    x = np.random.default_rng(2).integers(0, 16, (30, 4))
    case = Case(NET, architecture, pdk, tmp_path, x, 20, 60)
    still, moving = case.icarus(None), case.icarus(case.delays)
    assert case.events([{} for _ in case.flat.instances]) == still
    assert case.events(arcs_of(case.flat, case.library, case.delays)) == moving
    assert sum(moving.values()) > 1.1 * sum(still.values())
    slower = [{pin: (a + 90, b) for pin, (a, b) in own.items()} for own in case.delays]
    assert case.events(arcs_of(case.flat, case.library, slower)) != moving
