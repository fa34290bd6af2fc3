"""Area of the digits network with scales of any value over the same with powers of two.

Weights and biases are those of ``examples/digits.json``. Each scale is moved by a factor of
2^-0.5..2^0.5, one for a layer or one for each neuron, and biases are reals between the steps of
sums, as training with Brevitas' default quantizers leaves them; then the model is imported::

    python -m benchmarks.scales DIR [--pdk ihp-sg13g2]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

import hwgen

ROOT = Path(__file__).resolve().parents[1]
QONNX = "qonnx.custom_op.general"
DESIGNS: tuple[tuple[str, dict[str, int]], ...] = (("parallel", {}), ("serial", {"macs": 1}))


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def constant(self, values: Any) -> str:
        """An initializer."""
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node; its output."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, domain=domain, **attributes))
        return name

    def quant(self, source: str, scale: Any, bits: int, signed: int) -> str:
        """A QONNX ``Quant``."""
        parts = [self.constant(value) for value in (scale, 0.0, float(bits))]
        more = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
        return self.node("Quant", source, *parts, domain=QONNX, **more)


def model_of(network: Any, path: Path, neurons: bool, seed: int) -> Path:
    """An ONNX model of the integers of ``network`` with scales of any value."""
    rng = np.random.default_rng(seed)
    graph, step = _Graph(), 2.0**-network.input.fraction_bits
    last = graph.quant("x", step, network.input.bits, 0)
    for layer in network.layers:
        codes = np.array(layer.weights)
        size = (len(codes), 1) if neurons else (1, 1)
        own = 2.0**-layer.weight_fraction_bits * 2.0 ** rng.uniform(-0.5, 0.5, size)
        own = own.astype(np.float32).astype(np.float64)
        weights = graph.quant(graph.constant(codes * own), own, layer.weight_bits, 1)
        bias = (np.array(layer.bias) + rng.uniform(-0.5, 0.5, len(codes))) * step * own.ravel()
        last = graph.node("Gemm", last, weights, graph.constant(bias), transB=1)
        if layer.output is not None:
            step = 2.0**-layer.output.fraction_bits * 2.0 ** rng.uniform(-0.5, 0.5)
            step = float(np.float32(step))
            last = graph.quant(graph.node("Relu", last), step, layer.output.bits, 0)
    shape = [1, network.input.features]
    made = helper.make_graph(
        graph.nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        graph.tensors,
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
    save(helper.make_model(made, opset_imports=opsets, ir_version=8), path)
    return path


def measure(folder: Path, pdk: str) -> list[dict[str, Any]]:
    """A row for each network and design."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = hwgen.load(ROOT / "examples" / "digits.json")
    networks = {"powers of two": plain}
    for neurons in (False, True):
        path = folder / ("neurons.onnx" if neurons else "layers.onnx")
        name = f"any, one for a {'neuron' if neurons else 'layer'}"
        networks[name] = hwgen.from_onnx(model_of(plain, path, neurons, 1), output="argmax")
    rows: list[dict[str, Any]] = []
    for arch, knobs in DESIGNS:
        base = 0.0
        for name, network in networks.items():
            network.save(folder / f"{len(rows)}.json")
            area = network.design(arch, **knobs).synth(pdk=pdk).area_um2
            base = base or area
            rows.append({"arch": arch, "scales": name, "um2": area, "ratio": area / base})
            print(json.dumps(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pdk", default="ihp-sg13g2")
    given = parser.parse_args()
    measure(given.folder, given.pdk)
