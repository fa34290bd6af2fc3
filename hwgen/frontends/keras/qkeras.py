"""QKeras models as graphs of quantizers and dense layers, as QONNX would write them.

What QKeras computes in training it computes again at every inference, from float weights: here
weights are quantized once, by the same formulas in 32-bit floats.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from hwgen.frontends.keras.file import Array, StoredLayer
from hwgen.frontends.keras.graph import QONNX, GraphMaker
from hwgen.frontends.keras.qmaps import add_map, slides
from hwgen.frontends.keras.quantizers import Described, described, exponents, kernel
from hwgen.frontends.onnx.file import Graph
from hwgen.support.errors import HwgenError

_SAME = ("ActivityRegularization",)
_NORMS = ("gamma_quantizer", "beta_quantizer", "mean_quantizer", "variance_quantizer")
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
    maker = _Maker(layers[0].shape or (_features(layers),))
    for layer in layers:
        maker.add(layer)
    return maker.graph()


def _features(layers: list[StoredLayer]) -> int:
    for layer in layers:
        variables = layer.variables()
        if variables:
            return len(variables[0])
    raise HwgenError("model", "no dense layer", "at least one is needed")


class _Maker(GraphMaker):
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
                self.then(layer, "LeakyRelu", alpha=float(slope))
            else:
                self.then(layer, "Relu" if kind == "ReLU" else "Softmax")
            if config.get("max_value") is not None:
                self.clip(layer, 0.0, float(config["max_value"]))
        elif kind in ("BatchNormalization", "QBatchNormalization"):
            self._normalization(layer)
        elif slides(kind):
            add_map(self, layer)
            self._activation(layer, config.get("activation"))
        elif kind == "Flatten":
            self.flatten(layer)
        elif kind == "Reshape":
            self.reshape(layer, tuple(int(size) for size in config["target_shape"]))
        elif kind not in _SAME:
            allowed = (
                "QDense, QConv1D, QConv2D, QDepthwiseConv2D, pools, QActivation, "
                "QBatchNormalization and activations of Keras; others written as these"
            )
            raise HwgenError(str(layer), "a layer that is not read", allowed)

    def _dense(self, layer: StoredLayer) -> None:
        config, variables = layer.config, layer.variables()
        weights = kernel(layer, "kernel_quantizer", variables[0])
        if weights.bits:
            parts = (weights.values, weights.scale, 0.0, float(weights.bits))
            name = self.node(layer, "Quant", *parts, signed=1, narrow=0)
        else:
            name = self.real(weights.values)
        inputs = [name]
        if config.get("use_bias", True):
            inputs.append(self.real(kernel(layer, "bias_quantizer", variables[1]).values))
        self.then(layer, "Gemm", *inputs)

    def _normalization(self, layer: StoredLayer) -> None:
        config, variables = layer.config, iter(layer.variables())
        size = len(layer.variables()[0])
        gamma = next(variables) if config.get("scale", True) else np.ones(size)
        beta = next(variables) if config.get("center", True) else np.zeros(size)
        parts = [gamma, beta, next(variables), next(variables)]
        if layer.kind.startswith("Q"):
            parts = [self._quantized(layer, *one) for one in zip(_NORMS, parts, strict=True)]
        names = [self.real(np.asarray(part, np.float64)) for part in parts]
        epsilon = float(config.get("epsilon", 1e-3))
        if self.rank > 2:
            self.channels_first(layer, self.rank)
        self.then(layer, "BatchNormalization", *names, epsilon=epsilon)

    @staticmethod
    def _quantized(layer: StoredLayer, part: str, values: Array) -> Array:
        used = {"gamma_quantizer": "scale", "beta_quantizer": "center"}.get(part)
        if used is not None and not layer.config.get(used, True):
            return values
        return kernel(layer, part, values).values

    def _activation(self, layer: StoredLayer, given: Any) -> None:
        if given is None:
            return
        if isinstance(given, str) and given in _KERAS:
            if _KERAS[given]:
                self.then(layer, _KERAS[given])
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
            self.then(layer, "BipolarQuant", self.real(alpha), domain=QONNX)
            if not keep:
                raise HwgenError(str(layer), "one bit without a sign", "binary(use_01=True)")
            return
        scale = alpha * 2.0 ** (by.integer - (by.bits - keep))
        self.quant(layer, by.bits, scale, keep, bool(by.get("symmetric", 0)))

    def _relu(self, layer: StoredLayer, by: Described) -> None:
        by.check("use_sigmoid", 0)
        slope = float(by.get("negative_slope", 0.0))
        bits = by.bits - (slope != 0.0)
        scale = 2.0 ** (by.integer - bits)
        if slope:
            self.then(layer, "LeakyRelu", alpha=slope)
            self.clip(layer, -(2.0**by.integer) * slope, 2.0**by.integer)
        else:
            self.then(layer, "Relu")
        self.quant(layer, by.bits, scale, slope != 0.0, False)

    def _power(self, layer: StoredLayer, by: Described) -> None:
        """Powers of two, of either sign; none of them is 0."""
        by.check("negative_slope", 0)
        by.check("quadratic_approximation", False)
        low, high = exponents(by)
        limit = by.get("max_value")
        if limit is not None:
            high = min(high, round(math.log2(max(float(limit), 2.0**low))))
        signed = int(by.kind == "quantized_po2")
        self.then(layer, "PowerQuant", domain=QONNX, low=low, high=high, signed=signed)

    def _tanh(self, layer: StoredLayer, by: Described) -> None:
        if by.get("use_real_tanh", False):
            self.then(layer, "Tanh")
        else:
            self.clip(layer, -1.0, 1.0)
        scale = 2.0 ** -(by.bits - 1)
        self.quant(layer, by.bits, scale, True, bool(by.get("symmetric", False)))

    def _sigmoid(self, layer: StoredLayer, by: Described) -> None:
        if by.get("use_real_sigmoid", False):
            self.then(layer, "Sigmoid")
        else:
            self.then(layer, "Mul", self.real(0.5))
            self.then(layer, "Add", self.real(0.5))
            self.clip(layer, 0.0, 1.0)
        if by.get("symmetric", False):
            self.clip(layer, 2.0**-by.bits, 1.0)
        self.quant(layer, by.bits, 2.0**-by.bits, False, False)

    def _binary(self, layer: StoredLayer, by: Described) -> None:
        alpha = self._alpha(layer, by)
        half = 0.5 if by.get("use_01", False) else 1.0
        self.then(layer, "BipolarQuant", self.real(alpha * half), domain=QONNX)
        if half == 0.5:
            self.then(layer, "Add", self.real(alpha * half))

    def _ternary(self, layer: StoredLayer, by: Described) -> None:
        threshold = float(np.float32(by.get("threshold") or 0.33))
        self.quant(layer, 2, 2 * threshold, True, True, "HALF_UP")
        self.then(layer, "Mul", self.real(self._alpha(layer, by) / (2 * threshold)))

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
        "quantized_po2": _power,
        "quantized_relu_po2": _power,
        "binary": _binary,
        "ternary": _ternary,
    }
