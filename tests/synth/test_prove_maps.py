"""``RTL = arithmetic`` of unrolled windows: proved, and refuted where anything differs."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.rtl.generate import generate
from hwgen.rtl.parallel import Parallel
from hwgen.spec import golden
from hwgen.spec.network import Network
from hwgen.synth.prove.accumulators import AccumulatorProof
from hwgen.synth.prove.arithmetic import METHOD, ArithmeticProof
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.verdict import Verdict
from tests.networks import dense, rescale
from tests.spec.test_maps import conv, mapped

Fault = dict[str, Any]
POOL = {"kernel": 3, "stride": 2, "padding": [1, 0]}


def small(
    weight: int = 2,
    pool: dict[str, Any] = POOL,
    border: list[int] | None = None,
    mean: str = "half_even",
) -> Network:
    """Convolution, max and average pooling, a dense layer, over a signal of 2 channels."""
    inner = {"bits": 3, "signed": False, "fraction_bits": 0, "rounding": "half_up"}
    inner |= {"overflow": "saturate", "shift": 1}
    mean_of_two: dict[str, Any] = {"kind": "average_pool", "name": "a", "kernel": 2}
    mean_of_two["output"] = rescale(3, False, 0, rounding=mean)
    return mapped(
        [2, 6],
        conv(
            [[[1, -weight], [3, 1]], [[-1, 2], [2, -3]]],
            [1, 2],
            padding=border or [1, 0],
            output=inner,
            activation="relu",
        ),
        {"kind": "max_pool", "name": "p", **pool},
        mean_of_two,
        dense([[1, -2], [3, 1]]),
        bits=3,
        zero_point=2,
    )  # fmt: skip


def proof_of(made: Network, network: Network, pipeline: int, folder: Path) -> Verdict:
    manifest = generate(made, Parallel(pipeline=pipeline), folder)
    vectors = [[0] * network.input.features]
    proof = ArithmeticProof(manifest=manifest, network=network, vectors=vectors)
    return proof.run(Decider(time.monotonic() + 100), lambda line: None)


@pytest.mark.parametrize("pipeline", [0, 2])
def test_proved(pipeline: int, tmp_path: Path) -> None:
    verdict = proof_of(small(), small(), pipeline, tmp_path)
    assert (verdict.status, verdict.method) == ("proved", METHOD)


@pytest.mark.parametrize(
    "fault",
    [
        {"weight": 3},
        {"pool": POOL | {"kernel": 2}},
        {"border": [0, 1]},
        {"mean": "floor"},
    ],
    ids=["weight", "window", "border", "rounding"],
)
def test_refuted(fault: Fault, tmp_path: Path) -> None:
    other = small(**fault)
    verdict = proof_of(other, small(), 0, tmp_path)
    assert verdict.status == "refuted"
    assert verdict.counterexample is not None
    x = [verdict.counterexample["input"]]
    assert golden.predict(small(), np.array(x)).tolist() == [verdict.counterexample["arithmetic"]]
    assert golden.predict(other, np.array(x)).tolist() == [verdict.counterexample["rtl"]]


def test_accumulators_of_windows() -> None:
    net = small()
    widths = [net.accumulator_width(index) for index in range(4)]
    decider = Decider(time.monotonic() + 10)
    proved = AccumulatorProof(network=net, widths=widths, vectors=[]).run(
        decider, lambda line: None
    )
    assert proved.status == "proved"
    neurons = proved.parts["layers"][0]["neurons"]
    assert [(one["low"], one["high"]) for one in neurons] == net.accumulator_intervals(0)
    narrow = [widths[0] - 1, *widths[1:]]
    refuted = AccumulatorProof(network=net, widths=narrow, vectors=[]).run(
        decider, lambda line: None
    )
    assert refuted.status == "refuted"
