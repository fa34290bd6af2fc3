"""A change of anything that can change a result changes the fingerprint."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hwgen
from hwgen.support.fingerprint import _files, fingerprint, fingerprint_of

PACKAGE = Path(hwgen.__file__).parent
ROOMS = ("sim", "synth", "flows")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with its rooms beside it and linked, as in a checkout."""
    root = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", *ROOMS)
    shutil.copytree(PACKAGE, root / "hwgen", ignore=ignored)
    for room in ROOMS:
        shutil.copytree(PACKAGE / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "hwgen" / room).symlink_to(Path("..") / room)
    return root / "hwgen"


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "spec/golden.py",
        "rtl/argmax.py",
        "rtl/serial/argmax.py",
        "rtl/parallel/top.py",
        "frontends/quantize/flow.py",
        "support/cache.py",
        "sim/bench.py",
        "synth/power.py",
        "synth/mapping/flow.py",
        "synth/mapping/maps/ripple.v",
        "synth/libraries/tables/sky130hd.json",
        "flows/design.py",
        "flows/cli/power.py",
        "flows/sweep/web/main.js",
        "flows/handoff/tinytapeout/tile.py",
    ],
)
def test_an_edit_at_every_depth(copy: Path, name: str) -> None:
    before = fingerprint_of(copy, {})
    file = copy / name
    text = file.read_bytes()
    file.write_bytes(text + b"\n")
    assert fingerprint_of(copy, {}) != before
    file.write_bytes(text)
    assert fingerprint_of(copy, {}) == before


def test_every_file_counts(copy: Path) -> None:
    files = [file for file in copy.rglob("*") if file.is_file()]
    files += [file for room in ROOMS for file in (copy / room).rglob("*") if file.is_file()]
    assert set(_files(copy)) == set(files)
    assert len(files) > 200


def test_names_versions_and_files_beside(copy: Path) -> None:
    before = fingerprint_of(copy, {"numpy": "2"})
    assert fingerprint_of(copy, {"numpy": "2.1"}) != before
    (copy / "rtl" / "more.json").write_text("{}")
    with_more = fingerprint_of(copy, {"numpy": "2"})
    assert with_more != before
    (copy / "rtl" / "more.json").rename(copy / "rtl" / "less.json")
    assert fingerprint_of(copy, {"numpy": "2"}) not in (before, with_more)
    (copy / "rtl" / "less.json").unlink()
    (copy / "rtl" / "__pycache__").mkdir()
    (copy / "rtl" / "__pycache__" / "argmax.pyc").write_bytes(b"")
    assert fingerprint_of(copy, {"numpy": "2"}) == before


def test_a_fault_in_an_architecture_is_not_served_from_the_cache(
    copy: Path, tmp_path: Path
) -> None:
    """The comparison of the serial argmax inverted: the Verilog of before does not come back."""
    net = PACKAGE.parent / "examples" / "digits.json"

    def verilog() -> str:
        script = (
            "import sys; from pathlib import Path\n"
            "from hwgen.flows.design import make_design; from hwgen.rtl.serial import Serial\n"
            "from hwgen.spec.network import load_network\n"
            "from hwgen.support.cache import Cache\n"
            "net = load_network(Path(sys.argv[1]))\n"
            "print(make_design(net, Serial(), Cache(Path(sys.argv[2]))).verilog)"
        )
        command = [sys.executable, "-c", script, net, tmp_path / "cache"]
        done = subprocess.run(command, cwd=copy.parent, capture_output=True, text=True, check=True)
        return done.stdout

    right = verilog()
    argmax = copy / "rtl" / "serial" / "argmax.py"
    text = argmax.read_text("utf-8")
    assert text.count("self.first | larger") == 1
    argmax.write_text(text.replace("self.first | larger", "self.first | ~larger"), "utf-8")
    assert verilog() != right
    argmax.write_text(text, "utf-8")
    assert verilog() == right


def test_own_is_that_of_the_package() -> None:
    assert len(fingerprint()) == 64
    assert fingerprint() != fingerprint_of(PACKAGE, {})
