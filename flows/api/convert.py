"""Networks from trained models of other libraries."""

from pathlib import Path
from typing import Any, Literal

from numpy.typing import ArrayLike

from hwgen.flows.api.network import Network
from hwgen.flows.api.quantize import quantize, quantized
from hwgen.flows.api.samples import Samples
from hwgen.frontends.keras.convert import import_keras, import_object, quantized_layers
from hwgen.frontends.onnx.convert import import_model, parse_format
from hwgen.frontends.onnx.finish import ImportOptions
from hwgen.frontends.sklearn import sklearn_model
from hwgen.frontends.tflite.convert import import_tflite
from hwgen.spec.network import MAX_WEIGHTS
from hwgen.support.errors import HwgenError

Output = Literal["auto", "argmax", "values"]


def from_sklearn(
    model: Any, x: Samples, y: ArrayLike | None = None, *, name: str = "network", **settings: Any
) -> Network:
    """A network from a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn.

    Parameters
    ----------
    model
        The model, or a ``Pipeline`` that ends in one: a ``StandardScaler``, ``MinMaxScaler`` or
        ``MaxAbsScaler`` before it is folded into the first layer, and the hardware takes values as
        the pipeline does. Features of very different ranges then need more ``input_bits``.
    x
        Samples to calibrate with [samples, features], as the model (or pipeline) takes them.
    y
        Their classes, as the model knows them.
    name
        The network's; the Verilog's module is called after it.
    settings
        As of :func:`hwgen.quantize`: ``weight_bits``, ``activation_bits`` and so on.

    Returns
    -------
    Network
        With the model's classes as ``labels``; of a regressor, one that hands out values.

    Raises
    ------
    HwgenError
        Not fitted, another step in the pipeline, samples that do not fit.
    """
    return quantized(sklearn_model(model), x, y, name=name, **settings)


def from_torch(
    model: Any, x: Samples, y: ArrayLike | None = None, *, name: str = "network", **settings: Any
) -> Network:
    """A network from PyTorch: a ``Sequential`` of layers, or a program of ``torch.export``.

    Parameters
    ----------
    model
        ``Linear``, ``Conv1d``, ``Conv2d``, ``MaxPool``, ``AvgPool`` and ``AdaptiveAvgPool(1)`` of
        either dimension, ``BatchNorm1d``, ``BatchNorm2d``, ``ReLU``, ``LeakyReLU`` (with a power of
        two as slope), ``Sigmoid``, ``Tanh``, ``Hardtanh``, ``Softmax`` at the end, ``Dropout``,
        ``Flatten``, ``Unflatten``, ``Identity``; taken as in evaluation. Modules of other classes
        by ``torch.export.export(model.eval(), (x,))``, of such operators in one chain.
    x
        Samples to calibrate with [samples, features], an array or a tensor; of a convolutional
        model [samples, channels, length] or [samples, channels, height, width].
    y
        Their classes [samples].
    name
        The network's; the Verilog's module is called after it.
    settings
        As of :func:`hwgen.quantize`. ``output="values"`` where the outputs are no classes.

    Returns
    -------
    Network
        Quantized.

    Raises
    ------
    HwgenError
        Another module, samples that do not fit.
    """
    return quantized(model, x, y, name=name, **settings)


