"""Networks that a search begins with, or learns from: float models and network files."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwgen.flows.codesign.samples import Task
from hwgen.frontends.codesign.candidates import Codes
from hwgen.frontends.importing import load_float_model
from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, Floats
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.spec.network import DenseLayer, Network, load_network
from hwgen.support.errors import HwgenError

TEACHING = 0.5
"""Share of a label that is the teacher's."""

_HEATS = np.geomspace(1 / 64, 64, 49)
_HIGH = 0.999


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A float model, or the network file that it stands for.

    ``raw``: it reads features as they are in the source, else scaled to 0..1.
    """

    model: FloatModel
    network: Network | None
    raw: bool = False

    def infer(self, x: Floats) -> Floats:
        """Outputs [samples, outputs] of features [samples, features]."""
        if self.network is None:
            return self.model.infer(x)
        return golden.infer(self.network, quantize(x, self.network.input.format)).astype(float)


def read_model(path: Path, what: str, task: Task) -> Fitted:
    """The model in ``path`` as it suits the samples; ``what`` is the parameter it came with.

    It reads features as they are in the source or scaled to 0..1: what is nearer to the labels of
    the training samples.

    Raises
    ------
    HwgenError
        The file is no network of dense layers, or not for such samples.
    """
    network = load_network(path) if path.suffix == ".json" else None
    model = load_float_model(path) if network is None else _float_of(network, what)
    if task.labels:
        model = model.as_classifier()
    features, outputs = task.train.x.shape[1], task.outputs
    if (model.features, model.outputs) != (features, outputs):
        shape = f"{model.features} inputs and {model.outputs} outputs"
        raise HwgenError(f"{what}: {path}", shape, f"{features} and {outputs} as the samples have")
    scaled = np.ldexp(task.train.x.astype(float), -task.bits)
    fitted = Fitted(model=model, network=network)
    scores = [_score(fitted.infer(x), task.train) for x in (task.raw[0], scaled)]
    return replace(fitted, raw=scores[0] > scores[1])


def taught(task: Task, teacher: Fitted) -> Codes:
    """The training samples, whose labels are half the teacher's.

    The teacher's shares of classes are as sure as suits the validation samples best.
    """
    train, validation = (_outputs(teacher, task, part) for part in (0, 1))
    if not task.labels:
        y = TEACHING * train[:, 0] + (1 - TEACHING) * task.train.y
        return Codes(x=task.train.x, y=y)
    y = task.validation.y
    apart = validation - validation[np.arange(len(y)), y][:, None]
    losses = [float(np.logaddexp.reduce(heat * apart, axis=1).mean()) for heat in _HEATS]
    shares = _softmax(_HEATS[int(np.argmin(losses))] * train)
    labels = np.eye(task.outputs)[task.train.y]
    return Codes(x=task.train.x, y=task.train.y, soft=TEACHING * shares + (1 - TEACHING) * labels)


def starting(task: Task, start: Fitted) -> list[tuple[Floats, Floats]]:
    """Weights and biases of ``start`` on inputs of 0..1, whose hidden outputs are in [0, 1).

    Raises
    ------
    HwgenError
        A hidden layer is no relu, or the last layer has an activation.
    """
    layers = start.model.layers
    for place, layer in enumerate(layers):
        if layer.slide is not None or layer.pools:
            raise HwgenError("start", f"layer {place + 1} has windows", "dense layers")
        wanted = "none" if place == len(layers) - 1 else "relu"
        if layer.activation != wanted:
            said = f"layer {place + 1} has {layer.activation}"
            raise HwgenError("start", said, "relu in hidden layers, none in the last")
    x = np.ldexp(task.train.x.astype(float), -task.bits)
    weights, bias = layers[0].weights, layers[0].bias
    found: list[tuple[Floats, Floats]] = []
    if start.raw:
        low, high = task.raw[0].min(axis=0), task.raw[0].max(axis=0)
        weights, bias = weights * (high - low), bias + weights @ low
    for layer in layers[1:]:
        sums = x @ weights.T + bias
        top = np.maximum(np.quantile(sums, _HIGH, axis=0), 1e-6)
        found.append((weights / top[:, None], bias / top))
        x = np.clip(sums / top, 0, 1)
        weights, bias = layer.weights * top, layer.bias
    spread = 1.0
    if not task.labels:
        spread = 2.0 ** np.ceil(np.log2(task.train.y.std() or 1.0))
        bias = bias - task.train.y.mean()
    return [*found, (weights / spread, bias / spread)]


def _outputs(model: Fitted, task: Task, part: int) -> Floats:
    codes = (task.train, task.validation)[part]
    scaled = np.ldexp(codes.x.astype(float), -task.bits)
    return model.infer(task.raw[part] if model.raw else scaled)


def _score(found: Floats, codes: Codes) -> float:
    if codes.real:
        return -float(np.mean((found[:, 0] - codes.y) ** 2))
    return float((found.argmax(axis=1) == codes.y).mean())


def _softmax(sums: Floats) -> Floats:
    shares = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _float_of(network: Network, what: str) -> FloatModel:
    """The real values that a network file stands for, without its rounding."""
    layers = []
    source = network.input
    if source.scale is not None or source.zero_point:
        raise HwgenError(what, "an input with a scale or a zero point", "fraction bits alone")
    for place, layer in enumerate(network.layers):
        if not isinstance(layer, DenseLayer):
            raise HwgenError(f"{what}: layers[{place}].kind", f"found {layer.kind!r}", "dense")
        own = np.array(layer.accumulator_fraction(network.source(place).fraction))
        bias = np.ldexp(np.asarray(layer.bias, float), -own)
        fractions = own - network.source(place).fraction - layer.weight_shift
        weights = np.ldexp(layer.weight_values.astype(float), -fractions[:, None])
        layers.append(
            FloatLayer(
                weights=weights,
                bias=bias,
                activation=layer.activation,
                negative_shift=layer.negative_shift,
                name=layer.name,
            )
        )
    return FloatModel(layers=tuple(layers), output=network.output, name=network.name)
