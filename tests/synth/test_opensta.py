"""Our static timing against OpenSTA's, on the same netlists, with the foundries' Liberty files."""

import shutil
from pathlib import Path

import pytest

from benchmarks.opensta import LIBRARIES, liberty, slowest
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping.netlist import Flat, Netlist
from hwgen.synth.timing import critical_path
from tests.networks import dense, network, rescale
from tests.synth.test_library import FOUNDRY, foundry, needs_foundry

pytestmark = [
    needs_foundry,
    pytest.mark.skipif(not shutil.which("sta"), reason="OpenSTA (sta) is not on the PATH"),
]

ARCHITECTURES = {
    "serial": Serial(),
    "pipeline": Parallel(pipeline=2),
}


def netlist(name: str, pdk: str, folder: Path) -> Flat:
    hidden = dense(
        [[1, -2, 3], [0, 4, -1]],
        [2, -1],
        output=rescale(4, False, 0),
        activation="relu",
        name="hidden",
    )
    out = dense([[1, 2], [-2, 1]], name="out")
    manifest = generate(network([hidden, out], output="argmax"), ARCHITECTURES[name], folder)
    synthesize(
        Path(manifest.verilog), manifest.top, library=open_library(pdk), out_dir=folder, timeout=60
    )
    return Netlist.read(folder / "netlist.json").flat()


@pytest.mark.parametrize("pdk", LIBRARIES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_slowest_path(name: str, pdk: str, tmp_path: Path) -> None:
    """Ours may be longer: see the setup times behind clock gates in docs/synthesis.md."""
    flat = netlist(name, pdk, tmp_path)
    theirs = slowest(flat, liberty(pdk, FOUNDRY))
    assert 0.999 * theirs <= critical_path(flat, foundry(pdk)).delay <= 1.03 * theirs
    assert 0.99 * theirs <= critical_path(flat, open_library(pdk)).delay <= 1.03 * theirs
