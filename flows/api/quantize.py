"""Post-training quantization of a float model, wherever it comes from."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from hwgen.flows import quantization
from hwgen.flows.api.network import Network
from hwgen.flows.api.samples import Samples, arrays_of
from hwgen.flows.quantization import OutputKind, labelled, quantize_model
from hwgen.frontends.importing import float_model
from hwgen.frontends.quantize import Settings, parse_format
from hwgen.frontends.quantize.samples import as_reals
from hwgen.support.errors import HwgenError
from hwgen.support.progress import Progress, silent

Widths = int | Sequence[int]


class Quantization(quantization.Quantization):
    """A quantized network and how it compares with its float model; a table in a notebook."""

    @cached_property
    def network(self) -> Network:
        """The quantized network."""
        return Network.of(self.result.network)


def quantize(
    model: object,
    x: Samples,
    y: ArrayLike | None = None,
    *,
    weight_bits: Widths | None = None,
    activation_bits: Widths | None = None,
    input_bits: int | None = None,
    input_format: str | None = None,
    output: OutputKind = "auto",
    progress: Progress = silent,
    **settings: Any,
) -> Quantization:
    """Turn a float model into a network of integers, without training.

    Parameters
    ----------
    model
        A fitted scikit-learn MLP or a Pipeline that ends in one, a PyTorch ``Sequential``, a Keras
        model, a float ONNX file, or a :class:`hwgen.frontends.quantize.FloatModel`; of dense
        layers, convolutions and pools.
    x
        Samples to calibrate with [samples, features], at least 2: reals as the model takes them, or
        integers, which are the codes that the hardware will get; or the name of a data file. Maps
        as the model takes them, [samples, channels, ...] (of Keras [samples, ..., channels]), or
        flat, channel by channel.
    y
        Their classes [samples], indices or labels; needed to search, and to tell the accuracy.
    weight_bits, activation_bits
        Widths of the weights and of the hidden values: one for all, or one for each layer, 1..16;
        None: 8.
    input_bits
        Width of the input; None: as ``activation_bits``.
    input_format
        The whole input format instead: ``"u4.4"`` is unsigned, 4 bits, 4 of them fraction.
    output
        ``"argmax"`` (the class), ``"values"``, or ``"auto"``: classes where model or ``y`` say so.
    progress
        Called with a line whenever something new begins.
    settings
        Further settings of :class:`hwgen.frontends.quantize.Settings`: ``per_output``,
        ``codebook``, ``accumulator_bits``, ``budget`` (the share of accuracy that a search for the
        smallest widths may cost), ``minimize``, ``seed`` and so on.

    Returns
    -------
    Quantization
        ``network``, and accuracies and costs beside those of the float model and of 8 bits.

    Raises
    ------
    HwgenError
        A model that is not of dense layers, samples that do not fit it, a setting out of range.
    """
    unknown = sorted(set(settings) - set(Settings.__dataclass_fields__))
    if unknown:
        raise HwgenError(unknown[0], "unknown setting", f"one of {', '.join(vars(Settings()))}")
    raw, classes = arrays_of(x, y)
    floating, classes = labelled(float_model(model, map_shape(raw)), classes)
    chosen = Settings(
        weight_bits=_widths(weight_bits),
        activation_bits=_widths(activation_bits),
        input_bits=input_bits,
        input_format=None if input_format is None else parse_format(input_format),
        **settings,
    )
    reals, chosen = as_reals("", raw, chosen)
    found = quantize_model(floating, reals, classes, chosen, output=output, progress=progress)
    return Quantization(result=found.result)


def quantized(model: object, x: Samples, y: ArrayLike | None, **settings: Any) -> Network:
    """The network of :func:`quantize`; ``name`` among the settings renames it."""
    name = settings.pop("name", None)
    if name is not None:
        model = replace(float_model(model, map_shape(arrays_of(x, None)[0])), name=name)
    return quantize(model, x, y, **settings).network


def map_shape(x: Any) -> tuple[int, ...] | None:
    """The shape of a sample that is a map."""
    return tuple(x.shape[1:]) if x.ndim > 2 else None


def _widths(given: Widths | None) -> int | tuple[int, ...] | None:
    return tuple(given) if isinstance(given, Sequence) else given
