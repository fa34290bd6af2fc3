"""The front of a network's designs, and the one to take."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hwgen.flows.api.network import load as hwgen_load
from hwgen.flows.cli.main import hwgen, run
from hwgen.flows.plan import Plan, candidates, front, plan, write_plan
from hwgen.flows.plan_points import Limits, Mapped, Point
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial import BitSerial
from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel, estimate
from hwgen.rtl.serial import Serial
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library
from tests.networks import dense, network, rescale

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits.json"
LIBRARY = open_library("ihp-sg13g2")
RNG = np.random.default_rng(1)
NET = network(
    [
        dense(RNG.integers(-7, 8, (6, 8)).tolist(), output=rescale(4, False, -4)),
        dense(RNG.integers(-7, 8, (3, 6)).tolist()),
    ],
    output="argmax",
)


def point(
    interval: int, area: float, mapped: float | None = None, path: float | None = None
) -> Point:
    return Point(
        architecture=Parallel(),
        latency=1,
        interval=interval,
        estimate=area,
        mapped=None if mapped is None else made(mapped, path or 1.0, interval),
    )


def made(area: float, path_ns: float = 1.0, interval: int = 1) -> Mapped:
    return Mapped(area=area, path_ns=path_ns, latency=1, interval=interval)


def test_front() -> None:
    points = [point(4, 50), point(1, 100), point(2, 120), point(4, 60), point(9, 50), point(9, 40)]
    assert [(one.interval, one.area) for one in front(points)] == [(1, 100), (4, 50), (9, 40)]


def test_candidates_state_their_cycles(tmp_path: Path) -> None:
    points = candidates(NET, LIBRARY)
    assert {type(one.architecture) for one in points} >= {Parallel, BitSerial, Serial}
    for one in points:
        manifest = generate(NET, one.architecture, tmp_path)
        assert one.interval == manifest.interval_cycles
        assert one.latency in (None, manifest.latency_cycles)


def test_smallest_within_an_interval() -> None:
    found = plan(NET, LIBRARY, Limits(max_cycles=10))
    assert found.chosen is not None
    fitting = [one for one in found.points if one.interval <= 10]
    assert found.chosen.area == min(one.area for one in fitting)
    assert len(fitting) < len(found.points)


def test_fastest_within_an_area() -> None:
    middle = plan(NET, LIBRARY, Limits()).front[1].area
    found = plan(NET, LIBRARY, Limits(max_area=middle))
    assert found.chosen is not None
    assert found.chosen.interval == min(one.interval for one in found.points if one.area <= middle)


def test_smallest_within_an_energy() -> None:
    """The slowest designs are the smallest, and take the most energy."""
    found = plan(NET, LIBRARY, Limits(max_energy=20))
    free = plan(NET, LIBRARY, Limits())
    assert found.chosen is not None
    assert free.chosen is not None
    assert found.chosen.energy_pj <= 20 < free.chosen.energy_pj
    assert found.chosen.area > free.chosen.area


def test_measured_energy_decides() -> None:
    limits = Limits(max_energy=5)
    one = replace(point(1, 10), estimated_pj=6.0)
    assert not limits.fit(one)
    assert limits.fit(replace(one, mapped=replace(made(10), energy_pj=4.0)))
    assert not limits.fit(replace(one, mapped=made(10)))


def test_nothing_fits() -> None:
    assert plan(NET, LIBRARY, Limits(max_cycles=1, max_area=10)).chosen is None


def test_rate_and_clock() -> None:
    assert Limits(clock=10, rate=1e6).clocks == 100
    assert Limits(clock=10, rate=1e6, max_cycles=7).clocks == 7
    with pytest.raises(HwgenError, match=r"^rate: given without a clock, a clock period"):
        Limits(rate=10)
    with pytest.raises(HwgenError, match=r"^rate: 2e\+08 inferences a second at 10 ns, at most"):
        Limits(clock=10, rate=2e8)


def test_mapped_areas_decide() -> None:
    """The best by estimate is mapped, turns out larger, and the next one is taken."""
    mapped: list[Architecture] = []

    def mapper(architecture: Architecture) -> Mapped:
        mapped.append(architecture)
        area = 1e9 if len(mapped) == 1 else 10.0
        return made(area, interval=architecture.cycles(NET).interval)

    found = plan(NET, LIBRARY, Limits(max_cycles=50), count=2, mapper=mapper)
    assert len(mapped) == 2
    assert found.chosen is not None
    assert found.chosen.architecture == mapped[1]
    assert found.chosen.area == 10.0


def test_too_slow_for_the_clock() -> None:
    limits = Limits(clock=5)
    assert limits.fit(point(1, 10))
    assert not limits.fit(point(1, 10, mapped=10, path=5.1))


def test_options_make_the_design() -> None:
    one = Point(architecture=BitSerial(digit=2, stages=1), latency=1, interval=1, estimate=1)
    assert one.options == "--arch bit-serial --digit 2 --stages 1"
    assert point(1, 1).options == ""


AREAS = {
    Parallel(): 62_903,
    Parallel(pipeline=2): 138_616,
    BitSerial(): 43_938,
    BitSerial(stages=1): 40_797,
}
"""The README's, which tests/synth/test_area.py holds."""


