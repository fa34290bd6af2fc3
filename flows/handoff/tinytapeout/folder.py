"""The folder ``test/`` of a Tiny Tapeout project: it runs under their Makefile, without hwgen."""

import json
from pathlib import Path

from hwgen.rtl.interface import Layout
from hwgen.rtl.manifest import Manifest
from hwgen.sim.vectors import Vectors
from hwgen.spec.arithmetic import Integers

SPDX = "SPDX-License-Identifier: Apache-2.0"
"""What files of the shuttle's template begin with; its own licence."""

VECTORS = 12
"""Corner and random vectors of the folder."""

_BENCH = """\
// {spdx}
// Holds {top} for test.py, which drives it.
`default_nettype none
`timescale 1ns / 1ps
{models}
module tb;
  reg clk, rst_n, ena;
  reg [7:0] ui_in, uio_in;
  wire [7:0] uo_out, uio_out, uio_oe;

  initial begin
    $dumpfile("tb.fst");
    $dumpvars(0, tb);
  end

  {top} user_project (
`ifdef USE_POWER_PINS
    .VPWR(1'b1), .VGND(1'b0),
`endif
    .ui_in(ui_in), .uo_out(uo_out),
    .uio_in(uio_in), .uio_out(uio_out), .uio_oe(uio_oe),
    .ena(ena), .clk(clk), .rst_n(rst_n)
  );
endmodule
"""
_MODELS = """\

`ifndef GL_TEST
// The source is a netlist, too: its cells. After layout the foundry's models take their place.
`include "cells.v"
`endif
"""


def folder_files(manifest: Manifest, vectors: Vectors, models: str | None) -> dict[str, str]:
    """The files of ``test/`` by their paths in the project.

    Parameters
    ----------
    manifest
        Of the tile.
    vectors
        What goes in and what must come out.
    models
        Verilog of the cells in ``src/project.v``; None: it has none.
    """
    cases = [
        {"in": bytes_of(manifest.input, x).hex(), "out": bytes_of(manifest.output, y).hex()}
        for x, y in zip(vectors.x, vectors.expected, strict=True)
    ]
    patience = 20 * (manifest.latency_cycles + manifest.interval_cycles) + 100
    content = {"patience": patience, "vectors": cases}
    bench = _BENCH.format(spdx=SPDX, top=manifest.top, models=_MODELS if models else "")
    return {
        "test/tb.v": bench,
        "test/test.py": Path(__file__).with_name("delivered.py").read_text("utf-8"),
        "test/vectors.json": json.dumps(content, indent=1) + "\n",
        **({"test/cells.v": models} if models else {}),
    }


def bytes_of(layout: Layout, row: Integers) -> bytes:
    """The bytes of a vector, in the order in which they cross the pins."""
    size = layout.width // 8
    return b"".join(beat.to_bytes(size, "little") for beat in layout.pack(row))
