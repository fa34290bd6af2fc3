"""Training from a configuration to a checked network: teacher, float student, quantized student."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, FloatPool, Floats, Slide
from hwgen.frontends.quantize.scales import FINER, choose_fraction, holding_fraction
from hwgen.frontends.train import export
from hwgen.frontends.train.layers import Formats, Perceptron, Quantized, most_codes, rounded
from hwgen.frontends.train.loop import Checkpoint, Say, Tensors, TrainingStage, fit
from hwgen.frontends.train.maps import Conv, convolutions
from hwgen.frontends.train.samples import Part, Samples, load_samples
from hwgen.frontends.train.settings import Config, DataTable, StudentTable
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format
from hwgen.spec.maps import Window
from hwgen.spec.network import Network, parse_network
from hwgen.support.errors import HwgenError

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Shares of right answers."""

    validation: float
    test: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a training run gives.

    Parameters
    ----------
    teacher, student, quantized
        Accuracies; ``teacher`` is None without distillation.
    float_model
        The float student.
    network, onnx
        The quantized student, and the QONNX file that it was imported from.
    compared
        Integers that were compared with Brevitas, all equal.
    """

    teacher: Measured | None
    student: Measured
    quantized: Measured
    float_model: FloatModel
    network: Network
    onnx: bytes
    notes: list[str]
    compared: int
    samples: Samples


def train(config: Config, base: Path, checkpoint: Path, say: Say) -> Trained:
    """Train, export, import and check; goes on from ``checkpoint`` where there is one.

    Parameters
    ----------
    base
        Folder that relative paths of the configuration start at.

    Raises
    ------
    HwgenError
        Data that do not fit, too many parameters, a checkpoint of another configuration.
    """
    samples = load_samples(config.data, config.seed, base)
    classes = len(samples.labels)
    shape = sample_shape(config.data, samples.features)
    maps = convolutions(config.student.maps, shape)
    inputs = math.prod(maps[-1].shape) if maps else samples.features
    sizes = (inputs, *config.student.hidden, classes)
    check_size(sizes, config.student, maps)
    data = _tensors(samples, config)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # one order of additions
    try:
        run = _Run(config, samples, data, Checkpoint(checkpoint), say)
        run.map, run.shape = shape, shape if maps else (samples.features,)
        return run.trained(sizes, maps)
    finally:
        torch.set_num_threads(before)


def digest(samples: Samples) -> str:
    """What stands for the data."""
    found = hashlib.sha256()
    for part in (samples.train, samples.validation, samples.test):
        found.update(np.ascontiguousarray(part.x).tobytes() + part.y.tobytes())
    return found.hexdigest()


def sample_shape(table: DataTable, features: int) -> tuple[int, ...]:
    """The map that a sample is: as the file says, one image, or a signal of one channel.

    Raises
    ------
    HwgenError
        It is not of as many values as a sample has.
    """
    shape = table.shape or (1, *(table.image or (features,)))
    if len(shape) not in (2, 3) or math.prod(shape) != features:
        found = " x ".join(map(str, shape))
        raise HwgenError("data.shape", found, f"2 or 3 sizes of {features} values together")
    return shape


def check_size(sizes: Sequence[int], student: StudentTable, maps: Sequence[Conv] = ()) -> None:
    """Refuse a student of too many parameters."""
    count = sum((a + 1) * b for a, b in pairwise(sizes))
    count += sum((conv.fan_in + 1) * conv.outputs for conv in maps)
    if count > student.max_parameters:
        shape = "-".join(map(str, sizes))
        allowed = f"at most {student.max_parameters:,} (student.max_parameters)"
        raise HwgenError("student.hidden", f"{shape} has {count:,} parameters", allowed)


def _tensors(samples: Samples, config: Config) -> Tensors:
    def reals(x: Floats) -> torch.Tensor:
        return torch.from_numpy(x.astype(np.float32))

    return Tensors(
        x=reals(samples.train.x),
        y=torch.from_numpy(samples.train.y),
        validation_x=reals(samples.validation.x),
        validation_y=torch.from_numpy(samples.validation.y),
        classes=len(samples.labels),
        image=config.data.image,
    )


class _Run:
    def __init__(
        self, config: Config, samples: Samples, data: Tensors, store: Checkpoint, say: Say
    ):
        self._config, self._samples, self._data = config, samples, data
        self._store, self._say = store, say
        self.shape: tuple[int, ...] = (samples.features,)
        self.map: tuple[int, ...] = self.shape
        self._known = f"{_VERSION} {torch.__version__} {config.seed} {config.data.image} "
        self._known += digest(samples)

    def trained(self, sizes: tuple[int, ...], maps: Sequence[Conv] = ()) -> Trained:
        config, samples, table = self._config, self._samples, self._config.training
        teacher = None
        if table.distillation > 0:
            seen = convolutions(config.teacher.maps, self.map, "teacher")
            first = math.prod(seen[-1].shape) if seen else samples.features
            wide: Any = (first, *config.teacher.hidden, sizes[-1])
            teacher = Perceptron(wide, torch.Generator().manual_seed(self._seed(0)), seen)
            wide = (*wide, seen) if seen else wide
            steps, decay = config.teacher.steps, config.teacher.weight_decay
            plain = table.model_copy(update={"distillation": 0.0, "steps": 0})
            self._fit("teacher", teacher, 0, steps, decay, f"{wide} {steps} {decay} {plain!r}")
            self._known += f" {wide} {steps} {decay}"
        student = Perceptron(sizes, torch.Generator().manual_seed(self._seed(1)), maps)
        about = f"{sizes} {maps or ''} {table!r}" if maps else f"{sizes} {table!r}"
        self._fit("float student", student, 1, table.steps, 1e-4, about, teacher)
        formats = choose_formats(student, samples.train.x, config.student)
        quantized = Quantized(student, formats, config.student.accumulator_bits)
        about += repr(config.student)
        self._fit("quantized student", quantized, 2, table.steps, 0.0, about, teacher)
        return self._finished(teacher, student, quantized)

    def _seed(self, stage: int) -> int:
        """Of the first weights; one more is that of the batches."""
        return 1000 * self._config.seed + 10 * stage

    def _fit(
        self,
        name: str,
        model: Perceptron,
        stage: int,
        steps: int,
        decay: float,
        about: str,
        teacher: Perceptron | None = None,
    ) -> None:
        table = self._config.training
        key = hashlib.sha256(f"{name} {self._known} {about}".encode()).hexdigest()
        plan = TrainingStage(
            name=name,
            key=key,
            seed=self._seed(stage) + 1,
            steps=steps,
            patience=table.patience,
            weight_decay=decay,
            teacher=teacher,
        )
        fit(plan, model, self._data, table, self._store, self._say)

    def _finished(
        self, teacher: Perceptron | None, student: Perceptron, quantized: Quantized
    ) -> Trained:
        self._say("exporting and checking")
        samples, name = self._samples, self._config.name
        model = export.as_brevitas(quantized, self.shape)
        content = export.exported(model, self.shape)
        back = export.imported_bytes(content, name)
        network = replace_labels(back.network, samples.labels)
        narrow = self._config.student.accumulator_bits
        widths = [network.accumulator_width(index) for index in range(len(network.layers))]
        if narrow is not None and max(widths) > narrow:
            raise HwgenError("accumulator_bits", f"{max(widths)} bits needed", f"at most {narrow}")
        return Trained(
            teacher=None if teacher is None else self._measured(teacher),
            student=self._measured(student),
            quantized=Measured(
                validation=accuracy(network, samples.validation),
                test=accuracy(network, samples.test),
            ),
            float_model=as_float_model(student, name, samples.labels, len(self.shape) == 3),
            network=network,
            onnx=content,
            notes=back.notes,
            compared=export.check(network, model, samples.test.x, self.shape),
            samples=samples,
        )

    def _measured(self, model: Perceptron) -> Measured:
        shares = [
            float(np.mean(_predicted(model, part.x) == part.y))
            for part in (self._samples.validation, self._samples.test)
        ]
        return Measured(validation=shares[0], test=shares[1])


def choose_formats(student: Perceptron, x: Floats, table: StudentTable) -> Formats:
    """Fraction bits with the least squared error on weights, and on values over the samples."""
    widths = table.activation_widths
    values = [x, *(np.maximum(sums, 0) for sums in _sums(student, x)[:-1])]

    def chosen(values: Floats, bits: int, signed: bool) -> Format:
        fraction = choose_fraction(values, bits, signed, "mse", 100)
        return Format(bits=bits, signed=signed, fraction_bits=fraction)

    activations = tuple(
        chosen(v, bits, signed)
        for v, bits, signed in zip(
            values, widths, [bool(x.min() < 0), *[False] * len(widths)], strict=False
        )
    )
    means = {
        index: chosen(_pooled(student, index, values[index + 1]), widths[index + 1], False)
        for index, conv in enumerate(student.maps)
        if conv.mean
    }
    read = Formats(activations=activations, weight_bits=(), weight_fractions=(), means=means).read
    fractions = []
    for index, (weight, bits) in enumerate(zip(student.weights, table.weight_widths, strict=True)):
        each = table.per_output and index + 1 < len(table.weight_widths)
        most = most_codes(read(index), table.accumulator_bits)
        parts = weight.detach().split(1) if each else [weight.detach()]
        fractions.append(tuple(_weight_fraction(part, bits, most) for part in parts))
    return Formats(
        activations=activations,
        weight_bits=table.weight_widths,
        weight_fractions=tuple(fractions),
        means=means,
    )


def _pooled(model: Perceptron, index: int, values: Floats) -> Floats:
    """What the layer behind ``index`` reads."""
    with torch.no_grad():
        found = model.pooled(index + 1, torch.from_numpy(values.astype(np.float32)))
    return np.asarray(found.numpy(), np.float64)


def _sums(model: Perceptron, x: Floats) -> list[Floats]:
    """Every layer's sums of the float network."""
    if not model.maps:
        return as_float_model(model, "model", ()).sums(x)
    with torch.no_grad():
        found = model.sums(torch.from_numpy(x.astype(np.float32)))
    return [sums.numpy().astype(np.float64) for sums in found]


