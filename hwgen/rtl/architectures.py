"""All architectures there are. This is the only place that lists them."""

from collections.abc import Mapping
from typing import Any

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.bitserial.family import BitSerial
from hwgen.rtl.parallel.family import Parallel
from hwgen.rtl.serial.family import Serial
from hwgen.rtl.stream.family import Stream
from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown

DEFAULT: type[Architecture] = Parallel
"""What is built where nothing is said."""

_FAMILIES: dict[str, type[Architecture]] = {
    one.name: one for one in (Parallel, BitSerial, Serial, Stream)
}


def families() -> dict[str, type[Architecture]]:
    """The architectures by name, in the order in which they are shown."""
    return dict(_FAMILIES)


def register(family: type[Architecture]) -> type[Architecture]:
    """Add an architecture from outside this package; also a decorator.

    To be called before the command line or a plan is made.

    Raises
    ------
    HwgenError
        The name is taken.
    """
    if _FAMILIES.setdefault(family.name, family) is not family:
        raise HwgenError("arch", f"{shown(family.name)} again", "a name that is not taken")
    return family


def family(name: object) -> type[Architecture]:
    """The architecture called ``name``.

    Raises
    ------
    HwgenError
        There is none.
    """
    if not isinstance(name, str) or name not in _FAMILIES:
        raise HwgenError("arch", f"found {shown(name)}", f"{_listed(list(_FAMILIES))} is needed")
    return _FAMILIES[name]


def owners(knob: str) -> list[str]:
    """Names of the architectures that have ``knob``."""
    return [name for name, one in _FAMILIES.items() if knob in {k.name for k in one.knobs()}]


def make(name: object, knobs: Mapping[str, Any]) -> Architecture:
    """The architecture called ``name`` with ``knobs`` set; those that are not given are as always.

    Raises
    ------
    HwgenError
        No such architecture (``arch``), or about a knob: it has none of that name, or not with
        that value.
    """
    chosen = family(name)
    own = {one.name for one in chosen.knobs()}
    for knob in knobs:
        if knob not in own:
            others = owners(knob)
            have = "has" if len(others) == 1 else "have"
            allowed = (
                f"only {' and '.join(others)} {have} it" if others else "no architecture has it"
            )
            raise HwgenError(knob, f"given with {name}", allowed)
    return chosen(**knobs)


def from_json(content: Mapping[str, Any]) -> Architecture:
    """The architecture of which ``content`` is the JSON.

    Raises
    ------
    HwgenError
        As of :func:`make`.
    """
    knobs = {key: value for key, value in content.items() if key != "name"}
    return make(content.get("name"), knobs)


def _listed(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
