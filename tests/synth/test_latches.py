"""Words in latches: what mapping makes of them, in simulators and before the proof."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.flows.gates import Gates, make_gates
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.serial import Serial
from hwgen.sim.runner import run as simulate
from hwgen.sim.simulators import SIMULATORS, Simulator
from hwgen.sim.vectors import make_vectors
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.progress import silent
from hwgen.synth import open_library
from hwgen.synth.libraries.models import verilog_models
from hwgen.synth.mapping.latches import unlatched
from tests.flows.test_prove import held, netlist_of
from tests.networks import dense, network, rescale
from tests.sim.test_activity import needs_icarus

LATCH, GATE, FLIP_FLOP = "sg13g2_dlhrq_1", "sg13g2_lgcp_1", "sg13g2_dfrbpq_1"
PLACES, BITS = 16, 5


def wide() -> Network:
    """Sixteen inputs of five bits, or twelve accumulators, to be stored."""
    rng = np.random.default_rng(3)
    hidden = dense(rng.integers(-7, 8, (12, PLACES)).tolist(), output=rescale(BITS, False, -4))
    last = dense(rng.integers(-7, 8, (2, 12)).tolist(), name="out")
    return network([hidden, last], bits=BITS, name="wide")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    return make_gates(
        wide(),
        Serial(),
        tmp_path_factory.mktemp("latches"),
        library=open_library("ihp-sg13g2"),
        options=SynthesisOptions(),
        progress=silent,
    )


def stores(netlist: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of the modules with latches."""
    found = [module["cells"] for module in netlist["modules"].values()]
    return [cells for cells in found if any(cell["type"] == LATCH for cell in cells.values())]


def of(cells: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Connections of the cells of a kind, in the order of what they drive."""
    nets = (cell["connections"] for cell in cells.values() if cell["type"] == kind)
    return sorted(nets, key=lambda pins: [pins[pin] for pin in sorted(pins)])


def test_a_latch_a_bit_a_clock_gate_a_row(made: Gates) -> None:
    """Fewer clock gates than words, and a flip-flop for each bit of the data."""
    for cells in stores(netlist_of(made)):
        latches = of(cells, LATCH)
        words = {pins["GATE"][0] for pins in latches}
        assert len(latches) > 2 * len(words) > 2 * len(of(cells, GATE))
        assert {p["D"][0] for p in latches} == {p["Q"][0] for p in of(cells, FLIP_FLOP)}


def test_the_same_flip_flops_again(made: Gates) -> None:
    netlist = netlist_of(made)
    latches = [of(cells, LATCH) for cells in stores(netlist)]
    more = sum(len(pins) - len({one["D"][0] for one in pins}) for pins in latches)
    back = unlatched(netlist, made.library)
    assert not stores(back)
    before, after = (
        Counter(c["type"] for m in one["modules"].values() for c in m["cells"].values())
        for one in (netlist, back)
    )
    assert after[FLIP_FLOP] == before[FLIP_FLOP] + more
    assert held(made, netlist).status == "proved"


def swapped(kind: str, pin: str) -> Callable[[dict[str, Any]], None]:
    """What two cells of a kind read, exchanged where it differs."""

    def fault(cells: dict[str, Any]) -> None:
        first, *others = of(cells, kind)
        other = next(pins for pins in others if pins[pin] != first[pin])
        first[pin], other[pin] = other[pin], first[pin]

    return fault


def past_the_flip_flop(cells: dict[str, Any]) -> None:
    """A latch that is open to what the flip-flop before it only takes at the edge."""
    latch = of(cells, LATCH)[0]
    source = next(pins for pins in of(cells, FLIP_FLOP) if pins["Q"] == latch["D"])
    latch["D"] = source["D"]


def open_to_the_clock(cells: dict[str, Any]) -> None:
    """A latch without a clock gate."""
    of(cells, LATCH)[0]["GATE"] = of(cells, GATE)[0]["CLK"]


FAULTS = {
    "data": swapped(LATCH, "D"),
    "word": swapped(LATCH, "GATE"),
    "row": swapped(GATE, "GATE"),
    "source": swapped(FLIP_FLOP, "D"),
    "past the flip-flop": past_the_flip_flop,
    "open to the clock": open_to_the_clock,
}


LATCHES_ARE_LEFT = ("past the flip-flop", "open to the clock")


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_not_proved(name: str, made: Gates) -> None:
    netlist = netlist_of(made)
    FAULTS[name](stores(netlist)[0])
    x = np.random.default_rng(5).integers(0, 1 << BITS, (12, PLACES)).tolist()
    if name in LATCHES_ARE_LEFT:
        with pytest.raises(HwgenError, match=r": a latch, only flip-flops are known$"):
            held(made, netlist, x)
    else:
        assert held(made, netlist, x).status == "refuted"


@needs_icarus
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_gates_with_latches(simulator: Simulator, made: Gates) -> None:
    """Stalls, resets and full speed; zero delay everywhere, so that any race shows."""
    assert stores(netlist_of(made))
    found = simulate(
        made.netlist,
        made.manifest,
        make_vectors(wide(), count=40, seed=2),
        simulator=simulator,
        extra_sources=(made.models,),
    )
    assert found.passed, found


def test_flip_flops_where_they_are_asked_for(tmp_path: Path) -> None:
    gates = make_gates(
        wide(),
        Serial(storage="flip-flop"),
        tmp_path,
        library=open_library("ihp-sg13g2"),
        options=SynthesisOptions(),
        progress=silent,
    )
    assert not stores(json.loads((tmp_path / "netlist.json").read_text()))
    assert gates.manifest.arch == Serial(storage="flip-flop")


@pytest.mark.parametrize(
    ("pdk", "latch", "tied", "storage"),
    [
        ("ihp-sg13g2", LATCH, ("RESET_B",), "auto"),
        ("sky130hd", "sky130_fd_sc_hd__dlxtp_1", (), "flip-flop"),
        ("gf180mcu", "gf180mcu_fd_sc_mcu7t5v0__latsnq_1", ("SETN",), "flip-flop"),
        ("asap7", "DHLx1_ASAP7_75t_R", (), "flip-flop"),
    ],
)
def test_latches_are_found(pdk: str, latch: str, tied: tuple[str, ...], storage: str) -> None:
    library = open_library(pdk)
    assert (library.latches[0].cell, library.latches[0].tied) == (latch, tied)
    assert Serial().suited(library.latch_share) == Serial(storage=storage)
    assert Serial(storage="latch").suited(None) == Serial(storage="latch")


def test_model_of_a_latch() -> None:
    text = verilog_models(open_library(), [LATCH])
    assert "if (clear) IQ <= 1'b0; else if (enable) IQ <= data;" in text
