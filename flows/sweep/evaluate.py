"""What a worker does with one point: network, Verilog, proof, cells, accuracy, energy; a row.

Everything that was found out before comes from the cache. A point that fails is a row, too.
"""

import functools
import os
import platform
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.flows.design import RtlDesign, make_design
from hwgen.flows.modules import short_module
from hwgen.flows.power import estimate_power
from hwgen.flows.prediction import accuracy_of
from hwgen.flows.sweep.networks import network_of
from hwgen.flows.sweep.points import Context, Point
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.digits import digit_counts
from hwgen.sim.runner import run as simulate
from hwgen.sim.vectors import make_vectors
from hwgen.spec import golden
from hwgen.spec.data import Data, as_data
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted
from hwgen.support.cache import Cache, key_of, open_cache
from hwgen.support.errors import HwgenError, printable
from hwgen.support.fingerprint import fingerprint
from hwgen.support.temporary import temporary_folder
from hwgen.synth import synthesize
from hwgen.synth.mapping.yosys import find_yosys

QUICK_CYCLES = 20_000
"""About how many clock cycles a quick verification simulates at full speed."""

_QUICK = (8, 64)
_FULL = 200
_GENERATING = threading.Lock()
_TEMPORARY = r"hwgen[.-](?:[a-z]+-)?[a-z0-9_]{8}"
_MEASURES = (
    *("area_um2", "gate_equivalents", "cells", "sequential_area_um2", "critical_path_ns"),
    *("leakage_nw", "corner", "tool"),
)


@dataclass
class Outcome:
    """What became of a point: its row, the parts that go into no table, and its proof."""

    point: str
    stamp: str
    design: str  # its Verilog and how that is verified
    row: dict[str, Any]
    area_by_module: dict[str, float] = field(default_factory=dict)
    cells_by_type: dict[str, int] = field(default_factory=dict)
    proof: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def evaluate(context: Context, point: Point, proof: dict[str, Any] | None) -> Outcome:
    """Find out everything about ``point``; ``proof`` is what is known of its Verilog already."""
    begun = time.monotonic()
    outcome = Outcome(
        point=context.identity(point),
        stamp=context.stamp(point),
        design=context.proof(point),
        row={**context.settings(point), "status": "ok", "error": None},
        proof=proof,
    )
    work = _Work(context, point, outcome)
    try:
        if fingerprint() != context.code:
            found = "another version of hwgen or of its tools"
            raise HwgenError(f"worker {platform.node()}", found, "the same one everywhere")
        work.run()
    except HwgenError as error:
        outcome.row |= {"status": "error", "error": _lasting(str(error))}
    except Exception as error:
        text = f"{type(error).__name__}: {printable(_lasting(str(error)), 160)}"
        outcome.row |= {"status": "error", "error": f"internal: {text}"}
    outcome.row |= {
        "cached": not work.worked,
        "seconds": round(time.monotonic() - begun, 3),
        "worker": f"{platform.node()}:{os.getpid()}",
        "finished": round(time.time(), 3),
    }
    return outcome


def artefacts(context: Context, point: Point) -> dict[str, str]:
    """Verilog, manifest and netlist of a point, by file name; nothing where it fails."""
    try:
        return _Work(context, point, None).artefacts()
    except HwgenError:
        return {}


