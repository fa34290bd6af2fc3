"""Programs of torch.export are the networks that they were made from."""

from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.frontends.importing import float_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")


class Module(torch.nn.Module):  # type: ignore[misc]
    """No Sequential: a scale of the input, two layers, scores."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(6, 5), torch.nn.Linear(5, 3)
        self.register_buffer("mean", torch.arange(6.0))

    def forward(self, x: Any) -> Any:
        hidden = torch.sigmoid(self.first((x - self.mean) / 2.0))
        return torch.log_softmax(self.last(hidden).flatten(1), dim=-1)


def sequential() -> Any:
    norm = torch.nn.BatchNorm1d(5)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.running_mean)
    return torch.nn.Sequential(
        *(torch.nn.Linear(6, 5), norm, torch.nn.ReLU(), torch.nn.Linear(5, 4)),
        *(torch.nn.LeakyReLU(0.125), torch.nn.Dropout(), torch.nn.Linear(4, 4, bias=False)),
        *(torch.nn.Hardtanh(), torch.nn.Linear(4, 3)),
    ).eval()


@pytest.mark.parametrize("make", [Module, sequential])
@pytest.mark.parametrize("decomposed", [False, True])
def test_programs_compute_what_modules_do(make: Any, decomposed: bool) -> None:
    torch.manual_seed(0)
    module, x = make().eval(), torch.randn(50, 6)
    program = torch.export.export(module, (x,))
    program = program.run_decompositions() if decomposed else program
    found = float_model(program)
    y = module(x).detach().numpy()
    sums = found.infer(x.numpy().astype(np.float64))
    if make is Module:  # a log_softmax, left out
        sums = sums - np.log(np.exp(sums).sum(axis=1, keepdims=True))
    assert np.allclose(sums, y, atol=1e-5)
    net = hwgen.from_torch(program, x.numpy(), y.argmax(axis=1))
    assert (net.predict(x.numpy()).results == y.argmax(axis=1)).mean() > 0.9


class Branch(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return x + torch.relu(x)


def test_refusals() -> None:
    x = torch.randn(4, 6)
    with pytest.raises(hwgen.HwgenError, match=r"^model: add, which branches or joins, one chain$"):
        float_model(torch.export.export(Branch(), (x,)))
    gelu = torch.nn.Sequential(torch.nn.Linear(6, 2), torch.nn.GELU())
    with pytest.raises(hwgen.HwgenError, match=r"^model: operator gelu, one of linear, batch_norm"):
        float_model(torch.export.export(gelu, (x,)))
    with pytest.raises(hwgen.HwgenError, match=r"torch\.export\.export\(model, \(x,\)\)$"):
        float_model(gelu)
