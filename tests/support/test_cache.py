import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.support.cache import Cache, cache_folder, key_of, open_cache, tools_can_cache
from hwgen.support.errors import HwgenError
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping import flow as flow_module
from hwgen.synth.mapping.recipe import RECIPES
from tests.networks import dense, network

TWO_LAYERS = """
module one (input [3:0] a, input [3:0] b, output [7:0] y);
  assign y = a * b + 8'd{constant};
endmodule
module two (input clk, input [7:0] a, output reg [3:0] y);
  always @(posedge clk) y <= a[7:4] ^ a[3:0];
endmodule
module top (input clk, input [3:0] a, input [3:0] b, output [3:0] y);
  wire [7:0] middle;
  one first (.a(a), .b(b), .y(middle));
  two second (.clk(clk), .a(middle), .y(y));
endmodule
"""
WRITER = """
import sys
from pathlib import Path
from hwgen.support.cache import Cache, key_of
cache = Cache(Path(sys.argv[1]))
number = 0
while True:
    cache.put(key_of("entry", number % 40), {"number": number % 40, "filler": "x" * 50000})
    number += 1
"""


def entry(number: int) -> dict[str, object]:
    return {"number": number, "filler": random.Random(number).randbytes(2000).hex()}


def test_round_trip_and_absence(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get(key_of("a")) is None
    cache.put(key_of("a"), entry(1))
    assert cache.get(key_of("a")) == entry(1)
    assert cache.get(key_of("b")) is None
    assert cache.info().entries == 1


def test_keys_tell_apart_what_is_different() -> None:
    assert key_of("a", "b") != key_of("ab")
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of([1, 2]) != key_of([2, 1])


@pytest.mark.parametrize("position", [0, 40, -1])
def test_damage_is_absence(tmp_path: Path, position: int) -> None:
    cache = Cache(tmp_path)
    cache.put(key_of("a"), entry(1))
    (path,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    assert cache.get(key_of("a")) is None
    assert not path.exists()
    path.write_bytes(b"")
    assert cache.get(key_of("a")) is None


def test_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number in range(4):
        cache.put(key_of(number), entry(number))
        path = next(p for p in tmp_path.rglob("*") if p.name == key_of(number)[2:])
        os.utime(path, (number, number))
    assert cache.get(key_of(0)) == entry(0)  # used just now
    cache.limit = 3 * cache.info().size // 4 + 100
    cache.prune()
    kept = [number for number in range(4) if cache.get(key_of(number)) is not None]
    assert kept == [0, 2, 3]


def test_limit_is_kept_while_writing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=100_000)
    for number in range(100):
        cache.put(key_of(number), entry(number))
    assert cache.info().size <= 1.1 * 100_000


def test_limit_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HWGEN_CACHE_LIMIT_MB", "3")
    cache = open_cache()
    assert (cache.folder, cache.limit) == (tmp_path / "hwgen" / "synth", 3 << 20)
    monkeypatch.setenv("HWGEN_CACHE_LIMIT_MB", "much")
    with pytest.raises(HwgenError, match=r"^HWGEN_CACHE_LIMIT_MB: found 'much', a whole number"):
        open_cache()


def test_disk_that_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file")
    cache.put(key_of("a"), entry(1))
    assert "cannot be written" in cache.broken
    assert cache.get(key_of("a")) is None


def test_killed_writers_leave_only_whole_entries(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(3)]
    cache = Cache(tmp_path)
    deadline = time.monotonic() + 20
    while cache.info().entries < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = [cache.get(key_of("entry", number)) for number in range(40)]
    assert sum(item is not None for item in found) == cache.info().entries >= 20
    for number, item in enumerate(found):
        assert item is None or item["number"] == number


def test_abandoned_files_are_swept_up(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(key_of("a"), entry(1))
    folder = next(p for p in tmp_path.rglob("*") if p.is_file()).parent
    old, new = folder / ".hwgen-old", folder / ".hwgen-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.prune()
    assert not old.exists()
    assert new.exists()
    assert cache.info().entries == 1


def build(folder: Path, constant: int, cache: Cache | None, recipe: str = "area") -> str:
    (folder / "in.v").write_text(TWO_LAYERS.replace("{constant}", str(constant)))
    synthesize(
        folder / "in.v",
        "top",
        library=open_library(),
        recipe=recipe,
        cache=cache,
        out_dir=folder / "out",
    )
    return (folder / "out" / "netlist.v").read_text()


def test_cache_changes_nothing_but_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = build(tmp_path, 77, None)
    cache = Cache(tmp_path / "cache")
    assert build(tmp_path, 77, cache) == fresh
    monkeypatch.setattr(flow_module, "run_yosys", None)  # whoever runs Yosys now fails
    assert build(tmp_path, 77, cache) == fresh


def test_only_the_changed_module_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped: list[int] = []

    def counting(folder: Path, *args: object, **options: object) -> dict[Path, int]:
        mapped.append(len(list(folder.glob("job*"))))
        return run_batch(folder, *args, **options)

    from hwgen.synth.mapping import mapping

    run_batch = mapping.run_batch
    monkeypatch.setattr(mapping, "run_batch", counting)
    cache = Cache(tmp_path / "cache")
    build(tmp_path, 77, cache)
    first = build(tmp_path, 99, cache)
    scripts = len(RECIPES["area"].plans[0].abc)
    assert mapped == [3 * scripts, scripts]
    assert first == build(tmp_path, 99, None)


def test_entries_name_nothing(tmp_path: Path) -> None:
    """Names of a design must not decide what is found for another."""
    cache = Cache(tmp_path / "cache")
    build(tmp_path, 77, cache)
    text = TWO_LAYERS.replace("{constant}", "77").replace("one", "uno").replace("middle", "mezzo")
    (tmp_path / "in.v").write_text(text)
    before = cache.info().entries
    synthesize(tmp_path / "in.v", "top", library=open_library(), cache=cache, out_dir=tmp_path)
    assert cache.info().entries == before + 1  # the design; every module was there
    netlist = json.loads((tmp_path / "netlist.json").read_text())
    assert set(netlist["modules"]) == {"top", "uno", "two"}
    assert "mezzo[0]" in netlist["modules"]["top"]["netnames"]
    assert "first" in netlist["modules"]["top"]["cells"]


def test_verilog_is_written_without_a_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing on the way to Verilog needs one."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    manifest = generate(network([dense([[1]])]), Parallel(), tmp_path / "out")
    assert "module hwgen_net (" in Path(manifest.verilog).read_text()


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_tools_get_a_cache_folder(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    before = dict(os.environ)
    with tools_can_cache():
        given = Path(os.environ["XDG_CACHE_HOME"])
        assert given.is_dir()
    assert not given.exists()
    assert dict(os.environ) == before


def test_cache_folder_is_that_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "hwgen"
    with tools_can_cache():
        assert os.environ["XDG_CACHE_HOME"] == str(tmp_path)
