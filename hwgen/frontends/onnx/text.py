"""Names and numbers in the text of ONNX files."""

from typing import Any

import numpy as np


def text_of(text: str | bytes) -> str:
    """A name; what is no UTF-8 comes as bytes."""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def domain_of(given: str | bytes) -> str:
    """An operator set; that of standard ONNX is ``""``."""
    domain = text_of(given)
    return "" if domain == "ai.onnx" else domain


def natural(text: str) -> int | None:
    """A number of at most 18 digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def strings_of(tensor: Any) -> Any:
    """The texts of a tensor, such as names of classes, in one row."""
    return np.array([text_of(text) for text in tensor.string_data], str)
