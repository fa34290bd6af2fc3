"""Settings of a sweep file as sources of networks: files, and quantizations of a float model."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

from hwgen.flows.sweep.axes import quantization
from hwgen.flows.sweep.config import ModelFile
from hwgen.flows.sweep.networks import quantizer_settings, read_model
from hwgen.flows.sweep.points import NetworkSource, Samples
from hwgen.flows.sweep.table import Table
from hwgen.frontends.quantize import FloatModel
from hwgen.spec.data import read_arrays
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain
from hwgen.support.messages import shown

_MOST_BYTES = 1 << 28
"""Most bytes of a network, model or data file of a sweep."""


class Sources:
    """Reads sources; each model and its samples are read once.

    Attributes
    ----------
    found
        Every source, in the order they were read; points refer to them by their place.
    """

    def __init__(self, model: ModelFile | None):
        self._model = model
        self._read_model: tuple[FloatModel, str, Samples] | None = None
        self._refused: list[HwgenError] = []
        self.found: list[NetworkSource] = []

    def read(self, table: Table) -> tuple[int, ...]:
        """The places of all sources that ``table`` asks for.

        Raises
        ------
        HwgenError
            There is none, or a setting of the quantization is not allowed. A network file that
            cannot be loaded is a source that says so.
        """
        first = len(self.found)
        for index, ref in enumerate(table.values.get("network", [])):
            self.found.append(self._network(table, ref, f"network[{index}]"))
        names = sorted(set(table.values) & set(quantization()))
        if self._model is not None and (names or "network" not in table.values):
            for values in itertools.product(*(table.values[name] for name in names)):
                settings = tuple(zip(names, values, strict=True))
                self.found.append(self._quantized(table, self._model, settings))
        if len(self.found) == first:
            raise table.refusal("network", "missing", "network files or a [model] are needed")
        return tuple(range(first, len(self.found)))

    def check(self) -> None:
        """Refuse where no network can be loaded.

        Raises
        ------
        HwgenError
            Of the first one.
        """
        if self._refused and all(source.refusal for source in self.found):
            raise self._refused[0]

    def _network(self, table: Table, ref: object, place: str) -> NetworkSource:
        if not isinstance(ref, str):
            raise table.refusal(place, f"found {shown(ref)}", "the path of a file")
        path, content, refusal = table.folder / ref, b"", None
        try:
            content = read_plain(path, "a network file is needed", _MOST_BYTES)
            load_network(path)
        except HwgenError as error:
            where = error.where.replace(str(path), ref)
            refusal = (where, error.found, error.allowed)
            self._refused.append(table.refusal(f"{place}: {where}", error.found, error.allowed))
        digest = hashlib.sha256(content).hexdigest() if content else ""
        return NetworkSource(
            ref=ref, label=Path(ref).stem, sha256=digest, content=content, refusal=refusal
        )

    def _quantized(
        self, table: Table, model: ModelFile, settings: tuple[tuple[str, Any], ...]
    ) -> NetworkSource:
        for name, value in settings:
            with table.naming(name):
                quantizer_settings(((name, value),))
        if self._read_model is None:
            self._read_model = _model(table.folder, model)
        floating, digest, samples = self._read_model
        return NetworkSource(
            ref=model.file,
            label=Path(model.file).stem,
            sha256=digest,
            model=floating,
            settings=settings,
            calibration=samples,
        )


def _model(folder: Path, model: ModelFile) -> tuple[FloatModel, str, Samples]:
    floating, x, y = read_model(folder / model.file, folder / model.calibration)
    digest = _digest(folder / model.file, "an ONNX model is needed")
    samples = _digest(folder / model.calibration, "samples are needed")
    return floating, digest, Samples(x=x, y=y, sha256=samples, name=model.calibration)


def read_data(folder: Path, name: str) -> Samples:
    """The arrays of a data file as they stand in it; which network they fit is seen later.

    Raises
    ------
    HwgenError
        It cannot be read.
    """
    digest = _digest(folder / name, "samples are needed")
    try:
        x, y = read_arrays(folder / name)
    except HwgenError as error:
        where = error.where.replace(str(folder / name), name)
        raise HwgenError(where, error.found, error.allowed) from None
    return Samples(x=x, y=y, sha256=digest, name=name)


def _digest(path: Path, what: str) -> str:
    return hashlib.sha256(read_plain(path, what, _MOST_BYTES)).hexdigest()
