"""Train and quantize the digits network: writes ``digits.json`` and ``digits-test.npz``.

Data: scikit-learn's digits, 8x8 pixels of 0..16. Split once, stratified: 30 % held-out test
images, of the rest 20 % validation. Every choice is made on validation images; the test images
give the final figure and nothing else.

1. Float training of 64-H-10 with relu: Adam, cross-entropy, a little L1, some of the images
   moved by one pixel.
2. Power-of-two scales: per layer the weight fraction with the least squared error, less one bit
   since the few weights that remain grow, and the hidden fraction that just holds the 99.5 %
   quantile of the hidden values.
3. Quantization-aware fine-tuning. The forward pass computes what the hardware will, exactly
   (sums of small integers are exact in float32); the backward pass takes rounding for the
   identity (straight-through estimator) and stops where the hidden value is clipped.

Silicon is paid per nonzero signed digit of a weight (0: none; 1, 2, 4, 8: one; 3, 5, 6, 7: two),
so a weight ``w``, in units of its last place, becomes the code ``c`` with the least
``(w - c)**2 + price * digits(c)``. The price rises from zero over the first half of the
fine-tuning: small weights fall to zero, others to powers of two, unless the loss pulls them away.

Of the restarts and of the epochs at full price, the best validation accuracy wins, then the
fewest digits. One seed decides everything: repeated runs write the same bytes (on one machine and
with the same numpy; another BLAS may add in another order).
"""

import argparse
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from hwgen.rtl.adders.digits import signed_digits
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format
from hwgen.spec.network import Network, parse_network
from hwgen.support.files import write_atomic

HERE = Path(__file__).resolve().parent
SEED = 0
HIDDEN = 24
RESTARTS = 4
FLOAT_EPOCHS, TUNE_EPOCHS = 200, 1000
BATCH, RATE, L1 = 64, 3e-3, {"float": 0.05, "tune": 0.1}
MOVED = 0.15
PRICE = 0.9
RAMP = 0.5

INPUT = Format(bits=4, signed=False, fraction_bits=4)
WEIGHTS = Format(bits=4, signed=True, fraction_bits=0)
HIDDEN_MAX = 15
CODES = np.arange(WEIGHTS.minimum, WEIGHTS.maximum + 1, dtype=np.float32)
DIGITS = np.array([len(signed_digits(int(code))) for code in CODES], np.float32)

Array = np.ndarray


def split(part: str) -> tuple[Array, Array]:
    """Images (real pixels 0..1, float32 [samples, 64]) and classes of train, validation or test."""
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=SEED, stratify=y)
    train, validation = train_test_split(rest, test_size=0.2, random_state=SEED, stratify=y[rest])
    chosen = {"train": train, "validation": validation, "test": test}[part]
    return x[chosen], y[chosen]


def as_input(x: Array) -> Array:
    """What the hardware sees of real pixels ``x``, as real values."""
    return (quantize(x, INPUT) / 16).astype(np.float32)


def moves(x: Array) -> Array:
    """``x`` moved by -1..1 pixels each way, [9, samples, 64]; entry 0 is ``x`` itself."""
    images = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    offsets = (1, 0, 2)
    return np.stack(
        [images[:, r : r + 8, c : c + 8].reshape(-1, 64) for r in offsets for c in offsets]
    )


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Fraction bits of both layers' weights and of the hidden values."""

    weights: tuple[int, int]
    hidden: int

    @property
    def accumulators(self) -> tuple[int, int]:
        """Fraction bits of both layers' accumulators."""
        return self.weights[0] + INPUT.fraction_bits, self.weights[1] + self.hidden


