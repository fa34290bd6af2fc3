"""From a plan (widths, and steps away from the chosen fractions) to a network of integers.

Layers are made from the input to the output. Each is fitted to the integers that the layers before
it really compute on the calibration samples, by the golden model's own arithmetic, so that errors
are made up for as they arise.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

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
from hwgen.spec.layer import Layer, Source
from hwgen.spec.network import AnyLayer, InputFormat, Network, OutputFormat
from hwgen.spec.weighted import Weighted

_KEPT, _KEPT_VALUES = 48, 1 << 26
"""Layers whose values are remembered; plans that are tried one after the other share many."""

_LAYERS: TypeAdapter[AnyLayer] = TypeAdapter(AnyLayer)

_WINDOWS = 1 << 24
"""Values of windows that a layer is fitted to."""


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
    shape
        Of the map that the values are, or None.
    """

    layers: tuple[AnyLayer, ...]
    format: Format
    codes: Integers
    shape: tuple[int, ...] | None

    @property
    def source(self) -> Source:
        """What the next layer reads."""
        count = self.codes.shape[1]
        return Source(count=count, own=self.format, said_by="the model", shape=self.shape)

    def behind(self, content: dict[str, Any]) -> "LayerStage":
        """With one more layer, computed by the golden model's arithmetic."""
        where, source = f"layers[{len(self.layers)}]", self.source
        layer = _LAYERS.validate_python(content).bound(where, source)
        rescales = layer.rescales(source.fraction)
        codes = golden.rescale(rescales, _accumulate(layer, self))
        formats = layer.output_formats()
        raw = Format(bits=1, signed=True, fraction_bits=rescales[0].fraction)
        return LayerStage(
            layers=(*self.layers, layer),
            format=raw if formats is None else formats[0],
            codes=codes,
            shape=layer.output_shape,
        )


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
        self.behind = [
            [x],
            *(one.stages(sums) for one, sums in zip(model.layers, self.sums, strict=True)),
        ]
        self._stages: OrderedDict[tuple[object, ...], LayerStage] = OrderedDict()
        self._formats: dict[tuple[int, int, int], Format] = {}

    def network(self, plan: WidthPlan) -> Network:
        """The network of a plan; validated, so that every accumulator's interval is proven."""
        stages = self.stages(plan)
        source = stages[0].format
        return Network(
            format="hwgen-network",
            version=1 if self.model.shape is None else 2,
            name=self.model.name,
            input=InputFormat(
                features=self.model.features,
                bits=source.bits,
                signed=source.signed,
                fraction_bits=source.fraction_bits,
                shape=None if self.model.shape is None else list(self.model.shape),
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
        return self._chosen((0, 0), plan.input_bits, signed, plan.input_step)

    def _remembered(self, key: tuple[object, ...], make: Any) -> LayerStage:
        if key not in self._stages:
            self._stages[key] = made = make()
            kept = min(_KEPT, _KEPT_VALUES // made.codes.size)
            while len(self._stages) > max(kept, 2 + len(self.model.layers)):
                self._stages.popitem(last=False)
        self._stages.move_to_end(key)
        return self._stages[key]

    def _chosen(self, place: tuple[int, int], bits: int, signed: bool, step: int) -> Format:
        """A format for values: in front of a layer, by its number and how many pools before."""
        key = (*place, bits)
        if key not in self._formats:
            values = self.behind[place[0]][place[1]][self.calibration]
            fraction = choose_fraction(
                values, bits, signed, self.settings.criterion, self.settings.percentile
            )
            self._formats[key] = Format(bits=bits, signed=signed, fraction_bits=fraction)
        found = self._formats[key]
        return replace(found, fraction_bits=bounded(found.fraction_bits + step))

    def _first(self, source: Format) -> LayerStage:
        codes = quantize_values(self.x, source)
        return LayerStage(layers=(), format=source, codes=codes, shape=self.model.shape)

    def _next(self, index: int, plan: LayerPlan, before: LayerStage) -> LayerStage:
        layer = self.model.layers[index]
        fitted = fit_layer(self._task(index, plan, before))
        output = self._output_format(index, plan)
        found = before.behind(self._weighted(layer, plan, fitted, output))
        for place, pool in enumerate(layer.pools, 1):
            content = pool.layer(f"{layer.name}_pool{place if place > 1 else ''}")
            if pool.kind == "average":
                last = index == len(self.model.layers) - 1 and place == len(layer.pools)
                size = pool.slide.window.size
                content["output"] = None
                if not last or size & (size - 1):
                    content["output"] = self._mean_format(index, place, plan, found.format, size)
            found = found.behind(content)
        return found

    def _task(self, index: int, plan: LayerPlan, before: LayerStage) -> Task:
        layer, rows = self.model.layers[index], self.calibration
        most = max(2, _WINDOWS // (layer.groups * layer.windows * layer.fan_in))
        rows = rows[:: -(-len(rows) // most)]
        x = _seen(layer, real(before.codes[rows], before.format.fraction_bits))
        compensated = self.settings.rounding == "compensated"
        like = _seen(layer, self.behind[index][-1][rows]) if compensated else x
        sums = self.sums[index][rows].reshape(len(rows), layer.outputs, -1)
        return Task(
            target=aim(layer.weights, like, x, centred=self.settings.bias_correction),
            mean_sums=sums.mean(axis=2).mean(axis=0),
            mean_x=x.mean(axis=1),
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
        if index == len(self.model.layers) - 1 and not table and not layer.pools:
            return None
        signed = not own.nonnegative
        found = self._chosen((index + 1, 0), plan.output_bits, signed, plan.output_step)
        fraction = found.fraction_bits
        return OutputFormat(
            bits=found.bits,
            signed=signed,
            fraction_bits=max(0, min(16, fraction)) if table else fraction,
            rounding="half_up",
            overflow="saturate",
        )

    def _mean_format(
        self, index: int, place: int, plan: LayerPlan, source: Format, size: int
    ) -> dict[str, Any]:
        """Output of a pool that averages ``size`` values of format ``source``.

        The sum's fraction is finer by ``floor(log2 size)``; where ``size`` is no power of two, a
        multiplier makes up for the rest, to a bit more than the output's width.
        """
        found = self._chosen((index + 1, place), plan.output_bits, source.signed, plan.output_step)
        finer = size.bit_length() - 1
        extra = 0 if size == 1 << finer else plan.output_bits + 2
        return {
            **vars(found),
            **({} if not extra else {"multiplier": round((1 << (extra + finer)) / size)}),
            "shift": source.fraction_bits + finer + extra - found.fraction_bits,
            "rounding": "half_up",
            "overflow": "saturate",
        }

    def _weighted(
        self, layer: FloatLayer, plan: LayerPlan, fitted: Fitted, output: OutputFormat | None
    ) -> dict[str, Any]:
        """The layer of the network file."""
        bits, codes, table = plan.weight_bits, fitted.values, None
        if fitted.table is not None:
            table, codes = codebook_of(fitted, bits)
        elif self.tight:
            bits = signed_width(int(codes.min()), int(codes.max()))
        fractions, slide = fitted.fractions.tolist(), layer.slide
        keys: dict[str, Any] = {"kind": "dense"}
        if slide is not None:
            sizes = slide.window.kernel[-slide.dimensions :]
            codes = codes.reshape(layer.outputs, -1, *sizes)
            keys = {"kind": f"conv{slide.dimensions}d", "groups": slide.groups, **slide.keys()}
        return {
            **keys,
            "name": layer.name,
            "weights": codes.tolist(),
            "weight_bits": bits,
            "weight_fraction_bits": fractions[0] if len(set(fractions)) == 1 else fractions,
            "codebook": table,
            "codebook_bits": None if table is None else self.settings.codebook_bits,
            "bias": fitted.bias.tolist(),
            "activation": layer.activation,
            "negative_shift": layer.negative_shift,
            "output": output,
            "accumulator_bits": self.settings.accumulator_bits,
        }


def _seen(layer: FloatLayer, x: Floats) -> Floats:
    """What sums are made of, [groups, sums of all samples, fan_in]."""
    found = layer.unfolded(x).swapaxes(0, 1)
    return np.asarray(found.reshape(layer.groups, -1, layer.fan_in))


def _accumulate(layer: Layer, before: LayerStage) -> Integers:
    """The golden model's accumulators; in doubles, which are faster, where these are exact."""
    x = before.codes
    size = max(-before.format.minimum, before.format.maximum)
    reach = size * layer.fan_in
    if isinstance(layer, Weighted):
        rows = np.abs(layer.weight_values.reshape(layer.output_channels, -1))
        reach = size * int(rows.sum(axis=1).max()) + max(map(abs, layer.bias))
    if reach < 1 << 53:
        return layer.accumulate(x.astype(np.float64)).astype(np.int64)
    return layer.accumulate(x if reach < 1 << 62 else x.astype(object)).astype(np.int64)
