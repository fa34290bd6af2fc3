"""A float network as plain arrays: what is quantized, and what the result is compared with.

A convolution is a matrix product over what its windows see; a dense layer is the case of one window
that sees everything. Nothing but :class:`FloatLayer` tells them apart.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.frontends.quantize.slides import FloatPool, Floats, Slide
from hwgen.spec.activations import Tabled, activation
from hwgen.support.errors import HwgenError

__all__ = ["FloatLayer", "FloatModel", "FloatPool", "Floats", "Slide"]

_AT_ONCE = 1 << 22
"""Values of windows that are laid out at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatLayer:
    """``activation(weights @ x + bias)``, of all inputs or of each window, and pools behind it.

    Parameters
    ----------
    weights
        Reals [outputs, inputs]; of a convolution [output channels, values of a window], the values
        of one channel after the other.
    bias
        Reals [outputs].
    activation, negative_shift
        As in the network file; leaky_relu has the slope ``2^-negative_shift``.
    slide
        Windows of a convolution; None: dense.
    pools
        One after the other, behind the activation.

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
    slide: Slide | None = None
    pools: tuple[FloatPool, ...] = ()

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
        slide = self.slide
        if slide is not None:
            channels, groups = slide.shape[0], slide.groups
            need = channels // groups * slide.window.size
            if channels % groups or self.outputs % groups or self.fan_in != need:
                found = f"{self.outputs} x {self.fan_in} in {groups} groups"
                allowed = f"output channels x {need}, groups that divide both numbers of channels"
                raise HwgenError(f"{self.name}: weights", found, allowed)

    # Sizes

    @property
    def outputs(self) -> int:
        """Neurons of the layer; channels of a convolution."""
        return len(self.weights)

    @property
    def fan_in(self) -> int:
        """Values that a sum is made of."""
        return int(self.weights.shape[1])

    @property
    def groups(self) -> int:
        """Groups of a convolution's channels."""
        return 1 if self.slide is None else self.slide.groups

    @property
    def windows(self) -> int:
        """Sums of each output."""
        return 1 if self.slide is None else self.slide.count

    @property
    def inputs(self) -> int:
        """Values that it reads."""
        return self.fan_in if self.slide is None else math.prod(self.slide.shape)

    @property
    def products(self) -> int:
        """Multiplications of a sample."""
        return self.weights.size * self.windows

    @property
    def shape(self) -> tuple[int, ...]:
        """The map that it hands on, behind its pools; ``(outputs,)`` of a dense layer."""
        if self.pools:
            return self.pools[-1].shape
        return (self.outputs,) if self.slide is None else self.slide.behind(self.outputs)

    @property
    def handed_on(self) -> int:
        """Values that it hands on."""
        return math.prod(self.shape)

    # Values

    def unfolded(self, x: Floats) -> Floats:
        """What each sum of ``x`` [samples, inputs] is made of: [samples, groups, windows, fan_in].

        Output o is of group ``o // (outputs / groups)``.
        """
        return x[:, None, None, :] if self.slide is None else self.slide.unfolded(x)

    def sums(self, x: Floats) -> Floats:
        """Sums [samples, outputs * windows], those of an output one after the other."""
        if self.slide is None:
            return x @ self.weights.T + self.bias
        rows = self.weights.reshape(self.groups, -1, self.fan_in).transpose(0, 2, 1)
        step = max(1, _AT_ONCE // (self.groups * self.windows * self.fan_in))
        found = np.empty((len(x), self.outputs, self.windows))
        for first in range(0, len(x), step):
            sums = self.unfolded(x[first : first + step]) @ rows  # samples, groups, windows, own
            found[first : first + step] = sums.transpose(0, 1, 3, 2).reshape(
                len(sums), self.outputs, -1
            )
        return np.asarray((found + self.bias[:, None]).reshape(len(x), -1))

    def activate(self, sums: Floats) -> Floats:
        """The activation of every element."""
        return activation(self.activation).real(sums, self.negative_shift)

    def stages(self, sums: Floats) -> list[Floats]:
        """Values behind the activation, then behind each pool."""
        found = [self.activate(sums)]
        for pool in self.pools:
            found.append(pool.pooled(found[-1]))
        return found

    def spread(self, channels: NDArray[Any]) -> NDArray[Any]:
        """For each weight, what there is in ``channels`` for the channel that it reads.

        A dense layer reads as many channels as there are given, with all their values.
        """
        own = channels.reshape(self.groups, -1)
        rows = np.repeat(own, self.fan_in // own.shape[1], axis=1)
        return np.asarray(np.repeat(rows, self.outputs // self.groups, axis=0))

    def largest(self, channels: int) -> Floats:
        """The largest magnitude of the weights that read each of ``channels``."""
        rows = np.abs(self.weights).reshape(self.groups, self.outputs // self.groups, -1)
        own = rows.reshape(*rows.shape[:2], channels // self.groups, -1)
        return np.asarray(own.max(axis=(1, 3)).ravel())


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatModel:
    """A feed-forward network of dense layers, convolutions and pools.

    Parameters
    ----------
    output
        ``"argmax"``: the index of the largest output is the class; ``"values"``: the outputs.
    channels_last
        Samples that come as maps have their channels last; flat ones never do.

    Raises
    ------
    HwgenError
        No layer, or layers that do not fit each other.
    """

    layers: tuple[FloatLayer, ...]
    output: Literal["argmax", "values"] = "argmax"
    name: str = "network"
    labels: tuple[str, ...] | None = None
    channels_last: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise HwgenError(self.name, "no dense layer", "at least one is needed")
        for before, layer in zip(self.layers, self.layers[1:], strict=False):
            read = (layer.inputs,) if layer.slide is None else layer.slide.shape
            given = before.shape if layer.slide is not None else (before.handed_on,)
            if read != given:
                raise HwgenError(
                    f"{layer.name}: weights",
                    f"{' x '.join(map(str, read))} inputs",
                    f"{' x '.join(map(str, given))} as the outputs of {before.name} say",
                )

    @property
    def features(self) -> int:
        """Inputs of the network."""
        return self.layers[0].inputs

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Channels and sizes of the map that it reads; None where it reads none."""
        slide = self.layers[0].slide
        return None if slide is None else slide.shape

    @property
    def outputs(self) -> int:
        """Outputs of the last layer."""
        return self.layers[-1].handed_on

    def flat(self, x: NDArray[Any]) -> NDArray[Any]:
        """Samples as [samples, features]: maps are laid out channel by channel; others stay."""
        if x.ndim < 3 or math.prod(x.shape[1:]) != self.features:
            return x
        shape = self.shape
        if shape is not None and self.channels_last and x.shape[1:] == (*shape[1:], shape[0]):
            x = np.moveaxis(x, -1, 1)
        elif (shape is not None and x.shape[1:] not in (shape, shape[1:])) or (
            shape is None and self.channels_last and x.shape[-1] != 1
        ):
            return x
        return x.reshape(len(x), -1)

    @property
    def parameter_count(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.weights.size + layer.outputs for layer in self.layers)

    def sums(self, x: Floats) -> list[Floats]:
        """Each layer's sums before its activation, as :meth:`FloatLayer.sums` gives them."""
        found = []
        for layer in self.layers:
            found.append(layer.sums(x))
            x = layer.stages(found[-1])[-1]
        return found

    def infer(self, x: Floats) -> Floats:
        """The outputs [samples, outputs]."""
        return self.layers[-1].stages(self.sums(x)[-1])[-1]

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
        if isinstance(activation(last.activation), Tabled) and not last.pools:
            last = replace(last, activation="none")
        if last.handed_on == 1 and not last.pools:
            last = replace(
                last,
                weights=np.vstack([np.zeros_like(last.weights), last.weights]),
                bias=np.concatenate([[0.0], last.bias]),
            )
        return replace(self, layers=(*self.layers[:-1], last), output="argmax")