@pytest.mark.parametrize("architecture", AREAS, ids=str)
def test_estimates_of_digits(architecture: Architecture) -> None:
    network = load_network(DIGITS)
    estimate = architecture.estimated_area(network.layers, network.input.format)
    assert abs(estimate / AREAS[architecture] - 1) < 0.06


def test_large_layers_are_judged_by_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the inputs tell what sharing saves among all of them."""
    weights = np.random.default_rng(2).integers(-8, 8, (24, 32))
    net = network([dense(weights.tolist())])
    whole, _, *others = estimate.parts(net.layers, net.input.format)
    monkeypatch.setattr(estimate, "_MOST", 400)
    monkeypatch.setattr(estimate, "_SOME", 600)
    judged, _, *same = estimate.parts(net.layers, net.input.format)
    assert same == others
    assert judged != whole
    assert abs(judged / whole - 1) < 0.03


def test_command(tmp_path: Path) -> None:
    arguments = ["plan", str(DIGITS), "--max-cycles", "10", "-o", str(tmp_path / "plan"), "--json"]
    result = CliRunner().invoke(hwgen, arguments)
    report = json.loads(result.stdout)
    assert report["chosen"]["interval_cycles"] <= 10
    assert report["command"].startswith(f"hwgen synth {DIGITS} --arch bit-serial")
    assert {path.name for path in (tmp_path / "plan").iterdir()} >= {"plan.json"}
    assert json.loads((tmp_path / "plan/plan.json").read_text())["chosen"] == report["chosen"]


def test_clock_and_rate_with_any_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A clock period is a limit here, not what is mapped for."""
    assert run(["plan", str(DIGITS), "--clock", "20", "--rate", "1e6", "--max-energy", "300"]) == 0
    said = capsys.readouterr()
    assert "take bit-serial" in said.out
    assert said.err.splitlines()[-1].endswith("known once it is mapped: --map")


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", str(DIGITS), "--max-area", "10"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "hwgen: error: plan: no design keeps to the limits, wider ones are needed"
    )
    assert run(["plan", str(DIGITS), "--data", "x.npz"]) == 1
    assert "--data: given without --map" in capsys.readouterr().err


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [point(1, 100), point(4, 50, mapped=52), point(90, 20)]
    limits = Limits(max_cycles=10, max_area=90)
    found = Plan(name="n", pdk="l", points=points, chosen=points[1], limits=limits)
    write_plan(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", "plan.png", "plan.svg"}


def test_python_interface() -> None:
    found = hwgen_load(DIGITS).plan(max_cycles=10)
    assert found.chosen is not None
    assert isinstance(found.chosen.architecture, BitSerial)
    assert f"to take: {found.chosen.architecture}" in found._repr_html_()