class _Work:
    """One point at work; ``worked`` tells whether anything was not in the cache."""

    def __init__(self, context: Context, point: Point, outcome: Outcome | None):
        self.context, self.point, self.outcome = context, point, outcome
        self.cache = _cache(threading.get_ident())
        self.worked = False

    def run(self) -> None:
        if self.outcome is None:
            return
        row = self.outcome.row
        row |= {k: v for k, v in _described(self.sha256, self.network).items() if k not in row}
        mapped = self._cached("mapped", self._map, *self._mapping_key())
        row |= mapped["row"]
        self.outcome.area_by_module = mapped["area_by_module"]
        self.outcome.cells_by_type = mapped["cells_by_type"]
        self._accuracy(row)
        self._proof(row)
        if self.context.checks.energy_samples:
            row |= self._cached("energy", self._energy, *self._mapping_key(), *self._data_key())

    def artefacts(self) -> dict[str, str]:
        """Verilog, manifest and netlist, by file name."""
        return dict(self._cached("artefacts", self._make_artefacts, *self._mapping_key()))

    @functools.cached_property
    def network(self) -> Network:
        source = self.context.sources[self.point.source]
        return network_of(source, self.cache, self.context.code)

    @functools.cached_property
    def sha256(self) -> str:
        return _sha256(self.context.sources[self.point.source].stamp, self.network)

    @property
    def mapping(self) -> dict[str, Any]:
        """Arguments for :func:`synth.synthesize`."""
        mapping, checks = self.point.mapping, self.context.checks
        return {
            "library": self.context.libraries[mapping.library],
            "recipe": mapping.recipe,
            "clock": mapping.clock,
            "flatten": mapping.flatten,
            "tool": checks.tool,
            "timeout": checks.timeout,
        }

    def _mapping_key(self) -> tuple[object, ...]:
        mapping = self.point.mapping
        library = self.context.fingerprints[mapping.library]
        settings = (mapping.recipe, mapping.clock, mapping.flatten)
        return (*self._design_key(), library, *settings, _yosys(self.context.checks.tool))

    def _design_key(self) -> tuple[object, ...]:
        return self.sha256, self._architecture.key(), self.context.code

    @property
    def _architecture(self) -> Architecture:
        library = self.context.libraries[self.point.mapping.library]
        return self.point.architecture.suited(library.latch_share)

    def _data_key(self) -> tuple[object, ...]:
        data, checks = self.context.data, self.context.checks
        return data.sha256 if data else "", checks.energy_samples, checks.simulator

    def _cached(self, kind: str, make: Callable[[], Any], *key: object) -> Any:
        name = key_of("sweep", kind, *key)
        entry = self.cache.get(name)
        if entry is None:
            self.worked = True
            entry = make()
            self.cache.put(name, entry)
        return entry

    def _map(self) -> dict[str, Any]:
        begun = time.monotonic()
        with temporary_folder("sweep") as name:
            design = self._design().write(Path(name))
            report = synthesize(Path(design.verilog), design.top, cache=self.cache, **self.mapping)
        path = report.critical_path_ns
        row = {
            **{key: getattr(report, key) for key in _MEASURES},
            "latency_cycles": design.latency_cycles,
            "interval_cycles": design.interval_cycles,
            "latency_ns": round(design.latency_cycles * path, 6),
            "interval_ns": round(design.interval_cycles * path, 6),
            "accumulator_bits": max(design.accumulator_bits),
            "network_sha256": design.network_sha256,
            "synth_seconds": round(time.monotonic() - begun, 3),
        }
        areas = {short_module(m, design.top): a for m, a in report.area_by_module.items() if a}
        return {"row": row, "area_by_module": areas, "cells_by_type": report.cells_by_type}

    def _make_artefacts(self) -> dict[str, str]:
        with temporary_folder("keep") as name:
            folder = Path(name)
            manifest = self._design().write(folder)
            verilog, top = Path(manifest.verilog), manifest.top
            synthesize(verilog, top, out_dir=folder, cache=self.cache, **self.mapping)
            files = [verilog.name, "netlist.v", "netlist.json"]
            texts = {file: (folder / file).read_text("utf-8") for file in files}
        return {**texts, "manifest.json": manifest.moved_to(Path()).to_text()}

    def _accuracy(self, row: dict[str, Any]) -> None:
        data = self.context.data
        if data is not None:
            key = (self.sha256, data.sha256, self.context.code)
            row["accuracy"] = self._cached("accuracy", self._measure_accuracy, *key)["accuracy"]

    def _measure_accuracy(self) -> dict[str, Any]:
        samples = self._samples()
        results = golden.predict(self.network, samples.x)
        return {"accuracy": accuracy_of(self.network, results, samples)}

    def _samples(self) -> Data:
        data = self.context.data
        if data is None:
            raise HwgenError("data", "none", "samples are needed")
        return as_data(data.x, data.y, self.network, f"{data.name}: ")

    def _proof(self, row: dict[str, Any]) -> None:
        checks, outcome = self.context.checks, self.outcome
        if checks.verify == "off" or outcome is None:
            return
        if outcome.proof is None:
            vectors = self._vectors(row["interval_cycles"])
            data = self._data_key()[0] if checks.verify == "full" else ""
            key = (*self._design_key(), checks.simulator, vectors, checks.seed, data)
            outcome.proof = self._cached("proof", lambda: self._simulate(vectors), *key)
        row |= {key: value for key, value in outcome.proof.items() if key != "failure"}
        if not outcome.proof["verified"]:
            raise HwgenError("verification", outcome.proof["failure"], "the design is wrong")

    def _vectors(self, interval: int) -> int:
        low, high = _QUICK
        quick = self.context.checks.verify == "quick"
        return max(low, min(high, QUICK_CYCLES // (3 * interval))) if quick else _FULL

    def _simulate(self, count: int) -> dict[str, Any]:
        checks, begun = self.context.checks, time.monotonic()
        full = checks.verify == "full" and self.context.data is not None
        data = self._samples().x if full else None
        stimuli = make_vectors(self.network, count=count, seed=checks.seed, data=data)
        with temporary_folder("sweep") as name:
            design = self._design().write(Path(name))
            result = simulate(
                Path(design.verilog),
                design,
                stimuli,
                simulator=checks.simulator,
                seed=checks.seed,
                timeout=checks.timeout,
            )
        return {
            "verified": result.passed,
            "vectors": result.vectors,
            "mismatches": result.mismatches,
            "simulated_cycles": result.cycles,
            "simulator": result.simulator,
            "failure": result.failure,
            "verify_seconds": round(time.monotonic() - begun, 3),
        }

    def _energy(self) -> dict[str, Any]:
        mapping, checks = self.point.mapping, self.context.checks
        report = estimate_power(
            self.network,
            self.point.architecture,
            self._samples().x[: checks.energy_samples],
            library=self.context.libraries[mapping.library],
            options=SynthesisOptions(mapping.recipe, mapping.clock, checks.tool, checks.timeout),
            simulator=checks.simulator,
        )
        return {"energy_pj": report.energy_pj, "average_power_uw": report.average_power_uw}

    def _design(self) -> RtlDesign:
        with _GENERATING:
            return make_design(self.network, self._architecture, self.cache)


def _lasting(text: str) -> str:
    """``text`` without the folders that only this run has, and so the same on every run."""
    root = re.escape(tempfile.gettempdir())
    text = re.sub(rf"{root}/{_TEMPORARY}\.log\b", "not kept", text)
    return re.sub(rf"{root}(?:/{_TEMPORARY})+/", "", text)


def describe(network: Network) -> dict[str, Any]:
    """Figures of a network, as columns."""
    weighted = [layer for layer in network.layers if isinstance(layer, Weighted)]
    weights = np.concatenate([np.zeros(0, int), *(one.weight_values.ravel() for one in weighted)])
    codes, counts = np.unique(weights, return_counts=True)
    digits = int(digit_counts(codes) @ counts)
    hidden = [one.bits for layer in network.layers[:-1] for one in layer.output_formats() or []]
    return {
        "weight_bits": max((layer.weight_bits for layer in weighted), default=0),
        "activation_bits": max(hidden, default=network.input.bits),
        "input_bits": network.input.bits,
        "weights": int(weights.size),
        "nonzero_weights": int(np.count_nonzero(weights)),
        "weight_digits": digits,
    }


def features(network: Network, architecture: Architecture) -> dict[str, Any]:
    """What :mod:`hwgen.flows.sweep.estimator` looks at, of a design that has not been mapped."""
    settings = architecture.to_json()
    widths = [network.accumulator_width(i) for i in range(len(network.layers))]
    found = {"arch": settings.pop("name"), **settings, "accumulator_bits": max(widths)}
    return {**describe(network), **found}


@functools.lru_cache(maxsize=64)
def _cache(thread: int) -> Cache:
    """A cache of its own for each thread."""
    return open_cache()


@functools.cache
def _yosys(tool: str) -> str:
    return find_yosys(tool).version


_SHA: dict[str, str] = {}
_DESCRIBED: dict[str, dict[str, Any]] = {}


def _described(sha256: str, network: Network) -> dict[str, Any]:
    if sha256 not in _DESCRIBED:
        _DESCRIBED[sha256] = describe(network)
    return _DESCRIBED[sha256]


def _sha256(stamp: str, network: Network) -> str:
    if stamp not in _SHA:
        _SHA[stamp] = network.sha256()
    return _SHA[stamp]
