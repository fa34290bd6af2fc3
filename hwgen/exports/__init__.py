"""The same integers elsewhere: a network as a C header, a numpy script or an ONNX model.

:data:`EXPORTS` names what there is; each takes a network and returns the content of one file.
"""

from collections.abc import Callable

from hwgen.exports.c import c_header
from hwgen.exports.numpy import numpy_script
from hwgen.exports.onnx import onnx_model
from hwgen.spec.network import Network
from hwgen.support.errors import HwgenError

EXPORTS: dict[str, Callable[[Network], str | bytes]] = {
    "c": c_header,
    "numpy": numpy_script,
    "onnx": onnx_model,
}
"""Exports by the name that users give."""


def export(network: Network, to: str) -> str | bytes:
    """The content of ``network`` as ``to``, a key of :data:`EXPORTS`; byte-identical on every run.

    Raises
    ------
    HwgenError
        There is no such export, or the network holds something that it cannot say.
    """
    if to not in EXPORTS:
        raise HwgenError("to", f"found {to!r}", f"one of {', '.join(EXPORTS)}")
    return EXPORTS[to](network)
