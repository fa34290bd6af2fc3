from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwgen.rtl.parallel import Parallel
from hwgen.rtl.serial import Serial
from hwgen.sim.job import Job
from hwgen.sim.vectors import corners, expected_results, make_vectors, random_vectors
from hwgen.spec import golden
from hwgen.spec.network import Network, parse_network
from hwgen.support.errors import HwgenError
from tests.sim_designs import NETWORK, manifest


def network(signed: bool = False, output: str = "argmax") -> Network:
    rng = np.random.default_rng(7)
    sizes = [6, 5, 3]
    layers = [
        {
            "kind": "dense",
            "name": f"layer {index}",
            "weights": rng.integers(-8, 8, (outputs, inputs)).tolist(),
            "weight_bits": 4,
            "weight_fraction_bits": 2,
            "bias": rng.integers(-9, 9, outputs).tolist(),
            "activation": "none",
            "output": {
                "bits": 8,
                "signed": True,
                "fraction_bits": 1,
                "rounding": "floor",
                "overflow": "saturate",
            },
        }
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    source = {"features": 6, "bits": 3, "signed": signed, "fraction_bits": 0}
    return parse_network(
        {
            "format": "hwgen-network",
            "version": 1,
            "name": "small",
            "input": source,
            "layers": layers,
            "output": output,
        }
    )


def test_make_vectors_deterministic() -> None:
    first, again, other = (make_vectors(network(), count=90, seed=s) for s in (1, 1, 2))
    assert (first.x == again.x).all()
    assert (first.x != other.x).any()
    assert first.x.shape == (90, 6)
    assert first.expected.shape == (90, 1)
    assert first.origins == {"corners": 22, "random": 68}


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_make_vectors_count(count: int) -> None:
    assert len(make_vectors(network(), count=count, seed=0)) == count


def test_make_vectors_data() -> None:
    data = np.arange(60).reshape(10, 6) % 8
    vectors = make_vectors(network(), count=100, seed=0, data=data)
    assert vectors.origins == {"corners": 22, "data": 10, "random": 78}
    assert (vectors.x[22:32] == data).all()
    assert make_vectors(network(), count=10, seed=0, data=data).origins["data"] == 10


def test_make_vectors_in_format() -> None:
    for signed in (False, True):
        target = network(signed).input.format
        x = make_vectors(network(signed), count=200, seed=3).x
        assert (x.min(), x.max()) == (target.minimum, target.maximum)


def test_make_vectors_values() -> None:
    small = network(output="values")
    vectors = make_vectors(small, count=20, seed=0)
    assert (vectors.expected == golden.predict(small, vectors.x)).all()


@pytest.mark.parametrize("signed", [False, True])
def test_corners_reach_first_layer_intervals(signed: bool) -> None:
    small = network(signed)
    sums = golden.trace(small, corners(small, limit=1000))[0].accumulators
    reached = list(zip(sums.min(axis=0), sums.max(axis=0), strict=True))
    assert reached == small.accumulator_intervals(0)


def test_corners_push_deep_layers() -> None:
    small = network()
    deep = golden.trace(small, corners(small, limit=1000))[1].accumulators
    usual = golden.trace(small, random_vectors(small, count=300, seed=0))[1].accumulators
    assert (deep.max(axis=0) >= usual.max(axis=0)).all()
    assert (deep.min(axis=0) <= usual.min(axis=0)).all()


def test_corners_families() -> None:
    rows = {tuple(row) for row in corners(network(signed=True), limit=1000).tolist()}
    assert {(-4,) * 6, (3,) * 6, (0,) * 6, (-4, 3) * 3, (3, -4) * 3} <= rows
    assert {(0, 0, 3, 0, 0, 0), (0, 0, 0, 0, 0, -4)} <= rows


def test_corners_distinct_and_limited() -> None:
    assert len(corners(network(), limit=5)) == 5
    everything = corners(network(), limit=1000)
    assert len(np.unique(everything, axis=0)) == len(everything)


def test_make_vectors_none() -> None:
    with pytest.raises(HwgenError, match=r"^vectors: found 0, at least 1 vector$"):
        make_vectors(network(), count=0, seed=0)


def test_make_vectors_wrong_features() -> None:
    with pytest.raises(HwgenError, match=r"^data: int64, 2 x 5, integer codes, samples x 6$"):
        make_vectors(network(), count=9, seed=0, data=np.zeros((2, 5), np.int64))


def test_make_vectors_outside_format() -> None:
    with pytest.raises(HwgenError, match=r"^data: codes 0\.\.8, 0\.\.7 in the input format$"):
        make_vectors(network(), count=9, seed=0, data=np.array([[0, 1, 2, 3, 4, 8]]))


def test_job_round_trip(tmp_path: Path) -> None:
    vectors = make_vectors(NETWORK, count=12, seed=1)
    for architecture in (Parallel(), Serial()):
        job = Job.of(manifest(architecture, 1, 1), vectors.x, vectors.expected, 9)
        job.save(tmp_path)
        assert Job.load(tmp_path) == job
        layout = architecture.input_layout(NETWORK)
        assert [layout.unpack(beats) for beats in job.x] == vectors.x.tolist()


def test_expected_results_wide() -> None:
    wide = NETWORK.model_dump(mode="json")
    wide["input"]["bits"] = 32
    wide["layers"][0]["weights"] = [[-(1 << 31)] * 4] * 3
    wide["layers"][0]["weight_bits"] = 32
    parsed = parse_network(wide)
    top = (1 << 32) - 1
    assert expected_results(parsed, np.full((1, 4), top))[0, 0] == -(top << 33)
