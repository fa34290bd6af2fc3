"""What travels between the runner and the bench inside the simulator: files in a private folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.rtl.interface import Layout
from hwgen.rtl.manifest import Manifest
from hwgen.spec.arithmetic import Integers

FOLDER_VARIABLE = "HWGEN_SIM_FOLDER"
"""Environment variable that tells the bench its folder."""

PERIOD = 10
"""Simulator steps in a clock cycle, where gates have no delay."""

STOP = "hwgen_stop"
"""Plusarg that tells :mod:`hwgen.sim.bench_activity` how many vectors to take."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One simulation: the design's outside, the vectors as beats, and the seed.

    ``x`` and ``expected`` hold one list of beats per vector (:meth:`Layout.pack`); ``ports`` the
    names of the top module's ports, ``period`` simulator steps in a clock cycle.
    """

    input: Layout
    output: Layout
    latency: int
    interval: int
    bare: bool
    ports: list[str]
    seed: int
    x: list[list[int]]
    expected: list[list[int]]
    period: int = PERIOD

    @classmethod
    def of(
        cls, manifest: Manifest, x: Integers, expected: Integers, seed: int, period: int = PERIOD
    ) -> "Job":
        """The job of a design and its vectors, ``x`` and ``expected`` [vectors, elements]."""
        return cls(
            input=manifest.input,
            output=manifest.output,
            latency=manifest.latency_cycles,
            interval=manifest.interval_cycles,
            bare=manifest.arch.bare,
            ports=[port.name for port in manifest.ports],
            seed=seed,
            x=[manifest.input.pack(row) for row in x],
            expected=[manifest.output.pack(row) for row in expected],
            period=period,
        )

    def save(self, folder: Path) -> None:
        """Write the job into ``folder``."""
        plain = {k: v for k, v in vars(self).items() if k not in ("x", "expected")}
        plain |= {"input": asdict(self.input), "output": asdict(self.output)}
        (folder / "job.json").write_text(json.dumps(plain), "utf-8")
        np.savez(
            folder / "vectors.npz",
            x=_to_bytes(self.x, self.input),
            expected=_to_bytes(self.expected, self.output),
        )

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Read what :meth:`save` wrote."""
        plain = json.loads((folder / "job.json").read_text("utf-8"))
        plain |= {"input": Layout(**plain["input"]), "output": Layout(**plain["output"])}
        with np.load(folder / "vectors.npz", allow_pickle=False) as arrays:
            return cls(
                x=_from_bytes(arrays["x"]), expected=_from_bytes(arrays["expected"]), **plain
            )


def folder() -> Path:
    """The folder of the running simulation, as the environment names it."""
    return Path(os.environ[FOLDER_VARIABLE])


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` so that a reader sees the old or the new file, never half of one."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content), "utf-8")
    beside.replace(path)


def _to_bytes(vectors: list[list[int]], layout: Layout) -> Integers:
    size = -(-layout.width // 8)
    blob = b"".join(beat.to_bytes(size, "little") for beats in vectors for beat in beats)
    return np.frombuffer(blob, np.uint8).reshape(len(vectors), layout.beats, size)


def _from_bytes(array: Integers) -> list[list[int]]:
    return [[int.from_bytes(beat.tobytes(), "little") for beat in beats] for beats in array]
