"""The work of a search in a folder, to go on from."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.frontends.codesign.integers import IntegerLayer, IntegerNetwork
from hwgen.frontends.codesign.taps import Taps
from hwgen.support.files import write_atomic


class Store:
    """A memory of :func:`hwgen.frontends.codesign.search.search` in files below ``folder``.

    Networks and figures are JSON; states of a training are tensors. What cannot be read counts as
    absent.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, name: str) -> Any:
        """What was kept under ``name``, or None."""
        try:
            if name.startswith("training"):
                import torch

                return torch.load(self._path(name, "pt"), weights_only=True)
            content = json.loads(self._path(name, "json").read_text("utf-8"))
            return {**content, "network": network_of(content["network"])}
        except Exception:
            return None

    def put(self, name: str, content: Any) -> None:
        """Keep it, whole or not at all."""
        if name.startswith("training"):
            import torch

            stream = io.BytesIO()
            torch.save(content, stream)
            write_atomic(self._path(name, "pt"), stream.getvalue())
            return
        plain = {**content, "network": plain_network(content["network"])}
        write_atomic(self._path(name, "json"), json.dumps(plain) + "\n")

    def _path(self, name: str, ending: str) -> Path:
        return self._folder / f"{name.replace(', ', '-').replace(' ', '-')}.{ending}"


def plain_network(network: IntegerNetwork) -> dict[str, Any]:
    """The network as plain data."""
    layers = [
        {name: None if part is None else part.tolist() for name, part in vars(layer).items()}
        for layer in network.layers
    ]
    taps = network.taps
    read = {"sources": taps.sources.tolist(), "drops": taps.drops.tolist()}
    return {"features": taps.features, "input_bits": taps.bits, **read, "layers": layers}


def network_of(plain: dict[str, Any]) -> IntegerNetwork:
    """The network that :func:`plain_network` wrote."""

    def array(part: Any) -> Any:
        return None if part is None else np.array(part, np.int64)

    layers = [
        IntegerLayer(**{name: array(part) for name, part in one.items()}) for one in plain["layers"]
    ]
    read = (array(plain[name]) for name in ("sources", "drops"))
    return IntegerNetwork(layers, Taps(plain["input_bits"], plain["features"], *read))
