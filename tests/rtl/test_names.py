"""Module names from user data."""

import re

import pytest

from hwgen.rtl.names import layer_module, module_name, top_module
from tests.spec.test_network import NAMES


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits", "digits"),
        ("My Net 2.0", "my_net_2_0"),
        ("__a__b__", "a_b"),
        ("", ""),
        ("数", ""),
        ("größe", "gr_e"),
        ("a;b\nc\\d", "a_b_c_d"),
        ("x" * 100, "x" * 32),
        ("x" * 31 + "_y", "x" * 31),
        ("İ", "i"),
    ],
)
def test_module_name(text: str, name: str) -> None:
    assert module_name(text) == name


@pytest.mark.parametrize("text", NAMES, ids=lambda text: repr(text[:12]))
def test_every_name_is_a_short_identifier(text: str) -> None:
    for name in (top_module(text), layer_module(12, text)):
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,48}", name)
        assert "__" not in name


def test_modules() -> None:
    assert top_module("module") == "hwgen_module"
    assert top_module("") == "hwgen"
    assert layer_module(0, "hidden") == "layer0_hidden"
    assert layer_module(3, "\n") == "layer3"
