"""The operators of QONNX that an export uses, as functions of ONNX's own operators.

They go into the model, so that any executor of ONNX runs it; one that knows QONNX has its own.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

DOMAIN = "qonnx.custom_op.general"
OPSET = 19
"""The first in which strings can be compared."""


def functions() -> "list[FunctionProto]":
    """``Quant`` and ``MultiThreshold``."""
    return [_quant(), _multi_threshold()]


def _quant() -> "FunctionProto":
    """``(clip(round(x / scale + zero point)) - zero point) * scale``; ROUND is half to even."""
    nodes = [
        _node("Div", "x scale", "ratio"),
        _node("Add", "ratio zero_point", "code"),
        _attribute("signed", "value_int", "signed_int"),
        _attribute("narrow", "value_int", "narrow_int"),
        _attribute("rounding_mode", "value_string", "mode"),
        _node("CastLike", "signed_int scale", "is_signed"),
        _node("CastLike", "narrow_int scale", "is_narrow"),
        _number(1.0, "one"),
        _number(2.0, "two"),
        _node("Sub", "bits is_signed", "magnitude"),
        _node("Pow", "two magnitude", "beyond"),
        _node("Sub", "one is_signed", "is_unsigned"),
        _node("Mul", "is_unsigned is_narrow", "less"),
        _node("Sub", "beyond one", "most"),
        _node("Sub", "most less", "high"),
        _node("Sub", "is_narrow beyond", "least"),
        _node("Mul", "is_signed least", "low"),
        _node("Max", "code low", "above"),
        _node("Min", "above high", "inside"),
        _string("FLOOR", "floor_mode"),
        _node("Equal", "mode floor_mode", "floors"),
        _node("Floor", "inside", "down"),
        _node("Round", "inside", "nearest"),
        _node("Where", "floors down nearest", "rounded"),
        _node("Sub", "rounded zero_point", "steps"),
        _node("Mul", "steps scale", "y"),
    ]
    inputs = ["x", "scale", "zero_point", "bits"]
    return _function("Quant", inputs, nodes, ["signed", "narrow", "rounding_mode"])


def _multi_threshold() -> "FunctionProto":
    """How many of its row of thresholds each value [samples, rows] reaches, scaled."""
    nodes = [
        _axes([2], "last"),
        _axes([0], "first"),
        _node("Unsqueeze", "x last", "values"),
        _node("Unsqueeze", "thresholds first", "steps"),
        _node("GreaterOrEqual", "values steps", "reached"),
        _node("CastLike", "reached x", "ones"),
        _node("ReduceSum", "ones last", "count", keepdims=0),
        _attribute("out_scale", "value_float", "scale"),
        _attribute("out_bias", "value_float", "bias"),
        _node("Mul", "count scale", "scaled"),
        _node("Add", "scaled bias", "y"),
    ]
    names = ["out_scale", "out_bias", "out_dtype"]
    return _function("MultiThreshold", ["x", "thresholds"], nodes, names)


def _function(
    name: str, inputs: list[str], nodes: "Iterable[NodeProto]", attributes: list[str]
) -> "FunctionProto":
    from onnx import helper

    return helper.make_function(
        DOMAIN,
        name,
        inputs,
        ["y"],
        list(nodes),
        [helper.make_opsetid("", OPSET)],
        attributes=attributes,
    )


def _node(kind: str, inputs: str, output: str, **attributes: Any) -> "NodeProto":
    from onnx import helper

    return helper.make_node(kind, inputs.split(), [output], **attributes)


def _attribute(name: str, kind: str, output: str) -> "NodeProto":
    """The function's attribute ``name`` as a tensor."""
    from onnx import AttributeProto, helper

    node = helper.make_node("Constant", [], [output])
    types = {"int": AttributeProto.INT, "float": AttributeProto.FLOAT}
    attribute = AttributeProto(name=kind, ref_attr_name=name)
    attribute.type = types.get(kind.removeprefix("value_"), AttributeProto.STRING)
    node.attribute.append(attribute)
    return node


def _number(value: float, output: str) -> "NodeProto":
    from onnx import helper

    return helper.make_node("Constant", [], [output], value_float=value)


def _string(value: str, output: str) -> "NodeProto":
    from onnx import helper

    return helper.make_node("Constant", [], [output], value_string=value)


def _axes(values: list[int], output: str) -> "NodeProto":
    from onnx import helper

    return helper.make_node("Constant", [], [output], value_ints=values)
