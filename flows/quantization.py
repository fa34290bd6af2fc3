"""Post-training quantization as a flow: a float model in, a network and a report out."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hwgen.flows.results import html_line, html_table
from hwgen.frontends.quantize import Accuracy, FloatModel, Result, Settings, accuracy, run
from hwgen.frontends.quantize.bounds import bounds
from hwgen.frontends.quantize.costs import costs, fixed_costs
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.quantize.flow import checked
from hwgen.frontends.quantize.samples import as_reals, read_samples
from hwgen.rtl.architectures import families
from hwgen.spec import labels
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network
from hwgen.spec.weighted import Weighted
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent

OutputKind = Literal["auto", "argmax", "values"]
LAYER_HEADER = (
    *("layer", "shape", "weights", "output", "accumulator", "slack", "A2Q asks", "data type"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantization:
    """A quantized network and how it compares with its float model.

    Attributes
    ----------
    result
        Of :func:`hwgen.frontends.quantize.run`: the network, its plan, scores and accuracies.
    test
        Accuracy on samples that nothing was chosen by; None where there are none.
    output
        The file that the network was written to, or None.
    """

    result: Result
    test: Accuracy | None = None
    output: Path | None = None

    @property
    def network(self) -> Network:
        """The quantized network."""
        return self.result.network

    def to_json(self) -> dict[str, Any]:
        """What ``hwgen quantize --json`` prints."""
        found, network = self.result, self.network
        own, fixed = costs(network), fixed_costs(network)
        return {
            **({} if self.output is None else {"network": str(self.output)}),
            "network_sha256": network.sha256(),
            "parameters": network.parameter_count,
            "output": network.output,
            "accuracy": {
                k: None if one is None else asdict(one) for k, one in self.parts().items()
            },
            "relative_loss": found.score.loss,
            "relative_error": found.score.error,
            "input_format": str(network.input.format),
            "layers": [_layer(network, index) for index in range(len(network.layers))],
            "costs": {**asdict(own), "memory_bits": own.memory_bits},
            "fixed_8_bit": {**asdict(fixed), "memory_bits": fixed.memory_bits},
            "saving": own.saving(fixed),
            "estimated_area_um2": {
                name: round(one().estimated_area(network.layers, network.input.format))
                for name, one in families().items()
                if one.takes(network)
            },
            "equalized": found.equalized,
            "evaluations": found.evaluations,
        }

    def parts(self) -> dict[str, Accuracy | None]:
        """The accuracies by what they were measured on."""
        found = self.result
        return {
            "validation": found.validation,
            "calibration": found.calibration,
            "test": self.test,
        }

    def accuracy_rows(self) -> list[list[object]]:
        """Samples of what, how many, float and quantized accuracy."""
        return [
            [name, one.samples, f"{one.float:.2%}", f"{one.quantized:.2%}"]
            for name, one in self.parts().items()
            if one is not None
        ]

    def layer_rows(self) -> list[list[object]]:
        """Rows below :data:`LAYER_HEADER`."""
        layers = (_layer(self.network, index) for index in range(len(self.network.layers)))
        return [
            [
                layer["name"],
                f"{layer['inputs']}-{layer['outputs']}",
                f"{layer['weight_bits']} bits" + (" of a codebook" if layer["codebook"] else ""),
                layer["output_format"] or "raw",
                layer["accumulator_bits"]["exact"],
                layer["accumulator_bits"]["slack"],
                layer["accumulator_bits"]["a2q"],
                layer["accumulator_bits"]["data_type"],
            ]
            for layer in layers
        ]

    def cost_rows(self) -> list[list[object]]:
        """What is paid for, here, at fixed 8 bits, and the share that is saved."""
        own, fixed = costs(self.network), fixed_costs(self.network)
        saving = own.saving(fixed)
        return [
            [
                "memory of weights and activations, bits",
                own.memory_bits,
                fixed.memory_bits,
                f"{saving['memory']:.1%}",
            ],
            [
                "multiplications, bit products",
                own.multiplications,
                fixed.multiplications,
                f"{saving['multiplications']:.1%}",
            ],
        ]

    def _repr_html_(self) -> str:
        found = self.result
        error = f"error of the outputs {found.score.error:.2e} of their variance"
        title = f"layers, input {self.network.input.format}"
        header = ["samples of", "count", "float", "quantized"]
        return (
            html_table("accuracy", header, self.accuracy_rows())
            + html_line(error)
            + html_table(title, LAYER_HEADER, self.layer_rows())
            + html_table("costs", ["", "here", "fixed 8-bit", "saved"], self.cost_rows())
        )


def quantize_model(
    model: FloatModel,
    x: Floats,
    y: Integers | None,
    settings: Settings,
    *,
    output: OutputKind = "auto",
    progress: Progress = silent,
) -> Quantization:
    """Quantize ``model`` on reals ``x`` [samples, features], with classes ``y`` [samples] or None.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.frontends.quantize.quantize`; a search without classes.
    """
    if settings.budget is not None and y is None:
        raise HwgenError("y", "none", "a search needs classes to measure accuracy")
    progress("quantizing")
    found = run(with_output(model, output, y), x, y, settings, progress)
    return Quantization(result=found)


def quantize_files(
    model: FloatModel,
    data: Path,
    settings: Settings,
    *,
    test: Path | None = None,
    output: OutputKind = "auto",
    progress: Progress = silent,
) -> Quantization:
    """:func:`quantize_model` on the samples of a file, and an accuracy on those of another.

    Raises
    ------
    HwgenError
        Besides what it raises: a file that cannot be read. Refusals of samples name their file.
    """
    raw, y = read_samples(data)
    x, settings = as_reals(data, raw, settings)
    model, y = labelled(model, y, f"{data}: ")
    model = with_output(model, output, y)
    if settings.budget is not None and y is None:
        raise HwgenError(str(data), "no y", "a search needs classes to measure accuracy")
    with _naming(data):
        found = quantize_model(model, x, y, settings, output=model.output, progress=progress)
    return found if test is None else replace(found, test=tested_on(test, found.result, model))


def labelled(
    model: FloatModel, y: Integers | None, prefix: str = ""
) -> tuple[FloatModel, Integers | None]:
    """``model`` and ``y`` where ``y`` may be names: they become indices of the model's labels.

    A model without labels gets those in ``y``, sorted, if they are as many as its classes.

    Raises
    ------
    HwgenError
        Names that are not the model's, or not as many.
    """
    if y is None or not labels.is_text(y):
        return model, y
    if model.labels is None:
        names, classes = labels.sorted_labels(y), max(2, model.outputs)
        if len(names) != classes:
            raise HwgenError(f"{prefix}y", f"{len(names)} labels", f"the model has {classes}")
        model = replace(model, labels=names)
    return model, labels.indices(y, model.labels, prefix)


def with_output(model: FloatModel, kind: OutputKind, y: Integers | None) -> FloatModel:
    """``model`` with the output that is asked for; classes where the model or ``y`` speak of some.

    A single sigmoid decides between two classes.
    """
    if kind == "auto":
        sure = y is not None and y.dtype.kind in "iu"
        kind = "argmax" if sure else model.output
    return replace(model, output=kind)


def tested_on(path: Path, found: Result, model: FloatModel) -> Accuracy:
    """Accuracy on samples that nothing was chosen by."""
    raw, y = read_samples(path)
    model, y = labelled(model, y, f"{path}: ")
    target = found.network.input.format
    x, _ = as_reals(path, raw, Settings(input_format=target))
    with _naming(path):
        x, y = checked(model, x, y)
    if y is None or found.network.output != "argmax":
        raise HwgenError(f"{path}: y", "none", "a test needs classes and an argmax network")
    return accuracy(found.network, model, x, y)


def _layer(network: Network, index: int) -> dict[str, Any]:
    layer, bound = network.layers[index], bounds(network)[index]
    return {
        "name": layer.name,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        **(
            {
                "weight_bits": layer.weight_bits,
                "weight_fraction_bits": layer.weight_fraction_bits,
                "codebook": layer.codebook,
            }
            if isinstance(layer, Weighted)
            else {}
        ),
        "output_format": None if layer.output is None else str(layer.output.format),
        "accumulator_bits": {
            "given": bound.given,
            "exact": bound.exact,
            "slack": bound.slack,
            "a2q": bound.a2q,
            "data_type": bound.data_type,
        },
    }


@contextlib.contextmanager
def _naming(data: Path) -> Iterator[None]:
    """Put the data file's name before what is refused about its arrays."""
    try:
        yield
    except HwgenError as error:
        if error.where[:1] in "xy" and not error.where[1:2].isalpha():
            raise HwgenError(f"{data}: {error.where}", error.found, error.allowed) from None
        raise
