"""What starts without what: imports of the package and of the command line stay light."""

import importlib.util
import keyword
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

import hwgen
from hwgen.flows.cli import main
from hwgen.spec.network import save_network
from hwgen.support.errors import HwgenError
from hwgen.support.extras import EXTRAS, need
from tests.networks import dense, network

PACKAGE = Path(hwgen.__file__).parent
ROOT = PACKAGE.parent
HEAVY = (
    *("numpy", "amaranth", "pydantic", "matplotlib", "onnx", "cocotb", "pyosys", "torch"),
    *("sklearn", "distributed", "optuna", "pyarrow"),
)


def python(*arguments: object, cwd: Path = ROOT, **environment: str) -> str:
    """What a Python of its own prints, with this package on its path."""
    path = os.pathsep.join([*filter(None, [environment.pop("before", "")]), str(ROOT)])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("import hwgen", 60),
        ("from hwgen.flows.cli.main import run; run(['--help'])", 260),
        ("from hwgen.flows.cli.main import run; run(['--version'])", 260),
    ],
)
def test_modules_of_a_start(code: str, most: int) -> None:
    script = f"import sys; old = set(sys.modules)\n{code}\nprint('NEW', *set(sys.modules) - old)"
    new = python("-c", script).partition("NEW ")[2].split()
    assert [name for name in new if name.split(".")[0] in (*HEAVY, "rich")] == []
    assert len(new) <= most


def test_help_lists_every_command() -> None:
    group = main.hwgen
    names = group.list_commands(click.Context(group))
    files = {f.stem.rstrip("_") for f in (PACKAGE / "flows/cli").glob("*.py")}
    assert set(names) <= files
    told = python("-m", "hwgen", "--help")
    for name in names:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.name == name
        assert f"\n  {name} " in told
        assert keyword.iskeyword(name) or (PACKAGE / f"flows/cli/{name}.py").is_file()
    assert all(len(line) <= 80 for line in told.splitlines())


def test_rooms_of_ours_among_those_of_others(tmp_path: Path) -> None:
    """A folder with a ``synth.py``, a ``flows.py`` and a ``sim`` of the user's."""
    for name in ("synth.py", "flows.py", "sim/__init__.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("raise SystemExit('that of the user')\n")
    net = network([dense([[1, -2], [2, 1]])], output="argmax")
    save_network(net, tmp_path / "net.json")
    ours = "from hwgen.synth import synthesize; from hwgen.sim import runner; import hwgen.flows"
    python("-c", ours, cwd=tmp_path, before=".")
    words = ["-m", "hwgen", "verify", "net.json", "--vectors", "5"]
    assert "passed" in python(*words, cwd=tmp_path, before=".")


@pytest.mark.parametrize("package", list(EXTRAS))
def test_missing_extra_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = rf"^{package}: not installed, pip install -e '\.\[{EXTRAS[package]}\]' in hwgen's folder"
    with pytest.raises(HwgenError, match=said):
        need(package)


def test_synthesis_without_pictures(tmp_path: Path) -> None:
    save_network(network([dense([[1, -2], [2, 1]])], output="argmax"), tmp_path / "net.json")
    script = (
        "import sys; sys.modules['matplotlib'] = None; sys.modules['onnx'] = None\n"
        "from hwgen.flows.cli.main import run\n"
        "assert run(['synth', 'net.json', '-o', 'out']) == 0\n"
        "assert run(['import', 'model.onnx', '-o', 'other.json']) == 1\n"
        "assert run(['report', 'out']) == 1\n"
    )
    python("-c", script, cwd=tmp_path)
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert "netlist.v" in names
    assert not {"area.png", "area.svg"} & names


def test_wheel_has_every_room_and_nothing_beside(tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    words = ["-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    python(*words, cwd=PACKAGE.resolve().parent)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"hwgen"}
    folders = [PACKAGE, *(PACKAGE / room for room in ("sim", "synth", "flows"))]
    wanted = {
        f"hwgen/{file.relative_to(PACKAGE).as_posix()}"
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    added = {f"hwgen/flows/examples/{name}" for name in ("digits.json", "digits-test.npz")}
    assert names == wanted | added
    assert "hwgen/py.typed" in names


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_pythons_are_stated(version: str) -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'"Programming Language :: Python :: {version}"' in text


def test_version() -> None:
    assert python("-m", "hwgen", "--version") == f"hwgen {hwgen.__version__}\n"


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_other_pythons_take_every_file(version: str) -> None:
    interpreter = shutil.which(f"python{version}")
    if interpreter is None or subprocess.run([interpreter, "-V"], capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")
    script = (
        "import pathlib, sys\n"
        "for folder in sys.argv[1:]:\n"
        "    for path in pathlib.Path(folder).rglob('*.py'):\n"
        "        compile(path.read_bytes(), str(path), 'exec')\n"
    )
    rooms = [PACKAGE, *((PACKAGE / room).resolve() for room in ("sim", "synth", "flows"))]
    done = subprocess.run(
        [interpreter, "-W", "error", "-c", script, *map(str, rooms)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_command_runs_anywhere(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("hwgen")
    if not command.exists():
        pytest.skip("hwgen is not installed")
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"hwgen {hwgen.__version__}\n", "")
