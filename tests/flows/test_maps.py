"""Networks over maps go where dense ones go: plans, tiles."""

from pathlib import Path

import pytest

import hwgen
from hwgen.flows.handoff.tinytapeout.tile import tile_design
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.serial import Serial
from hwgen.rtl.stream import Stream
from hwgen.spec.network import save_network
from tests.flows.test_tinytapeout import simulate
from tests.networks import dense
from tests.rtl.test_stream import conv, mapped, some

NET = mapped([2, 3, 3], conv(some(2, 2, 2, 2)), dense(some(2, 8)), output="argmax")


def test_plan(tmp_path: Path) -> None:
    save_network(NET, tmp_path / "net.json")
    named = {point.architecture.name for point in hwgen.load(tmp_path / "net.json").plan().points}
    assert {"parallel", "serial", "stream"} <= named


@pytest.mark.parametrize("architecture", [Stream(effort="low", beat="channel"), Serial()], ids=str)
def test_tile(architecture: Architecture, tmp_path: Path) -> None:
    """Full speed, stalls, resets; latency and interval are exact."""
    text, manifest = tile_design(NET, architecture, "tt_um_small")
    assert simulate(NET, manifest, text, tmp_path).passed
