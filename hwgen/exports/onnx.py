"""A network as an ONNX model that computes the same integers."""

from hwgen import __version__
from hwgen.exports.onnx_functions import DOMAIN, OPSET, functions
from hwgen.exports.onnx_integers import integer_graph
from hwgen.exports.onnx_reals import InexactError, real_graph
from hwgen.rtl.names import module_name
from hwgen.spec.network import Network
from hwgen.support.extras import need

_IR_VERSION = 9


def onnx_model(network: Network) -> bytes:
    """``network`` as an ONNX file; byte-identical on every run.

    Its input ``x`` [N, features] holds real values, which it quantizes as :mod:`hwgen.spec.data`
    does. Its output ``y`` is int64 [N], the index, of an ``argmax`` network. Otherwise it is [N,
    outputs]: integers times ``2^-fraction_bits`` of each, where the model is of QONNX's operators
    and ``x`` of float32; the integers themselves, int64, where float32 does not hold all numbers or
    no operator of QONNX says them, and ``x`` of float64.

    Raises
    ------
    HwgenError
        ``onnx`` is not installed, or a layer computes with numbers of more than 62 bits.
    """
    need("onnx")
    from onnx import helper

    try:
        graph, own = real_graph(network), functions()
    except InexactError:
        graph, own = integer_graph(network), []
    domains = [helper.make_opsetid("", OPSET)]
    domains += [helper.make_opsetid(DOMAIN, 1)] if own else []
    name = f"hwgen_{module_name(network.name)}".rstrip("_")
    model = helper.make_model(
        graph.finish(network, name),
        functions=own,
        opset_imports=domains,
        ir_version=_IR_VERSION,
        producer_name="hwgen",
        producer_version=__version__,
    )
    numbers = "int64" if graph.integers else "float32"
    helper.set_model_props(model, {"network_sha256": network.sha256(), "numbers": numbers})
    content: bytes = model.SerializeToString(deterministic=True)
    return content
