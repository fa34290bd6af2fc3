"""``import hwgen``: what the command line does, in five lines of Python."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.spec import golden
from hwgen.spec import network as spec
from hwgen.spec.data import quantize as to_codes
from hwgen.spec.network import load_network
from tests.commands import json_of

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples/digits.json"
IMAGES = ROOT / "examples/digits-test.npz"
SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
"""Icarus needs no compiler."""
TINY = ROOT / "examples/sweeps/tiny.json"


@pytest.fixture(scope="module")
def tiny() -> hwgen.Network:
    return hwgen.load(TINY)


def test_import_is_light() -> None:
    code = (
        "import sys, hwgen; heavy = {'numpy', 'pydantic', 'click', 'amaranth'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert 'load' in dir(hwgen)\nhwgen.load\n"
        "assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_name_is_there() -> None:
    assert all(getattr(hwgen, name) is not None for name in hwgen.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        hwgen.lod  # type: ignore[attr-defined]  # noqa: B018


def public() -> list[Any]:
    """Functions and methods that users call."""
    functions = [getattr(hwgen, name) for name in hwgen.__all__]
    found = [one for one in functions if inspect.isfunction(one)]
    for cls in (hwgen.Network, hwgen.Design):
        own = vars(cls).items()
        found += [
            getattr(cls, name)
            for name, one in own
            if name[0] != "_" and (inspect.isfunction(one) or isinstance(one, classmethod))
        ]
    return found


@pytest.mark.parametrize("function", public(), ids=lambda one: one.__qualname__)
def test_docstring_says_everything(function: Any) -> None:
    text = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    names = [name for name in signature.parameters if name != "self"]
    heads = ["Returns", *(["Parameters"] if names else [])]
    heads += [] if function.__name__ in ("of", "info") else ["Raises"]
    assert all(f"{head}\n{'-' * len(head)}\n" in text for head in heads)
    assert [name for name in names if name not in text] == []
    assert signature.return_annotation is not inspect.Signature.empty


def test_network_is_a_network(tiny: hwgen.Network, tmp_path: Path) -> None:
    plain = load_network(TINY)
    assert isinstance(tiny, spec.Network)
    assert tiny.sha256() == plain.sha256()
    assert hwgen.Network.of(tiny) is tiny
    assert hwgen.Network.of(plain).layers[0] is plain.layers[0]
    assert load_network(tiny.save(tmp_path / "net.json")).sha256() == plain.sha256()
    assert tiny.info().to_json()["parameters"] == plain.parameter_count
    assert "<table>" in tiny._repr_html_()
    assert "parameters" in repr(tiny)


def test_predict_takes_arrays_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    digits = hwgen.load(DIGITS)
    with np.load(IMAGES) as archive:
        x, y = archive["x"], archive["y"]
    found = digits.predict(x, y)
    assert found.to_json() == digits.predict(IMAGES).to_json()
    assert found.to_json() == json_of(capsys, "predict", DIGITS, "--data", IMAGES)
    codes = to_codes(x, digits.input.format)
    assert np.asarray(digits.predict(codes)).tolist() == found.results.tolist()
    assert (np.asarray(found) == y).mean() == found.accuracy
    assert len(found) == 540
    with pytest.raises(hwgen.HwgenError, match=r"^x: shape 540 x 3, samples x 64 features"):
        digits.predict(x[:, :3])
    with pytest.raises(hwgen.HwgenError, match=r"^y: real values, the network hands out classes"):
        digits.predict(x, y + 0.5)


def test_design_is_what_the_command_line_makes(
    tiny: hwgen.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = tiny.design("serial", macs=2)
    manifest = design.write(tmp_path / "api")
    assert Path(manifest.verilog).read_text() == design.verilog
    theirs = json_of(
        capsys, "generate", TINY, "-o", tmp_path / "cli", "--arch", "serial", "--macs", 2
    )
    assert Path(theirs.pop("verilog")).read_text() == design.verilog
    ours = manifest.to_json()
    del ours["verilog"]
    assert json.loads(json.dumps(ours)) == theirs
    assert "<table>" in design._repr_html_()
    assert "serial" in repr(design)


@pytest.mark.parametrize(
    ("arch", "knobs", "said"),
    [
        ("vector", {}, '^arch: found "vector", parallel, bit-serial, serial or stream'),
        ("serial", {"pipeline": 1}, "^pipeline: given with serial, only parallel has it"),
        ("parallel", {"lanes": 1}, "^lanes: given with parallel, no architecture has it"),
        ("serial", {"macs": 0}, "^macs: found 0, at least 1"),
    ],
)
def test_design_refused(tiny: hwgen.Network, arch: str, knobs: Any, said: str) -> None:
    with pytest.raises(hwgen.HwgenError, match=said):
        tiny.design(arch, **knobs)


def test_synth_is_what_the_command_line_prints(
    tiny: hwgen.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    ours = tiny.design().synth("sky130hd", folder=out, progress=lines.append)
    assert json.loads((out / "report.json").read_text()) == ours.to_json()
    theirs = json_of(capsys, "synth", TINY, "--pdk", "sky130hd", "-o", out)
    assert {**ours.to_json(), "seconds": 0} == {**theirs, "seconds": 0}
    assert "generating" in lines
    page = ours._repr_html_()
    assert "<svg" in page
    assert "area by module" in page
    assert "verilog" not in tiny.design().synth("sky130hd").to_json()


def test_verify_and_prove(tiny: hwgen.Network) -> None:
    design = tiny.design()
    found = design.verify(
        np.zeros((2, tiny.input.features), int), vectors=10, seed=3, simulator=SIMULATOR
    )
    assert (found.passed, found.seed, found.origins["data"]) == (True, 3, 2)
    assert found.require() is found
    assert "full speed" in found._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^pdk: given without gates"):
        design.verify(pdk="sky130hd")
    proof = design.prove("sky130hd", time_limit=60)
    assert proof.require().proved
    assert "netlist = RTL" in proof._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^time_limit: found inf"):
        design.prove(time_limit=float("inf"))


def test_power_and_handoff(tiny: hwgen.Network, tmp_path: Path) -> None:
    design = tiny.design("serial")
    x = np.random.default_rng(1).integers(0, 16, (3, tiny.input.features))
    power = design.power(x, pdk="sky130hd", simulator=SIMULATOR)
    assert power.inferences == 3
    assert power.energy_pj == pytest.approx(power.dynamic_energy_pj + power.leakage_energy_pj)
    assert "an inference" in power._repr_html_()
    with pytest.raises(hwgen.HwgenError, match=r"^rate: 1e\+15 inferences a second, at most"):
        design.power(x, pdk="sky130hd", rate=1e15)
    handed = design.handoff(tmp_path / "block", to="librelane", verify=False)
    assert (tmp_path / "block/config.json").is_file()
    assert handed.to_json()["verified"] is None


def test_sweep_is_a_table(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    lines: list[str] = []
    content = {
        "axes": {"network": str(TINY), "architecture": ["parallel", "serial"]},
        "verify": "off",
        "keep": "none",
    }
    found = hwgen.sweep(content, tmp_path / "out", jobs=1, progress=lines.append)
    table = found.table
    assert table.num_rows == found.points == 2
    assert set(table.column("arch").to_pylist()) == {"parallel", "serial"}
    assert min(table.column("area_um2").to_pylist()) > 0
    assert lines[-1].startswith("2 of 2: 0 failed")
    assert "best of each library" in found._repr_html_()
    assert found.report is not None
    assert found.report.is_file()
    with pytest.raises(hwgen.HwgenError, match=r"axes.recipes: .* did you mean recipe"):
        hwgen.sweep({"axes": {"network": str(TINY), "recipes": 1}}, tmp_path / "b")


def test_sweep_in_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    axes = {"network": str(TINY), "architecture": ["parallel"]}
    content = {"axes": axes, "verify": "off", "keep": "none"}
    script.write_text(
        "import hwgen\nprint('begun')\n"
        f"print(hwgen.sweep({content!r}, 'out', jobs=1).points)\nprint(__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.splitlines() == ["begun", "1", str(script)], done.stderr


def test_golden_is_what_predict_says(tiny: hwgen.Network) -> None:
    x = np.random.default_rng(0).integers(0, 16, (20, tiny.input.features))
    assert (tiny.predict(x).results == golden.predict(tiny, x)).all()
