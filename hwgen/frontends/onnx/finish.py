"""The end of every import: a chain of sums and codes becomes a network."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hwgen.frontends.onnx.chain import LayerChain
from hwgen.frontends.onnx.context import canonical
from hwgen.frontends.onnx.problems import ImportRefused, Report
from hwgen.frontends.onnx.states import EVERYTHING, Class, Codes, Real, State, Sum
from hwgen.spec.formats import Format
from hwgen.spec.network import MAX_WEIGHTS, Network, parse_network
from hwgen.support.errors import HwgenError, printable

_PER_OUTPUT = ("multiplier", "shift", "thresholds")


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to import.

    Parameters
    ----------
    name
        The network's name; the file's where None.
    snap_scales
        Move scales that are no powers of two to the nearest one.
    round_tables
        Take a sigmoid or tanh whose table differs from the function for some sums.
    single_rounding
        Of TensorFlow Lite: products are rounded once, as kernels do that are built so.
    input_format
        Format of an input that the model does not quantize.
    output
        ``"model"``: as the model has it; ``"argmax"`` or ``"values"``.
    max_weights
        Most weights of a layer.
    """

    name: str | None = None
    snap_scales: bool = False
    round_tables: bool = False
    single_rounding: bool = False
    input_format: Format | None = None
    output: Literal["model", "argmax", "values"] = "model"
    max_weights: int = MAX_WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A network, and what its user should know about how it came about.

    Parameters
    ----------
    scale, offset
        An output y of the last layer stands for ``scale * (y + offset)`` of the model's.
    codes
        Smallest and largest input code of the model; the input format may hold more.
    """

    network: Network
    notes: list[str]
    scale: float = 1.0
    offset: float = 0.0
    codes: tuple[int, int] | None = None


def refuse(path: Path, report: Report) -> None:
    """Raise what is in the way, all of it in one line."""
    count = len(report.problems)
    raise ImportRefused(
        str(path),
        report.problems or ["nothing leads from its input to its output"],
        f"{count} problem{'s' * (count != 1)}, and no network is written",
    )


def finished(
    path: Path, state: State, options: ImportOptions, report: Report, last: str
) -> Imported:
    """The network of a chain that ends in ``state``; ``last`` names the model's last node.

    Raises
    ------
    HwgenError
        Layers that cannot be had, all of them named, none, or too many weights.
    """
    end = state.of if isinstance(state, Class) else state
    if isinstance(end, Real):
        raise HwgenError(str(path), "no dense layer", "at least one is needed")
    end = _without_scores(end, report)
    index = isinstance(state, Class) and not state.scores
    output = options.output
    if output == "model":
        output = "argmax" if index else "values"
    elif output == "values" and index:
        report.note(last, "left out, as values are asked for")
    chain = LayerChain(report, options.round_tables, output == "values")
    layers, entry = chain.layers(end)
    if report.problems:
        refuse(path, report)
    if not layers:
        raise HwgenError(str(path), "no dense layer", "at least one is needed")
    _reorder(layers[-1], end)
    weights = sum(_count(layer.get("weights", [])) for layer in layers)
    if weights > options.max_weights:
        limit = f"at most {options.max_weights:,} are taken (max_weights)"
        raise HwgenError(str(path), f"{weights:,} weights", limit)
    content = {
        "format": "hwgen-network",
        "version": 2,
        "name": options.name or text_name(path.stem),
        "input": {
            **_features(layers[0], end),
            "bits": entry.format.bits,
            "signed": entry.format.signed,
            "fraction_bits": entry.format.fraction_bits,
            "scale": entry.real,
            "zero_point": entry.zero_point,
        },
        "layers": [{**layer, "name": text_name(layer["name"])} for layer in layers],
        "output": output,
    }
    return Imported(
        network=network_of(path, content),
        notes=report.notes,
        scale=chain.scale,
        offset=chain.offset,
        codes=entry.ends,
    )


def _without_scores(end: Codes | Sum, report: Report) -> Codes | Sum:
    """``end`` without a sigmoid or tanh that nothing quantizes: it keeps the order."""
    if not isinstance(end, Sum) or end.function is None or end.clip != EVERYTHING:
        return end
    report.note(
        end.function,
        "left out at the end: sums are in the same order as its values, and 0 is its middle",
    )
    return replace(end, function=None)


def _count(weights: list[Any]) -> int:
    """Numbers in nested lists."""
    return sum(_count(one) if isinstance(one, list) else 1 for one in weights)


def _features(first: dict[str, Any], end: Codes | Sum) -> dict[str, Any]:
    """How many values the network reads, and the map that they are."""
    if first["kind"] == "dense":
        return {"features": len(first["weights"][0])}
    codes = end if isinstance(end, Codes) else end.x
    while isinstance(codes.source, Sum):
        codes = codes.source.x
    order = codes.source.order if codes.pools else codes.order
    return {"features": order.size, "shape": list(order.shape[1:])}


def _reorder(layer: dict[str, Any], end: Codes | Sum) -> None:
    """Put the outputs of the last layer into the order in which the model hands them out."""
    order = end.order.ravel()
    if layer["kind"] != "dense":
        if not canonical(order):
            raise HwgenError("output", "a map in another layout", "channel by channel is needed")
        return
    for part in (layer, layer["output"] or {}):
        for key in ("weights", "bias", "weight_fraction_bits", *_PER_OUTPUT):
            if isinstance(part.get(key), list):
                part[key] = [part[key][neuron] for neuron in order]


def network_of(path: Path, content: dict[str, Any]) -> Network:
    """The network of a file's ``content``; refusals name ``path``, a model that was imported."""
    try:
        return parse_network(content)
    except HwgenError as error:
        raise HwgenError(f"{path}: {error.where}", error.found, error.allowed) from None


def text_name(name: str) -> str:
    """A name that a network file can hold."""
    return printable(name.encode("utf-8", "replace").decode("utf-8"), 200)
