"""Verilog of a network by another generator; runs in the peers' own environment.

    python peer.py da4ml network.json folder

``network.json`` has integers only: the input's bits, and for each layer its weights, biases (with
half of the last kept bit), shift and bits of its outputs, or no shift for raw accumulators. A
convolution says besides which values each of its windows sees (``seen``), and its one-bit outputs
may have thresholds; a ``pool`` is the values that each maximum is of. Writes
``folder/src/*.v`` and ``folder/outputs.json``: signed, bits and lowest bit's weight of each output.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Trace the network as the peer's documentation shows, and write its combinational Verilog."""
    name, source, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    trace = importlib.import_module(f"{name}.trace")
    rtl = importlib.import_module(f"{name}.codegen")
    network = json.loads(source.read_text())
    count = network.get("features", len(network["layers"][0]["weights"][0]))
    bits = np.full(count, network["bits"])
    array = trace.FixedVariableArray if name == "da4ml" else trace.FVArray
    x = array.from_kif(bits * 0, bits, bits * 0, hwconf=trace.HWConfig(1, -1, -1))
    value = x
    for layer in network["layers"]:
        if "pool" in layer:
            value = np.max(value[np.array(layer["pool"])], axis=-1)
            continue
        read = value[np.array(layer["seen"])] if "seen" in layer else value
        value = read @ np.array(layer["weights"], np.float64).T + np.array(layer["bias"])
        if "seen" in layer:  # [windows, channels]: a channel after the other, as is pooled and read
            value = value.transpose((1, 0)).reshape(-1)
        if layer.get("thresholds") is not None:
            ones = np.ones(value.shape, np.int64)
            above = trace.ops.relu(
                value - np.repeat(layer["thresholds"], ones.size // len(layer["thresholds"])) + 1.0
            )
            value = trace.ops.quantize(above, ones * 0, ones, ones * 0, "SAT", "TRN")
        elif layer["shift"] is not None:
            scaled = trace.ops.relu(value * 2.0 ** -layer["shift"])
            bits = np.full(value.shape, layer["bits"])
            value = trace.ops.quantize(scaled, bits * 0, bits, bits * 0, "SAT", "TRN")
    logic = trace.comb_trace(x, value) if name == "da4ml" else trace.trace(x, value)
    place = ("peer", folder) if name == "da4ml" else (folder, "peer")
    rtl.RTLModel(logic, *place, print_latency=False).write()
    written = [_format(*map(float, interval)) for interval in logic.out_qint]
    (folder / "outputs.json").write_text(json.dumps(written))


def _format(low: float, high: float, step: float) -> list[int]:
    """Signed or not, bits and the weight of the lowest bit of values from low to high by step."""
    first, last = int(low / step), int(high / step)
    signed = first < 0
    bits = max(last.bit_length(), (-first - 1).bit_length() if signed else 0)
    return [int(signed), bits + signed, int(step)]


if __name__ == "__main__":
    main()
