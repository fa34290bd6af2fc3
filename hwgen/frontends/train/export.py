"""A trained student as QONNX, by Brevitas; and Brevitas as the judge of what is imported back."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.frontends.quantize.floatmodel import Floats
from hwgen.frontends.train.layers import Quantized
from hwgen.spec import golden
from hwgen.spec.arithmetic import Integers
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder


def as_brevitas(student: Quantized, shape: Sequence[int] = ()) -> nn.Module:
    """The network of ``student``, with its weights, in Brevitas' layers and quantizers.

    ``shape`` is that of a sample, whose convolutions are of one dimension or two.
    """
    import brevitas.nn as qnn
    from brevitas.quant import Int32Bias

    formats, layers = student.formats, []
    layers.append(
        qnn.QuantIdentity(
            act_quant=_activation(formats.activations[0], "round"), return_quant_tensor=True
        )
    )
    plane = len(shape) == 3
    for index, bits in enumerate(formats.weight_bits):
        weight, bias = (part.detach() for part in student.layer(index))
        settings: dict[str, Any] = {"bias": True, "bias_quant": Int32Bias}
        fractions = formats.weight_fractions[index]
        if index < len(student.maps):
            conv = student.maps[index]
            kind = qnn.QuantConv2d if plane else qnn.QuantConv1d
            layer = kind(
                conv.source[0],
                conv.outputs,
                conv.kernel[1 - plane :],
                stride=conv.stride[1 - plane :],
                padding=conv.padding[1 - plane :],
                groups=conv.groups,
                weight_quant=_weights(bits, fractions, 3 + plane),
                **settings,
            )
        else:
            if index and index == len(student.maps):
                layers.append(nn.Flatten())
            layer = qnn.QuantLinear(
                weight.shape[1], weight.shape[0], weight_quant=_weights(bits, fractions), **settings
            )
        with torch.no_grad():
            layer.weight.copy_(weight.reshape(layer.weight.shape))
            layer.bias.copy_(bias)
        layers.append(layer)
        if index + 1 < len(formats.weight_bits):
            quantizer = _activation(formats.activations[index + 1], "floor")
            layers.append(qnn.QuantReLU(act_quant=quantizer, return_quant_tensor=True))
        pool = student.maps[index].pool if index < len(student.maps) else None
        if pool is not None:
            layers += _pool(pool, formats.means.get(index), plane)
    return nn.Sequential(*layers).eval()


def _pool(size: tuple[int, int], mean: Format | None, plane: bool) -> list[nn.Module]:
    """A maximum, or a mean and what rescales it to a format."""
    import brevitas.nn as qnn

    if mean is None:
        return [nn.MaxPool2d(size) if plane else nn.MaxPool1d(size[1])]
    averaged = nn.AvgPool2d(size) if plane else nn.AvgPool1d(size[1])
    quantizer = _activation(mean, "floor")
    return [averaged, qnn.QuantIdentity(act_quant=quantizer, return_quant_tensor=True)]


def _weights(bits: int, fractions: tuple[int, ...], rank: int = 2) -> Any:
    from brevitas.quant.fixed_point import (
        Int8WeightPerChannelFixedPoint,
        Int8WeightPerTensorFixedPoint,
    )

    each = len(fractions) > 1
    base = Int8WeightPerChannelFixedPoint if each else Int8WeightPerTensorFixedPoint
    thresholds = [2.0 ** (bits - 1 - fraction) for fraction in fractions]
    sizes = (-1, *[1] * (rank - 1))
    scale = torch.tensor(thresholds).reshape(sizes) if each else torch.tensor(thresholds[0])
    settings = {"bit_width": bits, "scaling_impl_type": "const", "narrow_range": False}
    return type("Weights", (base,), {**settings, "scaling_init": scale})


def _activation(target: Format, rounding: str) -> Any:
    from brevitas.quant.fixed_point import Int8ActPerTensorFixedPoint, Uint8ActPerTensorFixedPoint

    settings = {
        "bit_width": target.bits,
        "scaling_impl_type": "const",
        "scaling_init": 2.0 ** (target.bits - target.signed - target.fraction_bits),
        "float_to_int_impl_type": rounding,
    }
    base = Int8ActPerTensorFixedPoint if target.signed else Uint8ActPerTensorFixedPoint
    return type("Activation", (base,), settings)


def exported(model: nn.Module, shape: Sequence[int]) -> bytes:
    """``model`` as a QONNX file without notes of the exporter."""
    import onnx
    from brevitas.export import export_qonnx

    with temporary_folder("train") as folder, _silent():
        path = Path(folder) / "model.onnx"
        export_qonnx(model, torch.zeros(1, *shape), export_path=str(path))
        proto = onnx.load(str(path))
    for part in (proto, proto.graph, *proto.graph.node):
        del part.metadata_props[:]
        part.doc_string = ""
    return bytes(proto.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The exporter says much, some of it on stdout."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def imported_bytes(content: bytes, name: str) -> Imported:
    """The network of what :func:`exported` wrote, deciding for a class."""
    with temporary_folder("train") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        return import_model(path, ImportOptions(name=name, output="argmax"))


def check(network: Network, model: nn.Module, x: Floats, shape: Sequence[int] = (-1,)) -> int:
    """Compare every last sum of golden model and Brevitas; the number of integers compared.

    Raises
    ------
    HwgenError
        One differs.
    """
    ours = golden.infer(network, quantize(x, network.input.format))
    theirs = _integers(model, x.reshape(len(x), *shape), network)
    wrong = int(np.sum(ours != theirs))
    if wrong:
        raise HwgenError("check", f"{wrong} of {ours.size} integers differ from Brevitas'", "none")
    return int(ours.size)


def _integers(model: nn.Module, x: Floats, network: Network) -> Integers:
    last = network.dense(len(network.layers) - 1)
    before = network.input_format(len(network.layers) - 1).fraction_bits
    scale = max(last.accumulator_fraction(before))
    if last.output is not None:
        scale = last.output.format.fraction_bits
    with torch.no_grad():
        sums: Any = model.double()(torch.from_numpy(x))
    model.float()
    values: Tensor = sums.value if hasattr(sums, "value") else sums
    scaled = values.numpy() * 2.0**scale
    return np.where(scaled == np.rint(scaled), np.rint(scaled), np.iinfo(np.int32).min).astype(
        np.int64
    )
