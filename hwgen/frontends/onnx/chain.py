"""The chain of sums and codes that a graph was read as, made into layers one by one."""

from dataclasses import replace

import numpy as np

from hwgen.frontends.onnx.final import final_layer, raw_layer
from hwgen.frontends.onnx.layers import (
    Layer,
    quantized_layer,
    sum_of,
)
from hwgen.frontends.onnx.maps import pool, slid
from hwgen.frontends.onnx.problems import Refused, Report, label
from hwgen.frontends.onnx.sources import Source, input_source
from hwgen.frontends.onnx.states import EVERYTHING, Codes, Sum
from hwgen.frontends.onnx.stepped import meaning, stepped_layer
from hwgen.frontends.onnx.tables import merged_table_layer, table_layer
from hwgen.spec.formats import Format

_INEXACT = ("may differ", "gives other codes")


class LayerChain:
    """Makes layers, and says what is in their way.

    Where shifts alone give a layer's integers exactly, these are taken; else what
    :mod:`hwgen.frontends.onnx.stepped` finds.

    Parameters
    ----------
    round_tables
        Take a sigmoid or tanh whose table differs from the function for some sums.
    values
        The last sums are handed out, and not only compared.

    Attributes
    ----------
    scale, offset
        An output y means ``scale * (y + offset)``, once there are layers.
    """

    def __init__(self, report: Report, round_tables: bool, values: bool):
        self._report = report
        self._values = values
        self.scale, self.offset = 1.0, 0.0
        self._round_tables = round_tables

    def layers(self, end: Codes | Sum) -> tuple[list[Layer], Source]:
        """All layers up to ``end``, and the network's input."""
        chain: list[Codes] = []
        codes = end if isinstance(end, Codes) else end.x
        while isinstance(codes.source, Sum):
            chain.append(codes)
            codes = codes.source.x
        entry = x = self._input_source(codes)
        layers: list[Layer] = [pool(one) for one in codes.pools]
        zero = entry.zero_point
        groups = _groups(chain[::-1])
        padded = [_pads(sum_of(group[0])) for group in groups[1:]]
        padded.append(isinstance(end, Sum) and _pads(end))
        for group, pads in zip(groups, padded, strict=False):
            total = sum_of(group[0])
            x = _with_padding(x, total, zero)
            made = self._group(group, x, pads)
            layers += [self._slid(layer, total, x, zero) for layer in made[0]]
            x, zero = made[1], 0
            pools = [one for codes in group for one in (*sum_of(codes).pools, *codes.pools)]
            layers += map(pool, pools)
        if isinstance(end, Sum):
            x = _with_padding(x, end, zero)
            layers.append(self._slid(self._raw(end, x), end, x, zero))
            layers += map(pool, end.pools)
        else:
            self._say_output(end, x)
            self.scale, self.offset = x.scale, x.offset
        return [layer for layer in layers if layer], entry

    def _slid(self, layer: Layer, total: Sum, x: Source, zero: int) -> Layer:
        try:
            return slid(layer, total, x, zero)
        except Refused as refused:
            self._report.problem(total.node, str(refused))
            return {}

    def _say_output(self, end: Codes, x: Source) -> None:
        """Tell where the last integers mean something other than the file says."""
        step = 2.0**-x.format.fraction_bits
        if x.offset or x.scale != step:
            plus = f" (code {x.offset:+g})" if x.offset else " code"
            self._report.note(label(end.node), f"an output code means {x.scale:g} *{plus}")

    def _input_source(self, codes: Codes) -> Source:
        try:
            return input_source(codes, self._report)
        except Refused as refused:
            self._report.problem(codes.node, str(refused))
            return _assumed(codes)

    def _group(self, group: list[Codes], x: Source, padded: bool) -> tuple[list[Layer], Source]:
        """Layers of a sum, its codes and functions of these."""
        if len(group) == 1:
            layer, source = self._layer(group[0], x, padded)
            return [layer], source
        if len(group) == 2 and sum_of(group[1]).function and _plain(group):
            try:
                merged = merged_table_layer(group[1], group[0], x, self._report)
            except Refused:
                merged = None
            if merged is not None:
                return [merged[0]], merged[1]
        try:
            layer, source = stepped_layer(group, x, self._report, padded)
        except Refused as refused:
            self._report.problem(group[-1].node, str(refused))
            return [], _assumed(group[-1])
        return [layer], source

    def _layer(self, codes: Codes, x: Source, padded: bool) -> tuple[Layer, Source]:
        total = sum_of(codes)
        try:
            made = self._shifted(codes, x)
            if made is None or (padded and made[1].offset):
                made = stepped_layer([codes], x, self._report, padded)
        except Refused as refused:
            self._report.problem(codes.node, str(refused))
            return {}, _assumed(codes)
        self._say_identity(total)
        return made

    def _shifted(self, codes: Codes, x: Source) -> tuple[Layer, Source] | None:
        """The layer by shifts alone, or by a table; None where they do not give the same."""
        if not _plain([codes]) or (x.real is not None and not _binary(x)):
            return None
        trial = Report()
        try:
            if sum_of(codes).function is not None and not codes.bipolar:
                made = table_layer(codes, x, trial, self._round_tables)
                inexact = False
            else:
                made = quantized_layer(codes, x, trial)
                inexact = any(text in note for note in trial.notes for text in _INEXACT)
        except Refused:
            return None
        if inexact:
            return None
        self._report.notes += [note for note in trial.notes if note not in self._report.notes]
        return made

    def _raw(self, total: Sum, x: Source) -> Layer:
        try:
            layer = self._shifted_raw(total, x)
            if layer is None:
                layer, self.scale = final_layer(total, x, self._report, self._values)
        except Refused as refused:
            self._report.problem(total.node, str(refused))
            return {}
        self._say_identity(total)
        return layer

    def _shifted_raw(self, total: Sum, x: Source) -> Layer | None:
        """The layer as its sums are; None where they need multipliers or finer biases."""
        trial = Report()
        try:
            layer = raw_layer(total, x, trial)
        except Refused:
            return None
        plain = total.slope == 1.0 and total.clip in (EVERYTHING, (0, np.inf))
        if plain and any(text in note for note in trial.notes for text in _INEXACT):
            return None
        self._report.notes += trial.notes
        fractions = layer["weight_fraction_bits"]
        fraction = (fractions if isinstance(fractions, int) else 0) + x.format.fraction_bits
        self.scale = 2.0 ** -(layer["output"]["fraction_bits"] if layer["output"] else fraction)
        return layer

    def _say_identity(self, total: Sum) -> None:
        if total.identity:
            size = len(total.u)
            self._report.note(
                label(total.node),
                f"is a layer of its own, of {size} x {size} weights on quantized values",
            )


