"""Small hand-written designs with seeded faults, for the tests of the regression itself."""

from pathlib import Path

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.interface import Port
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network, parse_network

NETWORK: Network = parse_network(
    {
        "format": "hwgen-network",
        "version": 1,
        "name": "sums",
        "input": {"features": 4, "bits": 4, "signed": False, "fraction_bits": 0},
        "layers": [
            {
                "kind": "dense",
                "name": "sums",
                "weights": [[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, -1]],
                "weight_bits": 2,
                "weight_fraction_bits": 0,
                "bias": [0, 0, 0],
                "activation": "none",
                "output": None,
            }
        ],
        "output": "values",
    }
)
"""Three sums of four inputs; accumulators of 6 bits."""

PARALLEL = """
// Two stages and one enable for both: latency 2, interval 1.
module dut(
    input clk, input rst,
    input [15:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready,
    output [23:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready
);
    integer fault, taken, stalled, resets;
    initial resets = 0;
    initial if (!$value$plusargs("fault=%d", fault)) fault = 0;
    reg [15:0] a, spare;
    reg av, valid, again, held;
    reg [17:0] y;
    wire [5:0] y0 = a[3:0] + a[7:4], y1 = a[11:8] + a[15:12], y2 = a[3:0] - a[15:12];
    wire go = !valid || m_axis_tready || fault == 10;
    assign s_axis_tready = go && !again && !(fault == 8 && taken > 20);
    assign m_axis_tvalid = valid && !(fault == 5 && stalled == 2) && (fault != 11 || m_axis_tready);
    assign m_axis_tdata = {fault == 12 ? 6'd1 : 6'd0, y} ^ (fault == 6 && stalled > 1 ? 24'd1 : 0);
    wire take = s_axis_tvalid && s_axis_tready;
    always @(posedge clk) begin
        stalled <= m_axis_tvalid && !m_axis_tready ? stalled + 1 : 0;
        if (fault == 5 && stalled == 2) stalled <= 3;
        if (take) begin
            taken <= taken + 1;
            if (fault == 13 && taken == 5) $finish;
            if (fault == 14 && taken == 5) while (fault == 14) spare = spare + 1;
        end
        if (go) begin
            av <= take; again <= 0;
            if (take) a <= s_axis_tdata;
            if (take && fault == 1 && taken == 5) av <= 0;
            if (take && fault == 2 && taken == 5) begin again <= 1; spare <= s_axis_tdata; end
            if (take && fault == 3 && taken == 5) begin
                av <= 0; held <= 1; spare <= s_axis_tdata;
            end
            if (take && held) begin again <= 1; held <= 0; end
            if (again) begin av <= 1; a <= spare; end
            valid <= av; y <= {y2, y1, y0};
            if (fault == 9 && a == 16'hffff) y <= {y2, y1, y0} ^ 18'd1;
            if (fault == 15 && a[3:0] == 4'd9) y[0] <= 1'bx;
        end
        if (rst) begin
            resets <= resets + 1;
            if (fault != 7 || resets < 12) begin av <= 0; valid <= 0; end
            again <= 0; held <= 0; taken <= 0; stalled <= 0;
        end
        if (rst && fault == 16) av <= 1'bx;
    end
endmodule
"""

SERIAL = """
// Loads 4 beats, waits, hands out 3 beats: latency 4, interval 10.
module dut(
    input clk, input rst,
    input [7:0] s_axis_tdata, input s_axis_tvalid, input s_axis_tlast, output s_axis_tready,
    output [7:0] m_axis_tdata, output m_axis_tvalid, output m_axis_tlast, input m_axis_tready
);
    integer fault, done, resets;
    reg [1:0] load;
    initial begin load = 0; resets = 0; end
    initial if (!$value$plusargs("fault=%d", fault)) fault = 0;
    reg [1:0] state;
    reg [2:0] count;
    reg [15:0] a;
    wire [5:0] y0 = a[3:0] + a[7:4], y1 = a[11:8] + a[15:12], y2 = a[3:0] - a[15:12];
    assign s_axis_tready = state == 0;
    assign m_axis_tvalid = state == 2;
    assign m_axis_tdata = {2'd0, count == 0 ? y0 : count == 1 ? y1 : y2};
    assign m_axis_tlast = fault == 1 ? count == 1 : fault == 2 ? 1'b0 : count == 2;
    always @(posedge clk) begin
        count <= count + 1;
        if (state == 3) state <= 0;
        if (state == 0) begin
            count <= 0;
            if (s_axis_tvalid) begin
                a <= {s_axis_tdata[3:0], a[15:4]};
                if (fault == 8) load <= load + 1;
                if (fault == 8 ? load == 3 : s_axis_tlast) state <= 1;
            end
        end
        if (state == 1 && count == (fault == 3 && done == 7 ? 3 : 2)) begin
            state <= 2; count <= 0;
        end
        if (state == 2) begin
            count <= count + (fault == 7 || m_axis_tready);
            if (m_axis_tready && count == 2) begin
                state <= fault == 6 && done == 7 ? 3 : 0;
                done <= done + 1;
                if (fault == 4 && done == 7) state <= 1;
                if (fault == 9 && done == 7) a <= 16'bx;
            end
        end
        if (rst && !(fault == 5 && resets > 12 && state == 2)) begin state <= 0; done <= 0; end
        if (rst) resets <= resets + 1;
    end
endmodule
"""

BARE = """
module dut(input clk, input [15:0] x, output reg [17:0] y);
    reg [15:0] a;
    wire [5:0] y0 = a[3:0] + a[7:4], y1 = a[11:8] + a[15:12], y2 = a[3:0] - a[15:12];
    always @(posedge clk) begin
        a <= x; y <= {y2, y1, y0};
    end
endmodule
"""

COMBINATIONAL = """
module dut(input [15:0] x, output [17:0] y);
    wire [5:0] y0 = x[3:0] + x[7:4], y1 = x[11:8] + x[15:12], y2 = x[3:0] - x[15:12];
    assign y = {y2, y1, y0};
endmodule
"""


def manifest(architecture: Architecture, latency: int, interval: int) -> Manifest:
    """The manifest of one of the designs above."""
    names = ["clk", "x", "y"] if architecture.bare else ["clk", "rst"]
    if architecture.bare and not architecture.pipeline:
        names.remove("clk")
    if not architecture.bare:
        signals = ["tdata", "tvalid", "tready"]
        signals += ["tlast"] if architecture.name == "serial" else []
        names += [f"{bus}_{signal}" for bus in ("s_axis", "m_axis") for signal in signals]
    return Manifest(
        top="dut",
        verilog="dut.v",
        arch=architecture,
        latency_cycles=latency,
        interval_cycles=interval,
        ports=[Port(name=name, direction="input", width=1) for name in names],
        input=architecture.input_layout(NETWORK),
        output=architecture.output_layout(NETWORK),
        accumulator_bits=[6],
        network_sha256="",
    )


def write(folder: Path, text: str) -> Path:
    """The design as a file."""
    path = folder / "dut.v"
    path.write_text(text)
    return path