def _predicted(model: Perceptron, x: Floats) -> Integers:
    classes: Integers = np.argmax(_sums(model, x)[-1], axis=1)
    return classes


def _weight_fraction(weights: torch.Tensor, bits: int, most: float | None) -> int:
    """Fraction bits with the least squared error of ``weights``."""
    size = float(weights.abs().max())
    first = holding_fraction(size, bits, True)
    tried = range(first - (0 if most is None else 8), first + FINER)

    def error(fraction: int) -> float:
        codes = rounded(weights * 2.0**fraction, bits, most)
        return float(((codes * 2.0**-fraction - weights) ** 2).sum())

    return min(tried, key=error)


def as_float_model(
    model: Perceptron, name: str, labels: tuple[str, ...], plane: bool = True
) -> FloatModel:
    """The float network in plain arrays; ``plane``: its maps are images."""
    pairs = list(zip(model.weights, model.biases, strict=True))
    return FloatModel(
        layers=tuple(
            FloatLayer(
                weights=weight.detach().numpy().astype(np.float64),
                bias=bias.detach().numpy().astype(np.float64),
                activation="relu" if index + 1 < len(pairs) else "none",
                name=f"layer{index}",
                **(_slid(model.maps[index], plane) if index < len(model.maps) else {}),
            )
            for index, (weight, bias) in enumerate(pairs)
        ),
        name=name,
        labels=labels or None,
    )


