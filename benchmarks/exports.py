"""Exports against the golden model: random vectors, every example, C, numpy and ONNX.

    python -m benchmarks.exports                  # 100,000 vectors each
    python -m benchmarks.exports 1000

ONNX runs in onnxruntime where that is installed, else in the evaluator of the ``onnx`` package. The
C header is compiled with gcc, all warnings and a check for undefined behaviour.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipes import random_network
from hwgen.exports import export
from hwgen.rtl.manifest import formats_of
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, load_network, parse_network

ROOT = Path(__file__).parents[1]
GCC = ["gcc", "-std=c99", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
UNDEFINED = ["-fsanitize=undefined", "-fno-sanitize-recover"]
MAIN = """
#include <stdio.h>
#include "net.h"
int main(void) {
  int32_t x[FEATURES]; int64_t y[RESULTS];
  while (fread(x, sizeof x, 1, stdin) == 1) {
    PREDICT(x, y);
    if (fwrite(y, sizeof y, 1, stdout) != 1) return 1;
  }
  return 0;
}
"""


def by_c(network: Network, x: Integers) -> Integers:
    """Results of the C header."""
    header = str(export(network, "c"))
    name = header.split("void ")[-1].split("_predict")[0]
    macros = {"FEATURES": f"{name.upper()}_FEATURES", "RESULTS": f"{name.upper()}_RESULTS"}
    macros["PREDICT"] = f"{name}_predict"
    flags = [f"-D{key}={value}" for key, value in macros.items()]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.h").write_text(header)
        (Path(folder) / "main.c").write_text(MAIN)
        command = [*GCC, *UNDEFINED, *flags, "main.c", "-o", "main"]
        subprocess.run(command, cwd=folder, check=True)
        given = x.astype(np.int32).tobytes()
        done = subprocess.run(["./main"], cwd=folder, input=given, capture_output=True, check=True)
    if done.stderr:
        raise RuntimeError(done.stderr.decode())
    return np.frombuffer(done.stdout, dtype=np.int64).reshape(len(x), -1)


def by_numpy(network: Network, x: Integers) -> Integers:
    """Results of the script."""
    scope: dict[str, Any] = {"__name__": "script"}
    exec(export(network, "numpy"), scope)
    return np.asarray(scope["predict"](x)).reshape(len(x), -1)


def by_onnx(network: Network, x: Integers, evaluator: str = "") -> Integers:
    """Results of the model, brought back to integers.

    ``evaluator`` is ``onnxruntime`` or ``onnx``; the first of them that is there, if empty.
    """
    import onnx

    model = onnx.load_from_string(export(network, "onnx"))
    wide = model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    given = formats_of(network)["input"]
    reals = (x.astype(np.float64) - given["zero_point"]) * given["step"]
    reals = reals if wide else reals.astype(np.float32)
    if (evaluator or _evaluator()) == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString())
        found = session.run(None, {"x": reals})[0]
    else:
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(model).run(None, {"x": reals})[0]
    if network.output == "values" and not wide:
        last = len(network.layers) - 1
        layer, fraction = network.layers[last], network.source(last).fraction
        own = layer.output_formats()
        bits = [f.fraction_bits for f in own] if own else layer.accumulator_fraction(fraction)
        found = np.ldexp(np.asarray(found, np.float64), bits)
    result: Integers = np.asarray(found).astype(np.int64).reshape(len(x), -1)
    return result


def _evaluator() -> str:
    return "onnxruntime" if importlib.util.find_spec("onnxruntime") else "onnx"


def vectors(network: Network, count: int, seed: int = 1) -> Integers:
    """Random codes [count, features], the ends of the format among them."""
    source = network.input.format
    shape = (count, network.input.features)
    x = np.random.default_rng(seed).integers(source.minimum, source.maximum, shape, endpoint=True)
    x[0], x[-1] = source.minimum, source.maximum
    return x


def networks() -> dict[str, Network]:
    """The examples, one that wraps, and one that float32 does not hold."""
    found = {path.stem: load_network(path) for path in sorted((ROOT / "examples").glob("*.json"))}
    wrapping = found["digits"].model_dump(mode="json")
    for layer in wrapping["layers"]:
        layer |= {"accumulator_bits": 7, "accumulator_overflow": "wrap"}
    found["digits, wrapping at 7 bits"] = parse_network(wrapping)
    found["8 inputs of 16 bits"] = random_network(
        [8, 16, 4], weight_bits=16, bits=16, density=1.0, output="values", seed=4
    )
    return found


def main() -> None:
    """Print one Markdown table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ways: dict[str, Callable[[Network, Integers], Integers]] = {
        "c": by_c,
        "numpy": by_numpy,
        f"onnx ({_evaluator()})": by_onnx,
    }
    print(f"| network | export | vectors | mismatches | s |\n|{'---|' * 5}")
    for label, network in networks().items():
        x = vectors(network, count)
        wanted = golden.predict(network, x).reshape(count, -1)
        for name, way in ways.items():
            begun = time.perf_counter()
            wrong = int(np.any(way(network, x) != wanted, axis=1).sum())
            seconds = time.perf_counter() - begun
            print(f"| {label} | {name} | {count:,} | {wrong} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
