"""Layers of the network file that slide, from the dense layers of what their windows see."""

from typing import Any

from hwgen.frontends.onnx.layers import Layer
from hwgen.frontends.onnx.problems import Refused
from hwgen.frontends.onnx.sources import Source
from hwgen.frontends.onnx.states import Pooled, Slide, Sum


def slid(layer: Layer, total: Sum, x: Source, zero: int) -> Layer:
    """``layer``, a dense layer of one window of ``total``, over the whole map.

    ``zero`` is the code of real 0 that pads there.

    Raises
    ------
    Refused
        Real 0 is another code of ``x``.
    """
    slide = total.slide
    if slide is None or not layer:
        return layer
    if any(slide.padding) and -x.offset != zero:
        raise Refused(
            f"pads with real 0, which is the code {-x.offset:g} of what it reads; leave out what "
            "is added behind the quantizer before it"
        )
    plane = len(slide.kernel) == 2
    mean = _mean(layer, slide, x)
    if mean is not None:
        return mean
    own = len(layer["weights"][0])
    for size in slide.kernel:
        own //= size
    weights: list[Any] = [_nested(row, [own, *slide.kernel]) for row in layer["weights"]]
    return {
        **layer,
        "kind": "conv2d" if plane else "conv1d",
        "stride": list(slide.stride) if plane else slide.stride[0],
        "padding": list(slide.padding),
        "groups": slide.groups,
        "weights": weights,
    }


def pool(one: Pooled) -> Layer:
    """A ``max_pool``."""
    slide, plane = one.slide, len(one.slide.kernel) == 2
    return {
        "kind": "max_pool",
        "name": one.node.name,
        "kernel": list(slide.kernel) if plane else slide.kernel[0],
        "stride": list(slide.stride) if plane else slide.stride[0],
        "padding": list(slide.padding),
    }


def _mean(layer: Layer, slide: Slide, x: Source) -> Layer | None:
    """The layer as a pool that averages, where nothing else is done; else a convolution does it."""
    output = layer["output"]
    alone = not any(layer["bias"]) and layer["activation"] == "none" and not any(slide.padding)
    ones = all(weight == 1 for row in layer["weights"] for weight in row)
    plain = slide.mean and alone and ones and output is not None
    if not plain or layer.get("weight_shift") or layer.get("codebook"):
        return None
    fractions = layer["weight_fraction_bits"]
    channels = len(layer["weights"])
    given = output.get("shift")
    if given is None:
        own = fractions if isinstance(fractions, list) else [fractions] * channels
        wanted = output["fraction_bits"]
        wanted = wanted if isinstance(wanted, list) else [wanted] * channels
        found = [f + x.format.fraction_bits - w for f, w in zip(own, wanted, strict=True)]
        given = found[0] if len(set(found)) == 1 else found
    if output.get("thresholds") is None:
        output = {**output, "shift": given}
    found_layer = {"kind": slide.mean, "name": layer["name"], "output": output}
    if slide.mean == "global_average_pool":
        return found_layer
    plane = len(slide.kernel) == 2
    return {
        **found_layer,
        "kernel": list(slide.kernel) if plane else slide.kernel[0],
        "stride": list(slide.stride) if plane else slide.stride[0],
    }


def _nested(row: list[int], sizes: list[int]) -> list[Any]:
    if len(sizes) == 1:
        return row
    step = len(row) // sizes[0]
    return [_nested(row[i : i + step], sizes[1:]) for i in range(0, len(row), step)]