def _slid(conv: Conv, plane: bool) -> dict[str, Any]:
    """Windows and pool of a convolution."""

    def shape(sizes: tuple[int, int, int]) -> tuple[int, ...]:
        return sizes if plane else (sizes[0], sizes[2])

    down, right = conv.padding
    window = Window(kernel=conv.kernel, stride=conv.stride, padding=(down, right, down, right))
    slide = Slide(shape=shape(conv.source), window=window, groups=conv.groups)
    if conv.pool is None:
        return {"slide": slide}
    over = Slide(shape=shape(conv.plane), window=Window(kernel=conv.pool, stride=conv.pool))
    return {
        "slide": slide,
        "pools": (FloatPool(kind="average" if conv.mean else "max", slide=over),),
    }


def replace_labels(network: Network, labels: tuple[str, ...]) -> Network:
    """``network`` with the classes' names."""
    return parse_network({**network.model_dump(mode="json"), "labels": list(labels)})


def accuracy(network: Network, part: Part) -> float:
    """Share of right answers of the golden model."""
    codes = quantize(part.x, network.input.format)
    return float(np.mean(golden.predict(network, codes) == part.y))


def describe(trained: Trained) -> dict[str, Any]:
    """The report of a run, as plain data."""
    network, samples = trained.network, trained.samples
    parts = {"teacher": trained.teacher, "student": trained.student, "quantized": trained.quantized}
    return {
        "network_sha256": network.sha256(),
        "parameters": network.parameter_count,
        "samples": {
            name: len(getattr(samples, name).y) for name in ("train", "validation", "test")
        },
        "accuracy": {name: None if one is None else asdict(one) for name, one in parts.items()},
        "input_format": str(network.input.format),
        "accumulator_bits": [network.accumulator_width(i) for i in range(len(network.layers))],
        "weight_bits": sum(layer.weight_memory_bits for layer in network.layers),
        "compared_with_brevitas": trained.compared,
        "notes": trained.notes,
    }
