"""A plain Verilog testbench of a design, with its vectors: it runs without hwgen.

:func:`bench_files` makes three texts: the bench, the beats that go in and those that must come out,
as hexadecimal numbers. ``iverilog`` or ``verilator --binary`` alone runs it; it ends with ``PASS``
and exit code 0, or with ``FAIL`` and another. All vectors go through at full speed, where every
result must come at the clock that latency and interval say, and again with random stalls.
"""

from pathlib import Path

from hwgen.rtl.interface import Layout
from hwgen.rtl.manifest import Manifest
from hwgen.sim.vectors import Vectors
from hwgen.spec.arithmetic import Integers

STIMULI, EXPECTED = "stimuli.hex", "expected.hex"


def bench_files(manifest: Manifest, vectors: Vectors, seed: int) -> dict[str, str]:
    """The files of a testbench by their names, to stand beside the Verilog.

    Parameters
    ----------
    manifest
        Of the design.
    vectors
        Inputs and what the golden model makes of them.
    seed
        Of the stalls, 0..2^31 - 1.
    """
    return {
        f"{manifest.top}_tb.v": _bare(manifest, len(vectors))
        if manifest.arch.bare
        else _streaming(manifest, len(vectors), seed),
        STIMULI: _hex(manifest.input, vectors.x),
        EXPECTED: _hex(manifest.output, vectors.expected),
    }


