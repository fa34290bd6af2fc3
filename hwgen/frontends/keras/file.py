"""Saved Keras models (``.keras``, ``.h5``), read as the untrusted input that they are.

A model is read as the chain of its layers, each as the plain data that describe it and its arrays.
Neither Keras nor anything that a file names is imported; links out of a file are not followed.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.support.errors import HwgenError
from hwgen.support.extras import need
from hwgen.support.files import read_plain

MAX_FILE_BYTES = 1 << 28
MAX_CONFIG_BYTES = 1 << 24
MAX_ELEMENTS = 1 << 25
SUFFIXES = (".keras", ".h5", ".hdf5")

Array = NDArray[Any]
_ALLOWED = "a model saved by Keras is needed"
_NESTED = ("Sequential", "Functional", "Model")
_NO_LAYER = ("InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout")


@dataclass(frozen=True, kw_only=True)
class StoredLayer:
    """One layer of a saved model.

    Parameters
    ----------
    kind, module
        Its class and where that is from.
    config
        As the file describes it.
    arrays
        Its variables and those of its parts, by their path in the file, such as ``"vars/0"``.
    shape
        What it reads, without the axis of samples, where the file says that of the model's input.
    """

    kind: str
    module: str
    name: str
    config: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    def variables(self) -> list[Array]:
        """Its own variables in the order in which they were made."""
        own = [path for path in self.arrays if re.fullmatch(r"vars/\d+", path)]
        return [self.arrays[path] for path in sorted(own, key=lambda path: int(path[5:]))]


def load_layers(path: Path) -> list[StoredLayer]:
    """The layers of a saved model, in the order of its one chain.

    Raises
    ------
    HwgenError
        Unreadable, no Keras model, too large, layers that are no chain.
    """
    need("h5py")
    path = Path(path)
    content = read_plain(path, _ALLOWED, MAX_FILE_BYTES)
    try:
        if content[:4] == b"PK\3\4":
            config, arrays = _zipped(path, content)
            return list(_layers(path, config, arrays, ""))
        config, arrays = _hdf5(path, content)
        return list(_layers(path, config, arrays, None))
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise HwgenError(str(path), "a description that is not Keras'", _ALLOWED) from None


def _zipped(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Description and arrays of a ``.keras`` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = _member(path, archive, "config.json", MAX_CONFIG_BYTES)
            weights = _member(path, archive, "model.weights.h5", MAX_FILE_BYTES)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, OSError):
        raise HwgenError(str(path), "no config.json and model.weights.h5 in it", _ALLOWED) from None
    arrays, _ = _arrays(path, weights)
    return _json(path, text), arrays


def _member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise HwgenError(f"{path}: {name}", "too long", f"at most {limit:,} bytes")
    return content


def _hdf5(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Description and arrays of an ``.h5`` file, as older versions of Keras write it."""
    arrays, described = _arrays(path, content)
    if described is None:
        raise HwgenError(str(path), "weights alone, without the model", _ALLOWED)
    return _json(path, described), arrays