def _pads(total: Sum) -> bool:
    return total.slide is not None and any(total.slide.padding)


def _with_padding(x: Source, total: Sum, zero: int) -> Source:
    """``x`` with the code that pads it among those that occur."""
    low, high = x.ends
    if not _pads(total) or low <= zero <= high:
        return x
    return replace(x, reach=(min(low, zero), max(high, zero)))


def _groups(chain: list[Codes]) -> list[list[Codes]]:
    """Each sum's codes, with the codes that are functions of these alone."""
    groups: list[list[Codes]] = []
    for codes in chain:
        total = sum_of(codes)
        whole = total.identity and bool((total.gain > 0).all())
        if groups and whole and _kept_apart(total):
            groups[-1].append(codes)
        else:
            groups.append([codes])
    return groups


def _kept_apart(total: Sum) -> bool:
    """Every neuron reads the one code with its number, and none is zeroed."""
    codes = total.weights.codes
    return codes is not None and np.array_equal(codes, np.eye(len(codes)))


def _plain(group: list[Codes]) -> bool:
    """Nothing is added behind the codes, and no operator has an arithmetic of its own."""
    return all(codes.add == 0 and codes.execute is None for codes in group)


def _binary(x: Source) -> bool:
    """The step is a power of two, whatever real data are worth."""
    return bool(np.frexp(x.scale)[0] == 0.5)


def _assumed(codes: Codes) -> Source:
    """What ``codes`` would mean if they could be had, so that the rest can be looked at."""
    bits, signed = codes.declared
    number = Format(bits=min(max(bits, 1), 32), signed=signed, fraction_bits=0)
    scale, offset = meaning(replace(codes, add=0.0))
    return Source(format=number, scale=scale, offset=offset)
