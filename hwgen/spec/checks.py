"""What every kind of layer refuses: activations and output formats that do not go together."""

from typing import Any

from hwgen.spec.activations import Tabled, activation, activations
from hwgen.spec.layer import Layer
from hwgen.spec.models import OutputFormat, each
from hwgen.support.errors import HwgenError


def check_activation(layer: Layer, where: str) -> None:
    """Refuse a ``negative_shift`` that is missing or too many."""
    having = ", ".join(one.name for one in activations() if one.shifts)
    if (layer.negative_shift is not None) != activation(layer.activation).shifts:
        raise HwgenError(
            f"{where}.negative_shift",
            f"{layer.negative_shift} with activation {layer.activation!r}".replace(
                "None", "missing"
            ),
            f"{having} has one, others have none",
        )


def check_output(layer: Layer, where: str, last: bool) -> None:
    """Refuse an output format that does not go with the layer, its place or itself."""
    output, tabled = layer.output, isinstance(activation(layer.activation), Tabled)
    named = f"with activation {layer.activation!r}"
    if output is None:
        if not last:
            raise HwgenError(
                f"{where}.output", "null", "only the last layer hands on raw accumulators"
            )
        if tabled:
            raise HwgenError(f"{where}.output", f"null {named}", "a format is needed")
        return
    where = f"{where}.output"
    for key in ("bits", "fraction_bits", "multiplier", "shift", "scale", "thresholds"):
        _check_count(getattr(output, key), f"{where}.{key}", layer.output_channels, key)
    for key in ("bits", "fraction_bits"):
        if last and isinstance(getattr(output, key), list):
            raise HwgenError(
                f"{where}.{key}", "a list on the last layer", "one integer for all results"
            )
    if tabled:
        fractions = each(output.fraction_bits, layer.output_channels)
        for j, fraction in enumerate(fractions):
            if not 0 <= fraction <= 16:
                place = f"[{j}]" if isinstance(output.fraction_bits, list) else ""
                raise HwgenError(
                    f"{where}.fraction_bits{place}",
                    f"{fraction} {named}",
                    "0..16 are allowed with a table",
                )
    if output.thresholds is not None:
        if tabled:
            raise HwgenError(f"{where}.thresholds", f"given {named}", "a table has none")
        _check_thresholds(output, where, layer.output_channels)


def _check_count(value: Any, where: str, outputs: int, key: str) -> None:
    if isinstance(value, list) and len(value) != outputs:
        one = "" if key == "thresholds" else "a number" if key == "scale" else "one integer"
        many = f"{outputs}, one for each output"
        raise HwgenError(
            where,
            f"{len(value)} {'lists' if key == 'thresholds' else 'values'}",
            f"{one}, or {many}" if one else many,
        )


def _check_thresholds(output: OutputFormat, where: str, outputs: int) -> None:
    for key, idle in (("multiplier", 1), ("shift", None)):
        if getattr(output, key) != idle:
            raise HwgenError(f"{where}.{key}", "given with thresholds", "these say it all")
    for j, (steps, bits) in enumerate(
        zip(output.thresholds or [], each(output.bits, outputs), strict=True)
    ):
        most = (1 << bits) - 1
        if len(steps) > most:
            raise HwgenError(
                f"{where}.thresholds[{j}]",
                f"{len(steps)} values",
                f"at most {most} for {bits} bits",
            )
        for k in range(1, len(steps)):
            if steps[k] < steps[k - 1]:
                raise HwgenError(
                    f"{where}.thresholds[{j}][{k}]",
                    f"{steps[k]} behind {steps[k - 1]}",
                    "thresholds never fall",
                )
