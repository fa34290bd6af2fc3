"""Train the convolutional digits network: writes examples/digits-conv.json.

``python -m benchmarks.convnets.digits`` takes about 15 s of one core. The split is that of
``examples/train_digits.py``. Shape and training were chosen among about twenty by validation, with
test figures in view; docs/stream.md has other seeds and splits.
"""

from pathlib import Path

import torch

from benchmarks.convnets.training import Conv, Stack, accuracy, train
from examples.train_digits import split
from hwgen.spec.network import save_network

FILE = Path(__file__).resolve().parents[2] / "examples" / "digits-conv.json"
BLOCKS = [Conv(channels=14, weight_bits=3, bits=1, pool=2)]


def main() -> None:
    """Train, tell, write."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    stack = Stack([1, 8, 8], BLOCKS, 10, 3, 3)
    train(stack, *split("train"), epochs=450, seed=1, shift=True)
    for part in ("train", "validation", "test"):
        print(f"{part} {accuracy(stack, *split(part)):.4f}")
    save_network(stack.network("digits-conv"), FILE)


if __name__ == "__main__":
    main()
