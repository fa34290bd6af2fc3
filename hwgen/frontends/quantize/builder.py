"""From a plan (widths, and steps away from the chosen fractions) to a network of integers.

Layers are made from the input to the output. Each is fitted to the integers that the layers before
it really compute on the calibration samples, by the golden model's own arithmetic, so that errors
are made up for as they arise.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hwgen.frontends.quantize.fitting import Fitted, Task, codebook_of, fit_layer
from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel, Floats
from hwgen.frontends.quantize.rounding import aim
from hwgen.frontends.quantize.scales import bounded, choose_fraction, real
from hwgen.frontends.quantize.settings import Settings
from hwgen.spec import golden
from hwgen.spec.activations import Tabled, activation
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize as quantize_values
from hwgen.spec.formats import Format, signed_width
from hwgen.spec.network import DenseLayer, InputFormat, Network, OutputFormat

_KEPT = 48
"""Layers whose values are remembered; plans that are tried one after the other share many."""


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """Widths of one layer. Steps are added to the fraction bits that are chosen for the width.

    Parameters
    ----------
    output_bits
        What the layer hands on; of a last layer, only where it needs an output format.
    """

    weight_bits: int
    output_bits: int
    weight_step: int = 0
    output_step: int = 0


@dataclass(frozen=True, kw_only=True)
class WidthPlan:
    """Widths of a whole network; ``input_bits`` is not looked at where the format is given."""

    input_bits: int
    layers: tuple[LayerPlan, ...]
    input_step: int = 0

    def with_layer(self, index: int, layer: LayerPlan) -> "WidthPlan":
        """The plan with another layer ``index``."""
        return replace(self, layers=(*self.layers[:index], layer, *self.layers[index + 1 :]))


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerStage:
    """What is known once the layers so far are made.

    Parameters
    ----------
    codes
        Integers of all samples [samples, values] in ``format``; of a last layer that hands on raw
        accumulators, these.
    """

    layers: tuple[DenseLayer, ...]
    format: Format
    codes: Integers


class Builder:
    """Makes networks of one float model and one set of samples.

    Parameters
    ----------
    model
        What the network is to compute.
    x
        Reals [samples, features].
    calibration
        Which samples are calibrated with; the others are only computed.
    tight
        Weights get no wider a format than their integers need.
    """

    def __init__(
        self, model: FloatModel, x: Floats, calibration: Integers, settings: Settings, tight: bool
    ):
        self.model = model
        self.x = x
        self.settings = settings
        self.calibration = calibration
        self.tight = tight
        self.sums = model.sums(x)
        self.values = [x, *(a.activate(s) for a, s in zip(model.layers, self.sums, strict=True))]
        self._stages: OrderedDict[tuple[object, ...], LayerStage] = OrderedDict()
        self._formats: dict[tuple[int, int], Format] = {}

    def network(self, plan: WidthPlan) -> Network:
        """The network of a plan; validated, so that every accumulator's interval is proven."""
        stages = self.stages(plan)
        source = stages[0].format
        return Network(
            format="hwgen-network",
            version=1,
            name=self.model.name,
            input=InputFormat(
                features=self.model.features,
                bits=source.bits,
                signed=source.signed,
                fraction_bits=source.fraction_bits,
            ),
            layers=list(stages[-1].layers),
            output=self.model.output,
            labels=None if self.model.labels is None else list(self.model.labels),
        )

    def stages(self, plan: WidthPlan) -> list[LayerStage]:
        """The input, then the state behind each layer."""
        source = self.input_format(plan)
        stages = [self._remembered((source,), lambda: self._first(source))]
        for index, layer in enumerate(plan.layers):
            before = stages[-1]
            key = (source, *plan.layers[: index + 1])
            stages.append(
                self._remembered(key, lambda i=index, p=layer, b=before: self._next(i, p, b))
            )
        return stages

    def outputs(self, plan: WidthPlan) -> Floats:
        """The network's outputs as reals [samples, outputs], all samples."""
        last = self.stages(plan)[-1]
        return real(last.codes, last.format.fraction_bits)

    def input_format(self, plan: WidthPlan) -> Format:
        """The format of the input: the given one, or one chosen on the calibration samples."""
        if self.settings.input_format is not None:
            return self.settings.input_format
        signed = bool((self.x < 0).any())
        return self._chosen(0, plan.input_bits, signed, plan.input_step)

    def _remembered(self, key: tuple[object, ...], make: Any) -> LayerStage:
        if key not in self._stages:
            self._stages[key] = make()
            if len(self._stages) > _KEPT:
                self._stages.popitem(last=False)
        self._stages.move_to_end(key)
        return self._stages[key]

    def _chosen(self, index: int, bits: int, signed: bool, step: int) -> Format:
        """A format for the values in front of layer ``index``."""
        if (index, bits) not in self._formats:
            values = self.values[index][self.calibration]
            fraction = choose_fraction(
                values, bits, signed, self.settings.criterion, self.settings.percentile
            )
            self._formats[index, bits] = Format(bits=bits, signed=signed, fraction_bits=fraction)
        found = self._formats[index, bits]
        return replace(found, fraction_bits=bounded(found.fraction_bits + step))

    def _first(self, source: Format) -> LayerStage:
        return LayerStage(layers=(), format=source, codes=quantize_values(self.x, source))

    def _next(self, index: int, plan: LayerPlan, before: LayerStage) -> LayerStage:
        layer = self.model.layers[index]
        fitted = fit_layer(self._task(index, plan, before))
        output = self._output_format(index, plan)
        dense = self._dense(layer, plan, fitted, output)
        accumulators = _accumulate(dense, before)
        rescales = dense.rescales(before.format.fraction_bits)
        codes = golden.rescale(rescales, accumulators)
        raw = Format(bits=1, signed=True, fraction_bits=rescales[0].fraction)
        found = raw if dense.output is None else dense.output.format
        return LayerStage(layers=(*before.layers, dense), format=found, codes=codes)

    def _task(self, index: int, plan: LayerPlan, before: LayerStage) -> Task:
        layer, rows = self.model.layers[index], self.calibration
        x = real(before.codes[rows], before.format.fraction_bits)
        compensated = self.settings.rounding == "compensated"
        like = self.values[index][rows] if compensated else x
        return Task(
            target=aim(layer.weights, like, x, centred=self.settings.bias_correction),
            mean_sums=self.sums[index][rows].mean(axis=0),
            mean_x=x.mean(axis=0),
            bias=layer.bias,
            source=before.format,
            bits=plan.weight_bits,
            step=plan.weight_step,
            shared=not self.settings.per_output or index == len(self.model.layers) - 1,
            settings=self.settings,
            name=layer.name,
        )

    def _output_format(self, index: int, plan: LayerPlan) -> OutputFormat | None:
        layer = self.model.layers[index]
        own = activation(layer.activation)
        table = isinstance(own, Tabled)
        if index == len(self.model.layers) - 1 and not table:
            return None
        signed = not own.nonnegative
        found = self._chosen(index + 1, plan.output_bits, signed, plan.output_step)
        fraction = found.fraction_bits
        return OutputFormat(
            bits=found.bits,
            signed=signed,
            fraction_bits=max(0, min(16, fraction)) if table else fraction,
            rounding="half_up",
            overflow="saturate",
        )

    def _dense(
        self, layer: FloatLayer, plan: LayerPlan, fitted: Fitted, output: OutputFormat | None
    ) -> DenseLayer:
        bits, codes, table = plan.weight_bits, fitted.values, None
        if fitted.table is not None:
            table, codes = codebook_of(fitted, bits)
        elif self.tight:
            bits = signed_width(int(codes.min()), int(codes.max()))
        fractions = fitted.fractions.tolist()
        return DenseLayer(
            kind="dense",
            name=layer.name,
            weights=codes.tolist(),
            weight_bits=bits,
            weight_fraction_bits=fractions[0] if len(set(fractions)) == 1 else fractions,
            codebook=table,
            codebook_bits=None if table is None else self.settings.codebook_bits,
            bias=fitted.bias.tolist(),
            activation=layer.activation,
            negative_shift=layer.negative_shift,
            output=output,
            accumulator_bits=self.settings.accumulator_bits,
        )


def _accumulate(layer: DenseLayer, before: LayerStage) -> Integers:
    """The golden model's accumulators; in doubles, which are faster, where these are exact."""
    x = before.codes
    size = max(-before.format.minimum, before.format.maximum)
    reach = size * int(np.abs(layer.weight_values).sum(axis=1).max()) + max(map(abs, layer.bias))
    if reach < 1 << 53:
        return layer.accumulate(x.astype(np.float64)).astype(np.int64)
    return layer.accumulate(x if reach < 1 << 62 else x.astype(object)).astype(np.int64)
