"""Sweeps of tiny networks for tests."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

from hwgen.flows.sweep.config import load_sweep
from hwgen.flows.sweep.plan import make_plan
from hwgen.flows.sweep.store import VOLATILE, read_entries
from hwgen.spec.network import save_network
from tests.networks import dense, network

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples/sweeps/tiny.json"
NETWORKS = tuple(f"net{index}.json" for index in range(9))
FONTS = mpl.get_cachedir()
"""What matplotlib keeps is not made again for each cache."""


def new_cache(folder: Path) -> Path:
    """An empty cache, but for what the tools keep of themselves."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmtime"
    user.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    (folder / "wasmtime").symlink_to(user.resolve())
    return folder


def write_sweep(folder: Path, text: str = "", **axes: Any) -> Path:
    """A sweep file in ``folder`` and networks beside it; ``text`` comes before the axes."""
    shutil.copy(TINY, folder / "tiny.json")
    for index, name in enumerate(NETWORKS):
        layer = dense([[2 * index + 3, -5], [3, 7]], [1, 2])
        net = network([layer], name=name, bits=2)
        save_network(net, folder / name)
    axes = {"network": NETWORKS[0], "library": "sky130hd", **axes}
    lines = [f"{name} = {json.dumps(value)}" for name, value in axes.items()]
    settings = {"verify": "off", "keep": "none"}
    head = [f'{name} = "{value}"' for name, value in settings.items() if name not in text]
    path = folder / "sweep.toml"
    path.write_text("\n".join([*head, text, "[axes]", *lines]) + "\n", "utf-8")
    return path


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The finished points in ``folder``, without what differs between two runs."""
    return {
        name: {k: v for k, v in entry["row"].items() if k not in VOLATILE}
        for name, entry in sorted(read_entries(folder).items())
    }


def start(*arguments: object, cache: Path | None = None) -> "subprocess.Popen[str]":
    """``hwgen`` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": FONTS}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    return subprocess.Popen(
        [sys.executable, "-m", "hwgen", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def one_point(file: Path) -> tuple[Any, Any]:
    plan = make_plan(load_sweep(file), file)
    return plan.context, next(iter(plan))
