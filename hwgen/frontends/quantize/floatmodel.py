"""A float network as plain arrays: what is quantized, and what the result is compared with."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.spec.activations import Tabled, activation
from hwgen.support.errors import HwgenError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatLayer:
    """``activation(weights @ x + bias)``.

    Parameters
    ----------
    weights
        Reals [outputs, inputs].
    bias
        Reals [outputs].
    activation, negative_shift
        As in the network file; leaky_relu has the slope ``2^-negative_shift``.

    Raises
    ------
    HwgenError
        A shape that does not fit, a value that is not finite.
    """

    weights: Floats
    bias: Floats
    activation: str = "none"
    negative_shift: int | None = None
    name: str = "layer"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", np.array(self.weights, np.float64))
        object.__setattr__(self, "bias", np.array(self.bias, np.float64))
        if self.weights.ndim != 2 or not self.weights.size:
            shape = " x ".join(map(str, self.weights.shape)) or "a single number"
            raise HwgenError(f"{self.name}: weights", shape, "outputs x inputs are needed")
        if self.bias.shape != (self.outputs,):
            found = f"{self.bias.size} values"
            raise HwgenError(f"{self.name}: bias", found, f"{self.outputs}, one for each output")
        for what, values in (("weights", self.weights), ("bias", self.bias)):
            if not np.isfinite(values).all():
                place = "".join(f"[{i}]" for i in np.argwhere(~np.isfinite(values))[0])
                found = str(values[~np.isfinite(values)][0])
                raise HwgenError(f"{self.name}: {what}{place}", found, "every value must be finite")

    @property
    def outputs(self) -> int:
        """Neurons of the layer."""
        return len(self.weights)

    @property
    def fan_in(self) -> int:
        """Inputs of the layer."""
        return int(self.weights.shape[1])

    def activate(self, sums: Floats) -> Floats:
        """The activation of every element."""
        return activation(self.activation).real(sums, self.negative_shift)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatModel:
    """A feed-forward network of dense layers.

    Parameters
    ----------
    output
        ``"argmax"``: the index of the largest output is the class; ``"values"``: the outputs.

    Raises
    ------
    HwgenError
        No layer, or layers that do not fit each other.
    """

    layers: tuple[FloatLayer, ...]
    output: Literal["argmax", "values"] = "argmax"
    name: str = "network"
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.layers:
            raise HwgenError(self.name, "no dense layer", "at least one is needed")
        for before, layer in zip(self.layers, self.layers[1:], strict=False):
            if before.outputs != layer.fan_in:
                raise HwgenError(
                    f"{layer.name}: weights",
                    f"{layer.fan_in} inputs",
                    f"{before.outputs} as the outputs of {before.name} say",
                )

    @property
    def features(self) -> int:
        """Inputs of the network."""
        return self.layers[0].fan_in

    @property
    def outputs(self) -> int:
        """Outputs of the last layer."""
        return self.layers[-1].outputs

    @property
    def parameter_count(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.weights.size + layer.outputs for layer in self.layers)

    def sums(self, x: Floats) -> list[Floats]:
        """Each layer's sums [samples, outputs] before its activation."""
        found = []
        for layer in self.layers:
            found.append(x @ layer.weights.T + layer.bias)
            x = layer.activate(found[-1])
        return found

    def infer(self, x: Floats) -> Floats:
        """The outputs [samples, outputs]."""
        return self.layers[-1].activate(self.sums(x)[-1])

    def predict(self, x: Floats) -> NDArray[Any]:
        """Class indices [samples] for ``argmax``, else :meth:`infer`."""
        outputs = self.infer(x)
        return np.argmax(outputs, axis=1) if self.output == "argmax" else outputs

    def as_classifier(self) -> "FloatModel":
        """The same decisions as an ``argmax`` of plain sums.

        A sigmoid or tanh before the argmax decides nothing and is left out. One output alone says
        class 1 where it is positive (a sigmoid: more than one half): it is compared with a zero.
        """
        last = self.layers[-1]
        if isinstance(activation(last.activation), Tabled):
            last = replace(last, activation="none")
        if last.outputs == 1:
            last = replace(
                last,
                weights=np.vstack([np.zeros_like(last.weights), last.weights]),
                bias=np.concatenate([[0.0], last.bias]),
            )
        return replace(self, layers=(*self.layers[:-1], last), output="argmax")
