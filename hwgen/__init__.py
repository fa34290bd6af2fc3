"""Tiny quantized neural networks as ASIC hardware: Verilog, proof of exactness, area.

>>> import hwgen
>>> net = hwgen.load("examples/digits.json")
>>> design = net.design("serial", macs=4)
>>> area = design.synth(pdk="ihp-sg13g2")

What is offered here is imported when it is first asked for: ``import hwgen`` itself is light.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwgen.flows.api.arrays import from_arrays
    from hwgen.flows.api.codesign import codesign
    from hwgen.flows.api.convert import (
        from_keras,
        from_onnx,
        from_sklearn,
        from_tflite,
        from_torch,
    )
    from hwgen.flows.api.design import Design
    from hwgen.flows.api.network import Network, load
    from hwgen.flows.api.quantize import Quantization, quantize
    from hwgen.flows.api.runs import Training, study, sweep, train
    from hwgen.support.errors import HwgenError

__version__ = "0.2.0"

__all__ = [
    "Design",
    "HwgenError",
    "Network",
    "Quantization",
    "Training",
    "codesign",
    "from_arrays",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_tflite",
    "from_torch",
    "load",
    "quantize",
    "study",
    "sweep",
    "train",
]

if not TYPE_CHECKING:
    _PLACES = {
        "hwgen.flows.api.arrays": ("from_arrays",),
        "hwgen.flows.api.codesign": ("codesign",),
        "hwgen.flows.api.convert": (
            "from_keras",
            "from_onnx",
            "from_sklearn",
            "from_tflite",
            "from_torch",
        ),
        "hwgen.flows.api.design": ("Design",),
        "hwgen.flows.api.network": ("Network", "load"),
        "hwgen.flows.api.quantize": ("Quantization", "quantize"),
        "hwgen.flows.api.runs": ("Training", "study", "sweep", "train"),
        "hwgen.support.errors": ("HwgenError",),
    }

    def __getattr__(name):
        """What is offered, imported when it is asked for."""
        import importlib

        for module, names in _PLACES.items():
            if name in names:
                found = getattr(importlib.import_module(module), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module 'hwgen' has no attribute {name!r}")

    def __dir__():
        """What is offered, imported or not."""
        return sorted({*globals(), *__all__})