def _json(path: Path, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise HwgenError(str(path), "a description that is no JSON", _ALLOWED) from None
    if not isinstance(found, dict):
        raise HwgenError(str(path), "a description that is no object", _ALLOWED)
    return found


def _arrays(path: Path, content: bytes) -> tuple[dict[str, Array], bytes | None]:
    """All arrays of an HDF5 file by their paths, and the description of a model among it."""
    import h5py

    found: dict[str, Array] = {}
    left = MAX_ELEMENTS

    def walk(group: Any, prefix: str) -> None:
        nonlocal left
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise HwgenError(f"{path}: {prefix}{name}", "a link", "the data themselves")
            one = group[name]
            if isinstance(one, h5py.Group):
                walk(one, f"{prefix}{name}/")
                continue
            if one.external or one.is_virtual:
                raise HwgenError(f"{path}: {prefix}{name}", "data in another file", "in this one")
            left -= max(1, one.size or 0)
            if left < 0:
                raise HwgenError(str(path), "too many values", f"at most {MAX_ELEMENTS:,}")
            if one.dtype.kind in "fiub":
                found[f"{prefix}{name}"] = np.asarray(one[()])

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            walk(file, "")
            text = file.attrs.get("model_config")
    except (OSError, ValueError, RuntimeError):
        raise HwgenError(str(path), "not an HDF5 file", _ALLOWED) from None
    return found, text.encode() if isinstance(text, str) else text


def _layers(
    path: Path, model: dict[str, Any], arrays: dict[str, Array], prefix: str | None
) -> Iterator[StoredLayer]:
    """Layers of a model and of models in it; ``prefix`` None: arrays go by layers' names."""
    described = model["config"]
    layers = described if isinstance(described, list) else described["layers"]
    used: dict[str, int] = {}
    before: str | None = None
    shape: tuple[int, ...] = ()
    for one in layers:
        config, kind = one["config"], str(one["class_name"]).rpartition(">")[2]
        name = str(one.get("name") or config.get("name", ""))
        before = _follows(path, one, name, before)
        key = _snake(kind)
        shape = _shape(one) or shape
        used[key] = used.get(key, -1) + 1
        place = None
        if prefix is not None:
            place = f"{prefix}layers/{key}{f'_{used[key]}' if used[key] else ''}/"
        if kind in _NESTED:
            yield from _layers(path, one, arrays, place)
        elif kind not in _NO_LAYER:
            yield StoredLayer(
                kind=kind,
                module=str(one.get("module") or one.get("registered_name") or ""),
                name=name,
                config=config,
                arrays=_of_layer(arrays, place) if place else _by_name(arrays, name),
                shape=shape,
            )
            shape = ()


def _shape(described: dict[str, Any]) -> tuple[int, ...]:
    """The shape of a model's input, where a layer says it."""
    for key in ("batch_shape", "batch_input_shape"):
        given = described["config"].get(key)
        if isinstance(given, list) and all(
            isinstance(size, int) and size > 0 for size in given[1:]
        ):
            return tuple(given[1:])
    return ()


def _of_layer(arrays: dict[str, Array], place: str) -> dict[str, Array]:
    return {key[len(place) :]: value for key, value in arrays.items() if key.startswith(place)}


def _by_name(arrays: dict[str, Array], name: str) -> dict[str, Array]:
    """Of an ``.h5`` file, in which variables have names."""
    own = {
        key.rpartition("/")[2].partition(":")[0]: value
        for key, value in arrays.items()
        if key.startswith(f"model_weights/{name}/")
    }
    order = [key for key in _NAMED if key in own]
    return {f"vars/{index}": own[key] for index, key in enumerate(order)}


_NAMED = (
    *("kernel", "depthwise_kernel", "gamma", "bias", "beta"),
    *("moving_mean", "moving_variance"),
)


def _follows(path: Path, one: dict[str, Any], name: str, before: str | None) -> str:
    """``name`` of a layer that reads the one before it alone."""
    read = sorted(set(_histories(one.get("inbound_nodes", []))))
    if one["class_name"] == "InputLayer" and before is not None:
        raise HwgenError(str(path), f"a second input {name!r}", "one chain from one input is taken")
    if read and read != [before]:
        listed = ", ".join(map(repr, read))
        raise HwgenError(f"{path}: {name}", f"reads {listed}", "one chain of layers is taken")
    return name


def _histories(node: Any) -> Iterator[str]:
    """Names of the layers that a layer reads, as of Keras 3 or 2."""
    if isinstance(node, dict):
        history = node.get("keras_history")
        if isinstance(history, list):
            yield str(history[0])
        else:
            for part in node.values():
                yield from _histories(part)
    elif isinstance(node, list):
        if len(node) in (3, 4) and isinstance(node[0], str) and isinstance(node[1], int):
            yield node[0]
        else:
            for part in node:
                yield from _histories(part)


def _snake(kind: str) -> str:
    """The name of a class in the paths of a file."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