def _hex(layout: Layout, rows: Integers) -> str:
    """A beat to a line."""
    digits = -(-layout.width // 4)
    return "".join(f"{beat:0{digits}x}\n" for row in rows for beat in layout.pack(row))


def _head(manifest: Manifest) -> str:
    source = Path(manifest.verilog).name
    return f"""\
// Testbench of {manifest.top}. Either of these runs it, in this folder:
//   $ iverilog -g2005 -o tb {manifest.top}_tb.v {source} && vvp -n tb
//   $ verilator --binary --timing -Wno-fatal {manifest.top}_tb.v {source} \\
//     && obj_dir/V{manifest.top}_tb

module {manifest.top}_tb;
"""


_END = """\
  task finish;
    input integer wrong;
    begin
      if (wrong == 0) begin
        $display("PASS");
        $finish;
      end else begin
        $display("FAIL: %0d mismatches", wrong);
`ifdef VERILATOR
        $stop;
`else
        $finish_and_return(1);
`endif
      end
    end
  endtask
"""


def _bare(manifest: Manifest, count: int) -> str:
    """``x`` in, ``y`` out; with ``clk`` a result comes ``latency`` edges after its input."""
    clocked = any(port.name == "clk" for port in manifest.ports)
    latency = manifest.latency_cycles
    clock = ".clk(clk), " if clocked else ""
    return f"""{_head(manifest)}  localparam COUNT = {count}, LATENCY = {latency};
  reg clk = 0;
  reg [{manifest.input.width - 1}:0] x;
  wire [{manifest.output.width - 1}:0] y;
  reg [{manifest.input.width - 1}:0] stimuli [0:COUNT - 1];
  reg [{manifest.output.width - 1}:0] expected [0:COUNT - 1];
  integer turn, wrong;

  {manifest.top} dut ({clock}.x(x), .y(y));

  initial begin
    $readmemh("{STIMULI}", stimuli);
    $readmemh("{EXPECTED}", expected);
    wrong = 0;
    for (turn = 0; turn < COUNT + LATENCY; turn = turn + 1) begin
      x = stimuli[turn < COUNT ? turn : COUNT - 1];
      #5;
      if (turn >= LATENCY && y !== expected[turn - LATENCY]) begin
        wrong = wrong + 1;
        $display("vector %0d: expected %h, found %h", turn - LATENCY, expected[turn - LATENCY], y);
      end
      clk = 1;
      #5 clk = 0;
    end
    finish(wrong);
  end

{_END}endmodule
"""


def _streaming(manifest: Manifest, count: int, seed: int) -> str:
    """AXI4-Stream on both sides; each vector goes through twice, the second time with stalls."""
    ports = {port.name for port in manifest.ports}
    lasts = "".join(
        f",\n    .{side}_axis_tlast({side}_tlast)" for side in "sm" if f"{side}_axis_tlast" in ports
    )
    beats = count * manifest.input.beats
    results = count * manifest.output.beats
    patience = 16 * (manifest.latency_cycles + manifest.interval_cycles) + 1000
    return f"""{_head(manifest)}  localparam BEATS = {beats}, RESULTS = {results};
  localparam IN = {manifest.input.beats}, OUT = {manifest.output.beats}, PATIENCE = {patience};
  localparam LATENCY = {manifest.latency_cycles}, INTERVAL = {manifest.interval_cycles};
  reg clk = 0, rst = 1;
  reg [{manifest.input.width - 1}:0] s_tdata;
  reg s_tvalid = 0, m_tready = 0;
  wire s_tready, m_tvalid;
  integer sent = 0, received = 0, wrong = 0, idle = 0, seed = {seed};
  integer now = 0, first = -1, due;
  wire s_tlast = (sent % IN) == IN - 1;
  wire [{manifest.output.width - 1}:0] m_tdata;
{"  wire m_tlast;" if "m_axis_tlast" in ports else "  // A result is one beat: there is no tlast."}
  reg [{manifest.input.width - 1}:0] stimuli [0:BEATS - 1];
  reg [{manifest.output.width - 1}:0] expected [0:RESULTS - 1];

  {manifest.top} dut (
    .clk(clk), .rst(rst),
    .s_axis_tdata(s_tdata), .s_axis_tvalid(s_tvalid), .s_axis_tready(s_tready),
    .m_axis_tdata(m_tdata), .m_axis_tvalid(m_tvalid), .m_axis_tready(m_tready){lasts}
  );

  always #5 clk = !clk;

  initial begin
    $readmemh("{STIMULI}", stimuli);
    $readmemh("{EXPECTED}", expected);
    repeat (4) @(negedge clk);
    rst = 0;
  end

  // What both sides saw at the rising edge; inputs change at the falling one.
  reg taken = 0, given = 0;
  always @(posedge clk) begin
    taken <= s_tvalid && s_tready && !rst;
    given <= m_tvalid && m_tready && !rst;
    now = now + 1;
    if (s_tvalid && s_tready && !rst && sent == IN - 1) first = now;
    if (m_tvalid && m_tready && !rst) begin
      due = first + LATENCY + received / OUT * INTERVAL;
      if (received < RESULTS && received % OUT == 0 && now != due) begin
        wrong = wrong + 1;
        $display("vector %0d: a result in clock %0d, expected in %0d", received / OUT, now, due);
      end
      if (m_tdata !== expected[received % RESULTS]{_last_test(ports)}) begin
        wrong = wrong + 1;
        $display("vector %0d, beat %0d, time %0t: expected %h, found %h",
                 (received % RESULTS) / OUT, received % OUT, $time,
                 expected[received % RESULTS], m_tdata);
      end
      received = received + 1;
      idle = 0;
    end else begin
      idle = idle + 1;
    end
    if (received == 2 * RESULTS) finish(wrong);
    if (idle > PATIENCE) begin
      $display("no result for %0d clocks", idle);
      finish(wrong + 1);
    end
  end

  always @(negedge clk) if (!rst) begin
    if (taken) sent = sent + 1;
    // A beat that was offered stays until it is taken.
    if (taken || !s_tvalid) s_tvalid = sent < 2 * BEATS && (sent < BEATS || $random(seed) % 3 == 0);
    s_tdata = stimuli[sent % BEATS];
    m_tready = received < RESULTS || $random(seed) % 3 == 0;
  end

{_END}endmodule
"""


def _last_test(ports: set[str]) -> str:
    if "m_axis_tlast" not in ports:
        return ""
    return " || m_tlast !== ((received % OUT) == OUT - 1)"