def from_keras(
    model: Any,
    x: Samples | None = None,
    y: ArrayLike | None = None,
    *,
    name: str = "network",
    input_format: str | None = None,
    output: Output = "auto",
    **settings: Any,
) -> Network:
    """A network from Keras: QKeras and HGQ2 as they are, a float model where there is ``x``.

    Parameters
    ----------
    model
        A model in memory, or the path of a saved one (``.keras``, ``.h5``). Float: ``Dense``,
        ``Conv1D``, ``Conv2D``, ``DepthwiseConv``, maximum, average and global pools,
        ``BatchNormalization``, ``Activation``, ``ReLU``, ``LeakyReLU`` (with a power of two as
        slope), ``Softmax`` at the end, ``Dropout``, ``Flatten``, ``Reshape``. Quantized: ``QDense``
        and quantizers of QKeras or HGQ2 (docs/import.md).
    x
        Of a float model, samples to calibrate with [samples, features]; maps have their channels
        last, as in Keras. (The network reads channel by channel, as all of hwgen.)
    y
        Their classes [samples].
    name
        The network's; the Verilog's module is called after it.
    input_format
        ``"u4.4"``: format of an input that the model does not quantize.
    output
        ``"auto"``: as the model has it.
    settings
        Of a float model, as of :func:`hwgen.quantize`.

    Returns
    -------
    Network
        Quantized; of a quantized model one that computes the same integers.

    Raises
    ------
    HwgenError
        Another layer, activation or quantizer, samples that do not fit.
    """
    if x is not None:
        settings |= {"input_format": input_format, "output": output}
        return quantized(model, x, y, name=name, **settings)
    options = _options(output, input_format, name=name)
    if isinstance(model, str | Path):
        return Network.of(import_keras(Path(model), options).network)
    if not quantized_layers(model.layers):
        raise HwgenError("x", "none", "a float model needs samples to be quantized with")
    return Network.of(import_object(model, options).network)


def from_onnx(
    path: str | Path,
    x: Samples | None = None,
    y: ArrayLike | None = None,
    *,
    name: str | None = None,
    snap_scales: bool = False,
    round_tables: bool = False,
    input_format: str | None = None,
    output: Output = "auto",
    max_weights: int = MAX_WEIGHTS,
    **settings: Any,
) -> Network:
    """A network from an ONNX file: a quantized one as it is, a float one where there is ``x``.

    Parameters
    ----------
    path
        QONNX or QDQ ONNX; with ``x``, a float model.
    x, y, settings
        Of a float model, as of :func:`hwgen.quantize`.
    name
        The network's; None: the file's.
    snap_scales
        Move scales that are no powers of two to the nearest one.
    round_tables
        Take a sigmoid or tanh whose table differs from the function for some sums.
    input_format
        ``"u4.4"``: format of an input that the model does not quantize.
    output
        ``"auto"``: as the model has it.
    max_weights
        Larger networks are refused.

    Returns
    -------
    Network
        That computes the same integers as a quantized model.

    Raises
    ------
    HwgenError
        Every node that is in the way is named, with its operator and the reason.
    """
    if x is not None:
        found = quantize(path, x, y, input_format=input_format, output=output, **settings).network
        return found if name is None else Network.of(found.model_copy(update={"name": name}))
    options = _options(
        output,
        input_format,
        name=name,
        snap_scales=snap_scales,
        round_tables=round_tables,
        max_weights=max_weights,
    )
    return Network.of(import_model(Path(path), options).network)


def from_tflite(
    path: str | Path,
    *,
    name: str | None = None,
    single_rounding: bool = False,
    output: Output = "auto",
    max_weights: int = MAX_WEIGHTS,
) -> Network:
    """A network from a TensorFlow Lite file of 8-bit integers, as it is.

    Parameters
    ----------
    path
        A ``.tflite`` file of fully connected layers.
    name
        The network's; None: the file's.
    single_rounding
        Round products once, not twice: multiplications do that, and take less area than thresholds.
    output
        ``"auto"``: as the model has it.
    max_weights
        Larger networks are refused.

    Returns
    -------
    Network
        That computes the integers of TensorFlow Lite's reference kernels.

    Raises
    ------
    HwgenError
        Float or dynamic-range models, operators that cannot be had.
    """
    options = _options(output, name=name, single_rounding=single_rounding, max_weights=max_weights)
    return Network.of(import_tflite(Path(path), options).network)


def _options(output: Output, input_format: str | None = None, **others: Any) -> ImportOptions:
    """What an importer is told, of what users say."""
    return ImportOptions(
        input_format=None if input_format is None else parse_format(input_format),
        output="model" if output == "auto" else output,
        **others,
    )
