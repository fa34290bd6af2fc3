"""What a search begins with, learns from, and is held to: models, real values, tiles, pages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from hwgen.flows.cli.codesign import codesign
from hwgen.flows.cli.report import report
from hwgen.flows.codesign.models import read_model, starting, taught
from hwgen.flows.codesign.page import page, read_front
from hwgen.flows.codesign.results import Budget, Front
from hwgen.flows.codesign.samples import Task, load_task
from hwgen.flows.handoff.room import room
from hwgen.frontends.train.settings import DataTable
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from tests.flows.test_codesign import POINTS

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def values(tmp_path_factory: Any) -> Path:
    """Samples of real values."""
    rng = np.random.default_rng(0)
    x = rng.random((300, 4))
    y = 20 + 7 * x[:, 0] * x[:, 1] - 3 * x[:, 2]
    path = tmp_path_factory.mktemp("values") / "values.csv"
    np.savetxt(
        path, np.column_stack([10 * x, y]), delimiter=",", header="a,b,c,d,y", comments=""
    )  # fmt: skip
    return Path(path)


@pytest.fixture(scope="module")
def digits() -> Task:
    pytest.importorskip("sklearn")
    return load_task(DataTable(source="digits"), Path(), 0, 4)


class TestModels:
    def test_a_teacher_is_half_of_the_labels(self, digits: Task) -> None:
        teacher = read_model(EXAMPLES / "digits-float.onnx", "teacher", digits)
        lesson = taught(digits, teacher)
        assert lesson.soft is not None
        assert lesson.soft.sum(axis=1) == pytest.approx(1)
        own = lesson.soft[np.arange(len(lesson.y)), lesson.y]
        assert own.min() >= 0.5
        assert 0.8 < own.mean() < 0.9999
        np.testing.assert_array_equal(lesson.x, digits.train.x)

    @pytest.mark.parametrize("name", ["digits-float.onnx", "digits.json"])
    def test_a_start_decides_as_its_model(self, digits: Task, name: str) -> None:
        start = read_model(EXAMPLES / name, "start", digits)
        x = digits.train.x / 16
        for k, (weights, bias) in enumerate(layers := starting(digits, start)):
            x = x @ weights.T + bias
            if k < len(layers) - 1:
                x = np.clip(x, 0, 1)
        wanted = start.model.infer(digits.raw[0] if start.raw else digits.train.x / 16)
        assert (x.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.97

    def test_features_as_in_the_source(self, digits: Task) -> None:
        """A model of pixels 0..16 is told from one of 0..1."""
        unscaled = replace(digits, raw=(16 * digits.raw[0], 16 * digits.raw[1]))
        assert not read_model(EXAMPLES / "digits-float.onnx", "start", unscaled).raw

    def test_other_samples(self, digits: Task) -> None:
        few = replace(digits, train=replace(digits.train, x=digits.train.x[:, :9]))
        with pytest.raises(HwgenError, match=r"start: .*: 64 inputs and 10 outputs, 9 and 10 as"):
            read_model(EXAMPLES / "digits.json", "start", few)

    def test_maps_are_no_start(self, digits: Task) -> None:
        with pytest.raises(HwgenError, match=r"teacher: layers\[0\].kind: found 'conv2d', dense"):
            read_model(EXAMPLES / "digits-conv.json", "teacher", digits)

    def test_topology_twice(self, tmp_path: Path) -> None:
        words = ["digits", "-o", str(tmp_path), "--hidden", "4", "--start", "some.onnx"]
        done = CliRunner().invoke(codesign, words)
        assert str(done.exception) == "--hidden: given with start, the topology is that of start"


class TestTiles:
    def test_room(self) -> None:
        assert room("1x1", "sky130hd") == pytest.approx(10_722, rel=0.01)
        assert room("1x2", "ihp-sg13g2") > 2 * room("1x1", "ihp-sg13g2")

    @pytest.mark.parametrize(
        ("tiles", "library", "message"),
        [
            ("9x9", "sky130hd", "tiles: found '9x9', one of 1x1, 1x2, 2x2"),
            ("1x1", "asap7", "pdk: 'asap7' cannot be made with LibreLane"),
        ],
    )
    def test_refusals(self, tiles: str, library: str, message: str) -> None:
        with pytest.raises(HwgenError, match=message):
            room(tiles, library)

    def test_the_most_accurate_that_fits(self) -> None:
        asked = []

        def fits(point: Any) -> bool:
            asked.append(point.area_um2)
            return bool(point.area_um2 < 3000)

        chosen = Budget(tiles="1x1").choose(POINTS, 0.9, fits)
        assert chosen is not None
        assert chosen.area_um2 == 2000
        assert asked == [4000, 2000]


def test_real_values(values: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from hwgen.flows import codesign as flow
    from hwgen.frontends.codesign.settings import Settings
    from hwgen.spec import golden

    settings = Settings(
        hidden=((4,),), prices=1, cheap=2e-4, steps=250, rounds=0, sweeps=2, teachers=0
    )
    front = flow.codesign(
        str(values), tmp_path, settings=settings, budget=Budget(accuracy=0.5),
        options=flow.Options(points=1, vectors=0, sums=True),
    )  # fmt: skip
    (point,) = front.points
    network = load_network(point.network)
    with np.load(tmp_path / "test.npz") as data:
        x, y = data["x"], data["y"]
    layer = network.dense(len(network.layers) - 1)
    unit = layer.accumulator_fraction(network.source(len(network.layers) - 1).fraction)[0]
    found = golden.infer(network, x)[:, 0] / 2.0**unit
    assert point.test == pytest.approx(1 - ((found - y) ** 2).mean() / y.var())
    assert point.test_error == pytest.approx(np.abs(found - y).mean())
    assert front.score == "R2"
    assert front.float_test > point.test > 0.5
    assert front.chosen is not None

    done = CliRunner().invoke(report, [str(tmp_path)], catch_exceptions=False)
    assert "mean absolute error" in done.output
    assert "the budget is met by" in done.output
    assert read_front(tmp_path) == front
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<svg" in text
    assert "mean absolute error" in text


def test_page_says_what_is_not_read() -> None:
    front = Front(
        data="<b>", samples=(1, 2, 3), points=POINTS, chosen=POINTS[0], float_validation=0.9,
        float_test=0.8, pdk="some", recipe="area", arch={"name": "parallel"}, seed=1,
        seconds=2.0, networks_tried=4, cut=False,
    )  # fmt: skip
    assert POINTS[0].unread() == "inputs 2 and low bits of 1 (1)"
    text = page(front, "<?xml?><svg></svg>")
    assert "inputs 2 and low bits of 1 (1)" in text
    assert "the budget is met by 1000.json" in text
    assert "<b>," not in text
    assert "accuracy 90.00% validation" in text


@pytest.mark.parametrize("content", ["{", "[]", '{"points": []}'])
def test_damaged_front(content: str, tmp_path: Path) -> None:
    (tmp_path / "front.json").write_text(content)
    with pytest.raises(HwgenError, match=r"what hwgen codesign wrote"):
        read_front(tmp_path)
