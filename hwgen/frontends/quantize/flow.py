"""Post-training quantization from beginning to end."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hwgen.frontends.quantize.builder import Builder, LayerPlan, WidthPlan
from hwgen.frontends.quantize.equalize import centred, equalized
from hwgen.frontends.quantize.floatmodel import FloatModel, Floats
from hwgen.frontends.quantize.scoring import Score, Scorer
from hwgen.frontends.quantize.search import Cost, Search, Space, described
from hwgen.frontends.quantize.settings import Settings
from hwgen.frontends.quantize.splitting import Split, blended, split
from hwgen.rtl.architectures import family
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize as quantize_values
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

Share = float
Say = Callable[[str], None]

_WIDEST_WEIGHT, _WIDEST_ACTIVATION = 12, 12
_COMBINATIONS = 100


def _silent(_: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Shares of right answers on the same samples."""

    samples: int
    float: "Share"
    quantized: "Share"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """A quantized network, and how it came about.

    Parameters
    ----------
    model
        The float network whose outputs the integers approximate.
    score
        Its losses on the samples that were given.
    validation, calibration
        Accuracy on held-out samples and on those that were calibrated with; None without classes.
    equalized
        Whether powers of two were moved between layers.
    evaluations
        Networks that were tried.
    """

    network: Network
    model: FloatModel
    plan: WidthPlan
    score: Score
    validation: Accuracy | None
    calibration: Accuracy | None
    equalized: bool
    evaluations: int


def quantize(
    model: FloatModel, x: Floats, y: Integers | None = None, settings: Settings | None = None
) -> Network:
    """The quantized network of ``model``; :func:`run` tells more.

    Parameters
    ----------
    x
        Reals [samples, features] as the network will see them.
    y
        Class indices [samples]; needed to search.

    Raises
    ------
    HwgenError
        Data or settings that do not fit the model, a budget or an accumulator that cannot be kept.
    """
    return run(model, x, y, settings or Settings()).network


def run(
    model: FloatModel, x: Floats, y: Integers | None, settings: Settings, say: Say = _silent
) -> Result:
    """Quantize, and tell how it went; parameters as of :func:`quantize`."""
    x, y = checked(model, x, y)
    if settings.budget is not None and (y is None or model.output != "argmax"):
        raise HwgenError("search", "no classes", "data with y and an argmax network are needed")
    model = model.as_classifier() if model.output == "argmax" else model
    parts = split(y, len(x), settings.validation_share, settings.seed)
    run = _Run(model, x, y, parts, settings, say)
    plan = run.chosen()
    network = run.builder.network(plan)
    return Result(
        network=network,
        model=run.builder.model,
        plan=plan,
        score=run.scorer(plan),
        validation=_measured(network, model, x, y, parts.validation),
        calibration=_measured(network, model, x, y, parts.calibration),
        equalized=run.equalized,
        evaluations=run.scorer.evaluations,
    )


def checked(model: FloatModel, x: Floats, y: Integers | None) -> tuple[Floats, Integers | None]:
    """Data that fit the model, in the types that are worked with."""
    x = model.flat(np.asarray(x, np.float64))
    if x.ndim != 2 or x.shape[1] != model.features:
        shape = " x ".join(map(str, x.shape)) or "a single number"
        raise HwgenError("x", f"shape {shape}", f"samples x {model.features} features are needed")
    if len(x) < 2:
        raise HwgenError("x", f"{len(x)} samples", "at least 2 are needed")
    if not np.isfinite(x).all():
        sample, feature = np.argwhere(~np.isfinite(x))[0]
        raise HwgenError(
            f"x[{sample}][{feature}]", str(x[sample, feature]), "every value must be finite"
        )
    if y is None:
        return x, None
    y = np.asarray(y)
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise HwgenError("y", f"{y.dtype} of shape {y.shape}", f"{len(x)} class indices are needed")
    classes = max(2, model.outputs)
    if model.output == "argmax" and (y.min() < 0 or y.max() >= classes):
        raise HwgenError("y", f"classes {y.min()}..{y.max()}", f"the network has 0..{classes - 1}")
    return x, y.astype(np.int64)


