"""Fixtures of the flows: a small network, a cache of their own, a sweep that is done."""

from pathlib import Path

import pytest

from hwgen.spec.network import save_network
from tests.networks import dense, network, rescale
from tests.sweeps import FONTS, NETWORKS, new_cache, start, write_sweep


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_cache(tmp_path_factory.mktemp("sweeps") / "cache")


@pytest.fixture
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("MPLCONFIGDIR", FONTS)


@pytest.fixture(scope="module")
def eight(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of eight points, all of which are in the cache."""
    folder = tmp_path_factory.mktemp("eight")
    file = write_sweep(folder, network=NETWORKS[:8])
    process = start("sweep", file, "-o", folder / "out", "--jobs", 2, cache=cache)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return folder / "out"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A network of 4-3-2 that every flow gets through in seconds."""
    hidden = dense(
        [[1, -2, 3, 0], [0, 4, -1, 2], [-3, 1, 1, 1]],
        [2, -1, 0],
        output=rescale(4, False, 0),
        activation="relu",
        name="hidden",
    )
    net = network(
        [hidden, dense([[1, 2, -1], [-2, 1, 1]], name="out")], output="argmax", name="tiny"
    )
    save_network(net, tmp_path / "tiny.json")
    return tmp_path / "tiny.json"
