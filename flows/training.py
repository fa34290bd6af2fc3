"""Training as a flow: a configuration in, a folder with a checked network out."""

import importlib
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwgen.flows.results import html_line, html_table
from hwgen.frontends.train.settings import INSTALL, Config
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_together
from hwgen.support.progress import Progress, silent

if TYPE_CHECKING:
    from hwgen.frontends.train.flow import Trained

_NAMES = {"teacher": "teacher", "student": "student, float", "quantized": "student, quantized"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What a training run gives.

    Attributes
    ----------
    trained
        Of :func:`hwgen.frontends.train.flow.train`: network, QONNX file, samples, accuracies.
    folder
        Where everything was written.
    """

    trained: "Trained"
    folder: Path

    @property
    def network(self) -> Network:
        """The quantized network."""
        return self.trained.network

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen train --json`` prints."""
        from hwgen.frontends.train.flow import describe

        return {"network": str(self.folder / "network.json"), **describe(self.trained)}

    def accuracy_rows(self) -> list[list[object]]:
        """Which network, its accuracy on the validation and on the test samples."""
        return [
            [name, f"{one.validation:.2%}", f"{one.test:.2%}"]
            for key, name in _NAMES.items()
            if (one := getattr(self.trained, key)) is not None
        ]

    def _repr_html_(self) -> str:
        table = html_table("accuracy", ["", "validation", "test"], self.accuracy_rows())
        return table + html_line(f"network in {self.folder / 'network.json'}")


def need_torch() -> None:
    """Refuse where the extra ``train`` is not installed."""
    for package in ("torch", "brevitas", "onnxscript", "onnxoptimizer"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                importlib.import_module(package)
            except ImportError:
                raise HwgenError(package, "not installed", INSTALL) from None


def train_into(
    settings: Config,
    base: Path,
    output: Path,
    *,
    restart: bool = False,
    progress: Progress = silent,
) -> Training:
    """Train into the folder ``output``; goes on from a checkpoint there unless ``restart``.

    Raises
    ------
    HwgenError
        The extra ``train`` is missing, or as of :func:`hwgen.frontends.train.flow.train`.
    """
    need_torch()
    check_folder(output)
    from hwgen.frontends.train.flow import train

    checkpoint = output / "checkpoint.pt"
    if restart:
        checkpoint.unlink(missing_ok=True)
    result = Training(trained=train(settings, base, checkpoint, progress), folder=output)
    samples = io.BytesIO()
    test = result.trained.samples.test
    np.savez_compressed(samples, x=test.x, y=test.y)
    write_together(
        {
            output / "network.json": result.network.to_json(),
            output / "model.onnx": result.trained.onnx,
            output / "test.npz": samples.getvalue(),
            output / "report.json": json.dumps(result.to_json(), indent=2) + "\n",
        }
    )
    return result