def accuracy(network: Network, model: FloatModel, x: Floats, y: Integers) -> Accuracy:
    """Both accuracies on reals ``x``, the quantized one by the golden model."""
    codes = quantize_values(x, network.input.format)
    return Accuracy(
        samples=len(y),
        float=float(np.mean(model.predict(x) == y)),
        quantized=float(np.mean(golden.predict(network, codes) == y)),
    )


def _measured(
    network: Network, model: FloatModel, x: Floats, y: Integers | None, rows: Integers
) -> Accuracy | None:
    if y is None or network.output != "argmax":
        return None
    return accuracy(network, model, x[rows], y[rows])


class _Run:
    """One quantization: the samples as they are used, and the best form of the float model."""

    def __init__(
        self,
        model: FloatModel,
        x: Floats,
        y: Integers | None,
        parts: Split,
        settings: Settings,
        say: Say,
    ):
        self._settings, self._say = settings, say
        rows = np.concatenate([parts.calibration, parts.validation])
        count, total = len(parts.calibration), len(rows)
        self._x, self._y = x[rows], None if y is None else y[rows]
        self._calibration = np.arange(count)
        self._parts = [self._calibration, np.arange(count, total), np.arange(0)]
        if y is not None:
            mixed = blended(self._x, settings.seed)
            self._parts[2] = np.arange(total, total + len(mixed))
            self._y = np.concatenate([y[rows], np.tile(y[rows], len(mixed) // total)])
            self._x = np.concatenate([self._x, mixed])
        self._layers = len(model.layers)
        self.equalized, self.builder, self.scorer = self._best_form(centred(model))

    def _best_form(self, model: FloatModel) -> tuple[bool, Builder, Scorer]:
        """The model as it is or equalized, whichever is asked for or has the lesser error."""
        wanted = self._settings.equalize
        forms = [form for form in (False, True) if wanted in (None, form)]
        made = [(form, *self._prepared(equalized(model) if form else model)) for form in forms]
        if len(made) == 1:
            return made[0]
        trial = self._trial()

        def error(one: tuple[bool, Builder, Scorer]) -> float:
            try:
                return one[2](trial).error
            except HwgenError:  # an accumulator is too narrow for it
                return math.inf

        return min(made, key=error)

    def _prepared(self, model: FloatModel) -> tuple[Builder, Scorer]:
        tight = self._settings.budget is not None or self._free_accumulator
        builder = Builder(model, self._x, self._calibration, self._settings, tight)
        return builder, Scorer(builder, self._y, self._parts, strict=self._parts[2])

    @property
    def _free_accumulator(self) -> bool:
        """Whether the accumulator decides the widths."""
        settings = self._settings
        return settings.accumulator_bits is not None and settings.budget is None

    def _trial(self) -> WidthPlan:
        """Widths at which the two forms of the model are compared."""
        plan = self._start()
        if self._settings.budget is None:
            return plan
        layers = tuple(
            replace(one, weight_bits=min(4, one.weight_bits), output_bits=min(4, one.output_bits))
            for one in plan.layers
        )
        return WidthPlan(input_bits=min(4, plan.input_bits), layers=layers)

    def _start(self) -> WidthPlan:
        """The widths that were asked for."""
        settings = self._settings
        outputs = settings.activation_widths(self._layers)
        last = settings.activation_bits if isinstance(settings.activation_bits, int) else 8
        return WidthPlan(
            input_bits=settings.input_width,
            layers=tuple(
                LayerPlan(weight_bits=weight, output_bits=output)
                for weight, output in zip(
                    settings.weight_widths(self._layers), (*outputs, last), strict=True
                )
            ),
        )

    def chosen(self) -> WidthPlan:
        """The plan that the settings lead to."""
        if self._settings.budget is not None:
            return self._searched(self._settings.budget)
        if self._free_accumulator:
            return self._filling()
        return self._start()

    def _searched(self, budget: float) -> WidthPlan:
        start = self._start()
        space = Space(input_width=self._settings.input_format is None, most=self._most(start))
        search = Search(self.scorer, self._cost(), space, budget, self._say)
        return search.run(start).plan

    def _most(self, start: WidthPlan) -> WidthPlan:
        """The widest plan: what was asked for, else some bits more than the start."""
        settings = self._settings
        weight = None if settings.weight_bits is not None else _WIDEST_WEIGHT
        if settings.codebook and weight:
            weight = 6
        output = None if settings.activation_bits is not None else _WIDEST_ACTIVATION
        width = None if settings.input_bits is not None else output
        return WidthPlan(
            input_bits=width or start.input_bits,
            layers=tuple(
                LayerPlan(
                    weight_bits=weight or one.weight_bits, output_bits=output or one.output_bits
                )
                for one in start.layers
            ),
        )

    def _cost(self) -> Cost:
        model, settings = self.builder.model, self._settings
        if settings.minimize == "area":
            arch = family(settings.area_of)()

            def area(plan: WidthPlan) -> float:
                try:
                    stages = self.builder.stages(plan)
                except HwgenError:  # an accumulator is too narrow for it
                    return math.inf
                return arch.estimated_area(stages[-1].layers, stages[0].format)

            return area
        multiplied = settings.codebook_bits if settings.codebook else None

        def cost(plan: WidthPlan) -> float:
            widths = [plan.input_bits, *(layer.output_bits for layer in plan.layers)]
            if settings.input_format is not None:
                widths[0] = settings.input_format.bits
            total = 0
            for layer, one, width in zip(model.layers, plan.layers, widths, strict=False):
                if settings.minimize == "memory":
                    total += layer.weights.size * one.weight_bits + layer.inputs * width
                else:
                    total += layer.products * (multiplied or one.weight_bits) * width
            return float(total)

        return cost

    def _filling(self) -> WidthPlan:
        """The best of the plans that use the accumulator fully (de Bruin et al., [5]).

        A width of a layer's input leaves one finest fraction for its weights, so the plans are as
        many as the widths of input and hidden values. All are tried, or, where these are too many,
        the widths are improved one after the other.
        """
        start = self._start()
        most = [start.input_bits, *(layer.output_bits for layer in start.layers[:-1])]
        free = [range(1, width + 1) for width in most]
        if self._settings.input_format is not None:
            free[0] = range(most[0], most[0] + 1)
        count = int(np.prod([len(widths) for widths in free]))
        if count <= _COMBINATIONS:
            return self._best(self._with_widths(start, widths) for widths in product(*free))
        return self._improved(start, free)

    def _improved(self, start: WidthPlan, free: list[range]) -> WidthPlan:
        widths = [each[-1] // 2 + 1 for each in free]
        before: list[int] = []
        while widths != before:
            before = list(widths)
            for place, each in enumerate(free):
                tried = [[*widths[:place], width, *widths[place + 1 :]] for width in each]
                plan = self._best(self._with_widths(start, one) for one in tried)
                widths = [plan.input_bits, *(layer.output_bits for layer in plan.layers[:-1])]
        return self._with_widths(start, widths)

    def _with_widths(self, plan: WidthPlan, widths: Iterable[int]) -> WidthPlan:
        first, *rest = widths
        hidden = [
            replace(layer, output_bits=width)
            for layer, width in zip(plan.layers, rest, strict=False)
        ]
        return replace(plan, input_bits=first, layers=(*hidden, plan.layers[-1]))

    def _best(self, plans: Iterable[WidthPlan]) -> WidthPlan:
        """The plan of the least loss, then of the least error; the first refusal if none can be."""
        found: tuple[tuple[float, float], WidthPlan] | None = None
        refused: HwgenError | None = None
        for plan in plans:
            try:
                score = self.scorer(plan)
            except HwgenError as error:
                refused = refused or error
                continue
            rank = (max(score.loss, 0.0), score.error)
            if found is None or rank < found[0]:
                found = rank, plan
                self._say(f"{described(plan)}, {self.scorer.evaluations} plans")
        if found is None:
            raise refused or HwgenError("accumulator bits", "no plan", "at least one is needed")
        return found[1]
