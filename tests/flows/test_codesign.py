import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from hwgen.flows.cli.codesign import Share, Widths, codesign
from hwgen.flows.codesign.results import Budget, Front, Point
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError


def point(area: float, validation: float) -> Point:
    return Point(
        network=Path(f"{area:.0f}.json"),
        validation=validation,
        test=validation,
        standard_error=0.01,
        area_um2=area,
        estimated_um2=area,
        gate_equivalents=area / 7,
        neurons=(4, 3),
        weights=20,
        unused_inputs=(2,),
        unread_bits=(0, 1, 4),
        vectors=10,
    )


POINTS = (point(1000, 0.90), point(2000, 0.94), point(4000, 0.96))


class TestBudget:
    @pytest.mark.parametrize(
        ("budget", "area"),
        [
            (Budget(accuracy=0.94), 2000),
            (Budget(accuracy=0.95), 4000),
            (Budget(accuracy=0.99), None),
            (Budget(loss=0.03), 2000),
            (Budget(loss=0.0), None),
            (Budget(area=3000), 2000),
            (Budget(area=10), None),
            (Budget(), None),
        ],
    )
    def test_choice(self, budget: Budget, area: float | None) -> None:
        chosen = budget.choose(POINTS, 0.97)
        assert (None if chosen is None else chosen.area_um2) == area

    def test_two_budgets(self) -> None:
        with pytest.raises(HwgenError, match="area: given with accuracy, one budget at a time"):
            Budget(accuracy=0.9, area=1000)

    def test_out_of_range(self) -> None:
        with pytest.raises(HwgenError, match=r"loss: found 120.00%, 0% to 100%"):
            Budget(loss=1.2)
        with pytest.raises(HwgenError, match=r"area: found -1, more than 0 um2"):
            Budget(area=-1)


@pytest.mark.parametrize(("text", "value"), [("95%", 0.95), ("0.95", 0.95), ("0.5%", 0.005)])
def test_shares(text: str, value: float) -> None:
    assert Share().convert(text, None, None) == pytest.approx(value)


def test_widths() -> None:
    assert Widths().convert("24,12", None, None) == (24, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accuracy", "much"], "'much' is no share: 95% or 0.95"),
        (["--hidden", "0,4"], "'0,4' is no list of widths: 24 or 24,12"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(codesign, ["iris", "-o", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--arch", "stream"],
            "--arch: found stream, parallel, bit-serial, serial are searched for",
        ),
        (["--points", "0"], "--points: found 0, at least 1"),
        (["--minutes", "0"], "--minutes: found 0, more than 0"),
        (["--input-bits", "12"], "--input-bits: found 12, 1 to 8"),
        (["--jobs", "-1"], "--jobs: found -1, at least 1"),
    ],
)
def test_refusals(arguments: list[str], message: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = CliRunner().invoke(codesign, ["iris", "-o", str(tmp_path), *arguments])
    assert isinstance(done.exception, HwgenError)
    assert str(done.exception) == message


@pytest.fixture(scope="module")
def made(tmp_path_factory: Any) -> tuple[Front, Path, list[str]]:
    """A front of the smallest search that is one."""
    pytest.importorskip("torch")
    from hwgen.flows import codesign as flow
    from hwgen.frontends.codesign.settings import Settings

    folder, said = tmp_path_factory.mktemp("codesign"), []
    settings = Settings(
        hidden=((4,),),
        smoothings=(0.05,),
        prices=2,
        cheap=1e-4,
        dear=1e-3,
        steps=250,
        rounds=0,
        sweeps=3,
        teachers=0,
    )
    for vectors in (0, 60):
        said.clear()
        front = flow.codesign(
            "breast_cancer",
            folder,
            settings=settings,
            budget=Budget(accuracy=0.5),
            options=flow.Options(vectors=vectors, points=1, minutes=5),
            progress=said.append,
        )
    return front, folder, said


def test_points_are_what_their_files_say(made: tuple[Front, Path, list[str]]) -> None:
    from hwgen.spec import golden

    front, folder, _ = made
    with np.load(folder / "test.npz") as data:
        x, y = data["x"], data["y"]
    assert front.points
    for one in front.points:
        network = load_network(one.network)
        assert float((golden.predict(network, x) == y).mean()) == pytest.approx(one.test)
        assert one.test > 0.8
        assert one.vectors >= 60


def test_estimates_are_near(made: tuple[Front, Path, list[str]]) -> None:
    front, _, _ = made
    for one in front.points:
        assert one.estimated_um2 == pytest.approx(one.area_um2, rel=0.2)


def test_the_second_run_trains_nothing(made: tuple[Front, Path, list[str]]) -> None:
    front, folder, said = made
    assert not [text for text in said if text.startswith(("training", "round"))]
    report = json.loads((folder / "front.json").read_text("utf-8"))
    assert report == json.loads(json.dumps(front.to_json()))
    assert report["chosen"]["area_um2"] == front.points[0].area_um2
    assert {"front.png", "front.svg"} <= {file.name for file in folder.iterdir()}
