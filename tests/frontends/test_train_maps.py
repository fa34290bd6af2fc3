"""Training of convolutions and pools."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from hwgen.flows.cli.main import run
from hwgen.frontends.train.maps import convolutions
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from tests.frontends.test_train import blobs, needs_torch, quiet

MAPS = """
name = "maps"
[data]
source = "{source}"
scale = "all"
shape = {shape}
test_share = 0.1
[student]
maps = {maps}
hidden = {hidden}
per_output = true
[training]
steps = 20
batch = 16
distillation = {distillation}
[teacher]
maps = ["conv 3 1"]
hidden = [8]
steps = 20
"""


@needs_torch
@quiet
@pytest.mark.parametrize(
    ("shape", "maps", "hidden", "kinds"),
    [
        ("[2, 4, 4]", ["conv 4 3x3 pad 1", "max_pool 2", "conv 6 2x1 stride 2 groups 2"], [],
         ["conv2d", "max_pool", "conv2d", "dense"]),
        ("[4, 8]", ["conv 6 3 stride 2 pad 1 groups 2", "max_pool 2"], [5],
         ["conv1d", "max_pool", "dense", "dense"]),
        ("[2, 4, 4]", ["conv 4 3x3 pad 1", "avg_pool 2", "conv 5 1", "global_avg_pool"], [],
         ["conv2d", "average_pool", "conv2d", "average_pool", "dense"]),
        ("[4, 8]\nchannels_last = true", ["conv 3 5", "avg_pool 2"], [],
         ["conv1d", "average_pool", "dense"]),
    ],
)  # fmt: skip
def test_convolutions_compute_what_brevitas_does(
    shape: str, maps: list[str], hidden: list[int], kinds: list[str], tmp_path: Path
) -> None:
    """The training compares every integer of the test samples itself, and says how many."""
    source = blobs(tmp_path / "blobs.npz", features=32)
    text = MAPS.format(source=source, shape=shape, maps=maps, hidden=hidden, distillation=0.5)
    (tmp_path / "train.toml").write_text(text)
    assert run(["train", str(tmp_path / "train.toml"), "-o", str(tmp_path / "o"), "--json"]) == 0
    network = load_network(tmp_path / "o" / "network.json")
    assert [layer.kind for layer in network.layers] == kinds
    report = json.loads((tmp_path / "o" / "report.json").read_text())
    assert report["compared_with_brevitas"] == 9 * 3
    assert report["parameters"] == network.parameter_count


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (["conv 4"], r'student\.maps\[0\]: found "conv 4", "conv CHANNELS SIZE'),
        (["max_pool 2"], r'student\.maps\[0\]: found "max_pool 2", behind a conv is needed'),
        (["conv 3 3 groups 2"], r"groups that divide both numbers of channels"),
        (["conv 4 1", "global_avg_pool", "max_pool 2"], r"behind a conv is needed"),
        (["conv 4 2", "avg_pool 3"], r"maps\[1\]: a mean of 9 values, as many as a power of two"),
        (["conv 4 3 dilation 2"], r'maps\[0\]: found "conv 4 3 dilation 2", "conv CHANNELS SIZE'),
        (["conv 4 3 pad 3"], r"padding below the kernel's size"),
        (["conv 4 3", "conv 4 5"], r"'conv 4 5' on a map of 4 x 2 x 2, a window that fits"),
    ],
)
def test_refused_convolutions(maps: list[str], message: str) -> None:
    with pytest.raises(HwgenError, match=message):
        convolutions(maps, [2, 4, 4])


@needs_torch
@pytest.mark.parametrize("shape", [(2, 6, 6), (3, 8)])
def test_float_models_compute_what_students_do(shape: tuple[int, ...]) -> None:
    import torch

    from hwgen.frontends.train.flow import as_float_model
    from hwgen.frontends.train.layers import Perceptron

    said = ["conv 6 3 pad 1", "max_pool 2", f"conv 4 2 groups {shape[0] % 2 + 1}", "avg_pool 2"]
    maps = convolutions(said, shape)
    model = Perceptron((math.prod(maps[-1].shape), 3), torch.Generator().manual_seed(1), maps)
    x = np.random.default_rng(0).random((20, math.prod(shape)))
    with torch.no_grad():
        wanted = model(torch.from_numpy(x.astype(np.float32))).numpy()
    found = as_float_model(model, "m", (), len(shape) == 3)
    np.testing.assert_allclose(found.infer(x), wanted, atol=1e-5)


def test_sizes_of_convolutions() -> None:
    first, second = convolutions(
        ["conv 4 3x1 stride 2 pad 0", "max_pool 1x2", "conv 2 1"], [3, 7, 5]
    )
    assert (first.shape, second.source) == ((4, 3, 1), (4, 3, 1))
    (signal,) = convolutions(["conv 4 3 pad 1"], [2, 6])
    assert (signal.kernel, signal.padding, signal.shape) == ((1, 3), (0, 1), (4, 1, 6))
