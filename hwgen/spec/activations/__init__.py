"""The activations there are. A new one is a class in a file here and its line below.

:func:`activation` finds one by its name in the network file, :func:`register` adds one from
outside. docs/extending-activations.md shows how.
"""

from hwgen.spec.activations.base import Activation, Clip, Formula, Setting
from hwgen.spec.activations.hard_tanh import HardTanh
from hwgen.spec.activations.leaky_relu import LeakyRelu
from hwgen.spec.activations.plain import Plain
from hwgen.spec.activations.relu import Relu
from hwgen.spec.activations.sigmoid import Sigmoid
from hwgen.spec.activations.table import Table, Tabled
from hwgen.spec.activations.tanh import Tanh
from hwgen.support.errors import HwgenError, printable

_REGISTERED: dict[str, Activation] = {}


def register(added: Activation) -> None:
    """Make ``added`` an activation of network files.

    Raises
    ------
    HwgenError
        Another one has its name.
    """
    if added.name in _REGISTERED:
        raise HwgenError(f"activation {added.name!r}", "registered twice", "names are unique")
    _REGISTERED[added.name] = added


def activation(name: str) -> Activation:
    """The activation called ``name``.

    Raises
    ------
    HwgenError
        There is none.
    """
    if name not in _REGISTERED:
        known = ", ".join(_REGISTERED)
        raise HwgenError("activation", f"found {printable(name, 40)!r}", f"there are {known}")
    return _REGISTERED[name]


def activations() -> tuple[Activation, ...]:
    """All of them, in the order in which they were registered."""
    return tuple(_REGISTERED.values())


for _kind in (Plain, Relu, LeakyRelu, HardTanh, Sigmoid, Tanh):
    register(_kind())

__all__ = [
    "Activation",
    "Clip",
    "Formula",
    "Setting",
    "Table",
    "Tabled",
    "activation",
    "activations",
    "register",
]