@dataclass
class Candidate:
    """Real parameters [w1, b1, w2, b2]; with ``scales``, what they are rounded by."""

    parameters: list[Array]
    scales: Scales | None = None
    price: float = PRICE
    score: tuple[float, float] = (0.0, 0.0)
    floating: Self | None = field(default=None, repr=False)

    def codes(self, layer: int) -> Array:
        """Weight codes of a layer: nearest, at ``price`` per nonzero digit."""
        w = np.ldexp(self.parameters[2 * layer], self.scales.weights[layer])
        return CODES[np.argmin((w[..., None] - CODES) ** 2 + self.price * DIGITS, axis=-1)]

    def bias(self, layer: int) -> Array:
        """Biases of a layer at its accumulators' scale."""
        return np.rint(np.ldexp(self.parameters[2 * layer + 1], self.scales.accumulators[layer]))

    def digits(self) -> int:
        """Nonzero signed digits of all weights."""
        return sum(int(DIGITS[np.searchsorted(CODES, self.codes(i))].sum()) for i in (0, 1))

    def forward(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Hidden sums, hidden values, logits, and the second layer's weights as used."""
        if self.scales is None:
            w1, b1, w2, b2 = self.parameters
            sums = x @ w1.T + b1
            hidden = np.maximum(sums, 0)
            return sums, hidden, hidden @ w2.T + b2, w2
        (a1, a2), f = self.scales.accumulators, self.scales.hidden
        w1, w2 = (np.ldexp(self.codes(i), -self.scales.weights[i]) for i in (0, 1))
        sums = x @ w1.T + np.ldexp(self.bias(0), -a1)
        hidden = np.ldexp(np.clip(np.floor(np.ldexp(sums, f) + 0.5), 0, HIDDEN_MAX), -f)
        return sums, hidden, hidden @ w2.T + np.ldexp(self.bias(1), -a2), w2

    def accuracy(self, x: Array, y: Array) -> float:
        """Share of right answers."""
        return float(np.mean(self.forward(x)[2].argmax(axis=1) == y))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        """Gradient of the mean cross-entropy, straight through every rounding."""
        sums, hidden, logits, w2 = self.forward(x)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (odds / odds.sum(axis=1, keepdims=True) - np.eye(10, dtype=np.float32)[y]) / len(y)
        top = np.inf if self.scales is None else np.ldexp(HIDDEN_MAX + 0.5, -self.scales.hidden)
        back = (error @ w2) * ((sums > 0) & (sums < top))
        return [back.T @ x, back.sum(axis=0), error.T @ hidden, error.sum(axis=0)]


def optimize(net: Candidate, epochs: int, l1: float, rng: np.random.Generator) -> Candidate:
    """Adam with a cosine rate and proximal L1; the best epoch on validation (price at its full)."""
    x, y = split("train")
    x, (seen, known) = moves(as_input(x)), split("validation")
    seen, full_price, best = as_input(seen), net.price, None
    mean, square = ([np.zeros_like(p) for p in net.parameters] for _ in range(2))
    batches = len(y) // BATCH
    for step in range(1, epochs * batches + 1):
        done = step / (epochs * batches)
        if step % batches == 1:
            order = rng.permutation(len(y))
        chosen = order[(step - 1) % batches * BATCH :][:BATCH]
        moved = np.where(rng.random(BATCH) < MOVED, rng.integers(1, 9, BATCH), 0)
        net.price = full_price * min(1, done / RAMP)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * done))
        for i, gradient in enumerate(net.gradients(x[moved, chosen], y[chosen])):
            mean[i] += 0.1 * (gradient - mean[i])
            square[i] += 0.001 * (gradient**2 - square[i])
            scaled = np.sqrt(square[i] / (1 - 0.999**step)) + 1e-8
            p = net.parameters[i] - rate * (mean[i] / (1 - 0.9**step) / scaled)
            if i % 2 == 0:
                p = np.sign(p) * np.maximum(np.abs(p) - rate * l1, 0)
                if net.scales is not None:
                    p = np.clip(p, *np.ldexp([-8.5, 7.5], -net.scales.weights[i // 2]))
            net.parameters[i] = p.astype(np.float32)
        if step % batches == 0 and done > RAMP:
            score = net.accuracy(seen, known), -net.digits() if net.scales else 0
            if best is None or score >= best.score:
                best = Candidate(net.parameters.copy(), net.scales, full_price, score, net.floating)
    return best


def choose_scales(net: Candidate) -> Scales:
    """Power-of-two scales that fit a float network."""

    def error(layer: int, fraction: int) -> float:
        w = np.ldexp(net.parameters[2 * layer], fraction)
        rounded = np.clip(np.rint(w), WEIGHTS.minimum, WEIGHTS.maximum)
        return float(np.mean(np.ldexp(rounded - w, -fraction) ** 2))

    first, second = (min(range(-2, 8), key=lambda f, i=i: error(i, f)) for i in (0, 1))
    reach = np.quantile(net.forward(as_input(split("train")[0]))[1], 0.995)
    return Scales(weights=(first - 1, second - 1), hidden=round(np.log2(HIDDEN_MAX / reach) - 0.2))


def train(hidden: int, restart: int) -> Candidate:
    """One network from random weights to codes."""
    rng = np.random.default_rng([SEED, restart])
    shapes = [(hidden, 64), (hidden,), (10, hidden), (10,)]
    spread = [np.sqrt(2 / 30), 0, np.sqrt(2 / hidden), 0]  # about 30 of 64 pixels are lit
    start = [rng.normal(0, s, n).astype(np.float32) for s, n in zip(spread, shapes, strict=True)]
    floating = optimize(Candidate(start), FLOAT_EPOCHS, L1["float"], rng)
    tuned = Candidate(floating.parameters.copy(), choose_scales(floating), floating=floating)
    return optimize(tuned, TUNE_EPOCHS, L1["tune"], rng)


def best_of(hidden: int, restarts: int) -> Candidate:
    """The restart with the best validation accuracy, then the fewest digits."""
    return max((train(hidden, restart) for restart in range(restarts)), key=lambda net: net.score)


def to_network(net: Candidate) -> Network:
    """The candidate as a network file's content."""

    def dense(layer: int, name: str, activation: str, output: dict | None) -> dict:
        return {
            "kind": "dense",
            "name": name,
            "weights": net.codes(layer).astype(int).tolist(),
            "weight_bits": WEIGHTS.bits,
            "weight_fraction_bits": net.scales.weights[layer],
            "bias": net.bias(layer).astype(int).tolist(),
            "activation": activation,
            "output": output,
        }

    unsigned = {"bits": 4, "signed": False}
    rescale = {"fraction_bits": net.scales.hidden, "rounding": "half_up", "overflow": "saturate"}
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 1,
            "name": "digits",
            "input": {"features": 64, **unsigned, "fraction_bits": INPUT.fraction_bits},
            "layers": [
                dense(0, "hidden", "relu", {**unsigned, **rescale}),
                dense(1, "logits", "none", None),
            ],
            "output": "argmax",
            "labels": [str(label) for label in range(10)],
        }
    )


def figures(net: Candidate) -> str:
    """A row of the table: size, and accuracy on validation images."""
    weights = np.concatenate([net.codes(0).ravel(), net.codes(1).ravel()])
    parameters = sum(p.size for p in net.parameters)
    return (
        f"| {len(net.parameters[1])} | {parameters:,} | {np.mean(weights == 0):.0%} "
        f"| {net.digits():,} | {net.floating.score[0]:.1%} | {net.score[0]:.1%} |"
    )


def main() -> None:
    """Train, and write the files or compare them with what is there."""
    parser = argparse.ArgumentParser(description="train and quantize the digits network")
    parser.add_argument("--hidden", type=int, default=HIDDEN, help="hidden neurons")
    parser.add_argument("--restarts", type=int, default=RESTARTS, help="networks to choose from")
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--check", action="store_true", help="compare with the files there instead")
    parser.add_argument("--explore", type=int, nargs="+", metavar="H", help="only a table over H")
    options = parser.parse_args()
    print("| H | parameters | zeros | digits | float, validation | 4 bits, validation |")
    for hidden in options.explore or []:
        print(figures(best_of(hidden, options.restarts)), flush=True)
    if options.explore:
        return

    net = best_of(options.hidden, options.restarts)
    print(figures(net))
    network, (x, y) = to_network(net), split("test")
    right = golden.predict(network, quantize(x, INPUT)) == y
    floating = net.floating.accuracy(as_input(x), y)
    print(
        f"held-out test: {right.mean():.2%} ({right.sum()} of {right.size}); float {floating:.2%}"
    )
    archive = io.BytesIO()
    np.savez_compressed(archive, x=x, y=y)
    files = {"digits.json": network.to_json().encode(), "digits-test.npz": archive.getvalue()}
    for name, content in files.items():
        path = options.output / name
        if not options.check:
            write_atomic(path, content)
        elif not path.exists() or path.read_bytes() != content:
            sys.exit(f"{path}: differs from what was trained now")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
