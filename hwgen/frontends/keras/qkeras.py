"""QKeras models as graphs of quantizers and dense layers, as QONNX would write them.

What QKeras computes in training it computes again at every inference, from float weights: here
weights are quantized once, by the same formulas in 32-bit floats.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.keras.quantizers import Described, described, kernel
from hwgen.frontends.onnx.file import Attribute, Graph, Node, Tensor
from hwgen.support.errors import HwgenError

_QONNX = "qonnx.custom_op.general"
_SAME = ("Flatten", "Reshape", "ActivityRegularization")
_KERAS = {
    **{"linear": "", "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"},
    **{"softmax": "Softmax", "log_softmax": "LogSoftmax"},
}


def is_qkeras(layers: list[StoredLayer]) -> bool:
    """Whether layers of QKeras are among them."""
    return any(
        layer.module.startswith("qkeras") or layer.kind in ("QDense", "QActivation")
        for layer in layers
    )


def graph_of(layers: list[StoredLayer]) -> Graph:
    """The graph of a QKeras model.

    Raises
    ------
    HwgenError
        A layer or a quantizer that cannot be had.
    """
    maker = _Maker(_features(layers))
    for layer in layers:
        maker.add(layer)
    return maker.graph()


def _features(layers: list[StoredLayer]) -> int:
    for layer in layers:
        variables = layer.variables()
        if variables:
            return len(variables[0])
    raise HwgenError("model", "no dense layer", "at least one is needed")


class _Maker:
    def __init__(self, features: int):
        self._features = features
        self._nodes: list[Node] = []
        self._arrays: dict[str, Array] = {}
        self._last = "input"

    def graph(self) -> Graph:
        """What was added."""
        return Graph(
            name="",
            inputs=(Tensor(name="input", shape=(1, self._features), type="FLOAT"),),
            outputs=(Tensor(name=self._last, shape=None, type="FLOAT"),),
            nodes=tuple(self._nodes),
            initializers=self._arrays,
            types=dict.fromkeys(self._arrays, "DOUBLE"),
            opsets={"": 13},
        )

    def add(self, layer: StoredLayer) -> None:
        """Take one layer."""
        kind, config = layer.kind, layer.config
        if kind in ("Dense", "QDense"):
            self._dense(layer)
            self._activation(layer, config.get("activation"))
        elif kind in ("Activation", "QActivation"):
            self._activation(layer, config.get("activation"))
        elif kind in ("ReLU", "Softmax", "LeakyReLU"):
            slope = config.get("negative_slope", config.get("alpha", 0.3))
            if kind == "LeakyReLU" or (kind == "ReLU" and slope):
                self._then(layer, "LeakyRelu", alpha=float(slope))
            else:
                self._then(layer, "Relu" if kind == "ReLU" else "Softmax")
            if config.get("max_value") is not None:
                self._clip(layer, 0.0, float(config["max_value"]))
        elif kind == "BatchNormalization":
            self._normalization(layer)
        elif kind not in _SAME:
            allowed = "QDense, QActivation, BatchNormalization and activations of Keras"
            raise HwgenError(str(layer), "a layer that is not read", allowed)

    def _dense(self, layer: StoredLayer) -> None:
        config, variables = layer.config, layer.variables()
        weights = kernel(layer, "kernel_quantizer", variables[0])
        if weights.bits:
            parts = (weights.values, weights.scale, 0.0, float(weights.bits))
            name = self._node(layer, "Quant", *parts, signed=1, narrow=0)
        else:
            name = self._constant(weights.values)
        inputs = [name]
        if config.get("use_bias", True):
            inputs.append(self._constant(kernel(layer, "bias_quantizer", variables[1]).values))
        self._then(layer, "Gemm", *inputs)

    def _normalization(self, layer: StoredLayer) -> None:
        config, variables = layer.config, iter(layer.variables())
        size = len(layer.variables()[0])
        gamma = next(variables) if config.get("scale", True) else np.ones(size)
        beta = next(variables) if config.get("center", True) else np.zeros(size)
        parts = (gamma, beta, next(variables), next(variables))
        names = [self._constant(np.asarray(part, np.float64)) for part in parts]
        epsilon = float(config.get("epsilon", 1e-3))
        self._then(layer, "BatchNormalization", *names, epsilon=epsilon)

    def _activation(self, layer: StoredLayer, given: Any) -> None:
        if given is None:
            return
        if isinstance(given, str) and given in _KERAS:
            if _KERAS[given]:
                self._then(layer, _KERAS[given])
            return
        by = described(layer, given)
        if by.kind not in self._quantizers:
            known = ", ".join((*self._quantizers, *_KERAS))
            raise HwgenError(str(layer), f"activation {by.kind}", f"one of {known}")
        by.check("qnoise_factor", 1.0)
        self._quantizers[by.kind](self, layer, by)

    def _bits(self, layer: StoredLayer, by: Described) -> None:
        keep = bool(by.get("keep_negative", True))
        if by.get("alpha") is not None and not isinstance(by.get("alpha"), int | float):
            raise HwgenError(str(layer), f"alpha {by.get('alpha')!r}", "null or a number")
        alpha = float(by.get("alpha") or 1.0)
        if by.bits == 1:
            self._then(layer, "BipolarQuant", self._constant(alpha), domain=_QONNX)
            if not keep:
                raise HwgenError(str(layer), "one bit without a sign", "binary(use_01=True)")
            return
        scale = alpha * 2.0 ** (by.integer - (by.bits - keep))
        self._quant(layer, by.bits, scale, keep, bool(by.get("symmetric", 0)))

    def _relu(self, layer: StoredLayer, by: Described) -> None:
        by.check("use_sigmoid", 0)
        slope = float(by.get("negative_slope", 0.0))
        bits = by.bits - (slope != 0.0)
        scale = 2.0 ** (by.integer - bits)
        if slope:
            self._then(layer, "LeakyRelu", alpha=slope)
            self._clip(layer, -(2.0**by.integer) * slope, 2.0**by.integer)
        else:
            self._then(layer, "Relu")
        self._quant(layer, by.bits, scale, slope != 0.0, False)

    def _tanh(self, layer: StoredLayer, by: Described) -> None:
        if by.get("use_real_tanh", False):
            self._then(layer, "Tanh")
        else:
            self._clip(layer, -1.0, 1.0)
        scale = 2.0 ** -(by.bits - 1)
        self._quant(layer, by.bits, scale, True, bool(by.get("symmetric", False)))

    def _sigmoid(self, layer: StoredLayer, by: Described) -> None:
        if by.get("use_real_sigmoid", False):
            self._then(layer, "Sigmoid")
        else:
            self._then(layer, "Mul", self._constant(0.5))
            self._then(layer, "Add", self._constant(0.5))
            self._clip(layer, 0.0, 1.0)
        if by.get("symmetric", False):
            self._clip(layer, 2.0**-by.bits, 1.0)
        self._quant(layer, by.bits, 2.0**-by.bits, False, False)

    def _binary(self, layer: StoredLayer, by: Described) -> None:
        alpha = self._alpha(layer, by)
        half = 0.5 if by.get("use_01", False) else 1.0
        self._then(layer, "BipolarQuant", self._constant(alpha * half), domain=_QONNX)
        if half == 0.5:
            self._then(layer, "Add", self._constant(alpha * half))

    def _ternary(self, layer: StoredLayer, by: Described) -> None:
        threshold = float(np.float32(by.get("threshold") or 0.33))
        self._quant(layer, 2, 2 * threshold, True, True, "HALF_UP")
        self._then(layer, "Mul", self._constant(self._alpha(layer, by) / (2 * threshold)))

    @staticmethod
    def _alpha(layer: StoredLayer, by: Described) -> float:
        alpha = by.get("alpha")
        if alpha is not None and not isinstance(alpha, int | float):
            raise HwgenError(str(layer), f"alpha {alpha!r} of an activation", "null or a number")
        return float(alpha or 1.0)

    _quantizers: ClassVar[dict[str, Callable[["_Maker", StoredLayer, Described], None]]] = {
        "quantized_bits": _bits,
        "quantized_relu": _relu,
        "quantized_tanh": _tanh,
        "quantized_sigmoid": _sigmoid,
        "binary": _binary,
        "ternary": _ternary,
    }

    # nodes

    def _quant(
        self,
        layer: StoredLayer,
        bits: int,
        scale: float,
        signed: bool,
        narrow: bool,
        mode: str = "ROUND",
    ) -> None:
        parts = [self._constant(value) for value in (scale, 0.0, float(bits))]
        more: dict[str, Attribute] = {"signed": int(signed), "narrow": int(narrow)}
        self._then(layer, "Quant", *parts, domain=_QONNX, rounding_mode=mode, **more)

    def _clip(self, layer: StoredLayer, low: float, high: float) -> None:
        self._then(layer, "Clip", self._constant(low), self._constant(high))

    def _constant(self, value: Any) -> str:
        name = f"constant{len(self._arrays)}"
        self._arrays[name] = np.asarray(value, np.float64)
        return name

    def _node(self, layer: StoredLayer, op: str, *values: Any, **attributes: Attribute) -> str:
        """A node of constants; its output."""
        output = f"value{len(self._nodes)}"
        self._append(layer, op, [self._constant(v) for v in values], output, _QONNX, attributes)
        return output

    def _then(
        self, layer: StoredLayer, op: str, *inputs: str, domain: str = "", **attributes: Attribute
    ) -> None:
        """A node that reads what comes before it."""
        output = f"value{len(self._nodes)}"
        self._append(layer, op, [self._last, *inputs], output, domain, attributes)
        self._last = output

    def _append(
        self,
        layer: StoredLayer,
        op: str,
        inputs: list[str],
        output: str,
        domain: str,
        attributes: dict[str, Attribute],
    ) -> None:
        self._nodes.append(
            Node(
                op=op,
                domain=domain,
                name=layer.name,
                inputs=tuple(inputs),
                outputs=(output,),
                attributes=attributes,
            )
        )
