"""The networks that generators are compared on: random ones, and trained ones.

``digits-8.json`` is ``examples/digits-float.onnx`` quantized to 8 bits. The pendigits networks were
trained on "Pen-Based Recognition of Handwritten Digits" (E. Alpaydin and F. Alimoglu, UCI Machine
Learning Repository, CC BY 4.0) and quantized to 4 and 8 bits: 95.2 % and 95.1 % right on 3,298
samples that they were not trained on.
"""

from pathlib import Path

from benchmarks.recipes import ROOT, random_network
from hwgen.spec.network import Network, load_network

HERE = Path(__file__).parent


def networks() -> dict[str, Network]:
    """Networks of relu layers that hand on their last accumulators, by name."""

    def drawn(sizes: list[int], weight_bits: int, bits: int, density: float = 1.0) -> Network:
        return random_network(
            sizes, weight_bits=weight_bits, bits=bits, density=density, seed=1, output="values"
        )

    table = [-15, -9, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 9, 12, 15]
    coded = random_network(
        [16, 24, 16, 8], weight_bits=4, bits=6, seed=1, output="values", codebook=table
    )

    def trained(path: Path) -> Network:
        return Network.model_validate(load_network(path).model_dump() | {"output": "values"})

    return {
        "24-32-16-8, random 2 bits, 6-bit inputs": drawn([24, 32, 16, 8], 2, 6),
        "16-32-16-8, random 3 bits": drawn([16, 32, 16, 8], 3, 8),
        "16-24-16-8, random 4 bits": drawn([16, 24, 16, 8], 4, 8),
        "16-16-16-8, random 6 bits": drawn([16, 16, 16, 8], 6, 8),
        "12-16-12-6, random 8 bits": drawn([12, 16, 12, 6], 8, 8),
        "32-32-16-8, random 4 bits, half of them zero": drawn([32, 32, 16, 8], 4, 8, 0.5),
        "16-24-16-8, codebook of 16 values, 6-bit inputs": coded,
        "12-10-10-4, random 4 bits, 4-bit inputs": drawn([12, 10, 10, 4], 4, 4),
        "64-24-10, digits, trained, 4 bits": trained(ROOT / "examples/digits.json"),
        "64-24-10, digits, trained, 8 bits": trained(HERE / "digits-8.json"),
        "16-24-10, pendigits, trained, 4 bits": trained(HERE / "pendigits-4.json"),
        "16-24-10, pendigits, trained, 8 bits": trained(HERE / "pendigits-8.json"),
        "16-64-32-32-5, random 4 bits": drawn([16, 64, 32, 32, 5], 4, 8),
    }
