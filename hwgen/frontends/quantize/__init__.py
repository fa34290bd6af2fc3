"""Post-training quantization: a float network and some data become a network file's integers."""

from hwgen.frontends.quantize.floatmodel import FloatLayer, FloatModel
from hwgen.frontends.quantize.flow import Accuracy, Result, accuracy, quantize, run
from hwgen.frontends.quantize.settings import Settings, parse_format

__all__ = [
    "Accuracy",
    "FloatLayer",
    "FloatModel",
    "Result",
    "Settings",
    "accuracy",
    "parse_format",
    "quantize",
    "run",
]
