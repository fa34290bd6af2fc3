"""Modules mapped by several scripts: which result counts, and what a failing script does."""

import json
from pathlib import Path
from typing import Any

import pytest

from hwgen.support.errors import HwgenError
from hwgen.synth import open_library, synthesize
from hwgen.synth.mapping import recipe as recipes
from hwgen.synth.mapping.canonical import canonical
from hwgen.synth.mapping.recipe import MappingPlan, Recipe
from hwgen.synth.report import SynthesisReport

DESIGN = """
module top (input clk, input [5:0] a, input [5:0] b, output reg [5:0] y);
  always @(posedge clk) y <= (a & b) ^ (a | ~b) ^ {b[2:0], a[5:3]};
endmodule
"""
GOOD = "strash; dch; amap -m"
PLAIN = "strash; amap"
CRASHES = "strash; no_such_command"
ENDLESS = "strash; &get -n; &deepsyn -T 500; &put; amap"
CHEATS = "strash; zeropo -N 0; amap"
"""Ties an output to 0."""


def synthesized(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *scripts: str, limit: int = 0
) -> SynthesisReport:
    monkeypatch.setitem(
        recipes.RECIPES,
        "area",
        Recipe(name="area", plans=(MappingPlan(adders="ripple", abc=scripts),), limit=limit),
    )
    (folder / "in.v").write_text(DESIGN)
    return synthesize(folder / "in.v", "top", library=open_library(), out_dir=folder / "out")


def test_the_smallest_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    areas = [synthesized(tmp_path, monkeypatch, script).area_um2 for script in (GOOD, PLAIN)]
    assert synthesized(tmp_path, monkeypatch, GOOD, PLAIN).area_um2 == min(areas)
    assert synthesized(tmp_path, monkeypatch, PLAIN, GOOD).area_um2 == min(areas)


def test_a_script_that_crashes_or_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = synthesized(tmp_path, monkeypatch, GOOD).area_um2
    together = synthesized(tmp_path, monkeypatch, CRASHES, GOOD, ENDLESS, limit=2)
    assert together.area_um2 == alone


@pytest.mark.parametrize("script", [CRASHES, ENDLESS])
def test_nothing_but_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    with pytest.raises(HwgenError, match=r"^Yosys: [^\n]+, no netlist was written$"):
        synthesized(tmp_path, monkeypatch, script, limit=2)
    assert not (tmp_path / "out").exists()


def test_what_is_not_equal_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = synthesized(tmp_path, monkeypatch, GOOD).area_um2
    assert synthesized(tmp_path, monkeypatch, GOOD, CHEATS).area_um2 == honest
    with pytest.raises(HwgenError, match=r"^Yosys: ABC found no proof of its result, no netlist"):
        synthesized(tmp_path, monkeypatch, CHEATS)


def renamed(module: dict[str, Any]) -> dict[str, Any]:
    """The same module with other names and numbers, and in another order."""
    text = json.dumps(module)
    data: dict[str, Any] = json.loads(text)

    def bits(old: list[Any]) -> list[Any]:
        return [bit if isinstance(bit, str) else 1000 - bit for bit in old]

    cells = {
        f"$z{len(data['cells']) - i}": {
            **cell,
            "connections": {p: bits(b) for p, b in reversed(cell["connections"].items())},
        }
        for i, cell in enumerate(data["cells"].values())
    }
    nets = {
        name if name in data["ports"] else f"n_{name}": {**net, "bits": bits(net["bits"])}
        for name, net in reversed(data["netnames"].items())
    }
    ports = {name: {**p, "bits": bits(p["bits"])} for name, p in data["ports"].items()}
    ordered = dict(sorted(cells.items()))
    return {**data, "cells": ordered, "netnames": nets, "ports": ports}


def test_canonical_form_knows_no_names(tmp_path: Path) -> None:
    from hwgen.synth.mapping.recipe import front_script
    from hwgen.synth.mapping.yosys import run_yosys

    (tmp_path / "design.v").write_text(DESIGN)
    run_yosys(front_script("top"), tmp_path)
    module = json.loads((tmp_path / "front.json").read_text())["modules"]["top"]
    other = renamed(module)
    assert other != module
    assert canonical("top", {"top": other}).design == canonical("top", {"top": module}).design
    changed = json.loads(json.dumps(module).replace('"$and"', '"$or"'))
    assert canonical("top", {"top": changed}).design != canonical("top", {"top": module}).design
