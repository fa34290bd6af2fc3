"""The knobs of an architecture: fields of a frozen dataclass that say what they take."""

from dataclasses import dataclass, field
from typing import Any

from hwgen.support.errors import HwgenError
from hwgen.support.messages import shown

MOST = 1_000_000
"""The largest integer that any knob takes: no design has as many of anything."""


@dataclass(frozen=True, kw_only=True)
class Knob:
    """A setting of an architecture.

    Parameters
    ----------
    name
        As a keyword, an axis of a sweep, a JSON key; with dashes, an option of the command line.
    default
        Its value where none is given. A knob takes what its default is: an integer, a bool, or one
        of a few names.
    help
        What it does, as a sentence without its first capital.
    least, most
        Smallest and largest integer; None: no bound.
    unit
        What an integer counts.
    choices
        The names that a knob of names takes, in order.
    """

    name: str
    default: int | bool | str
    help: str
    least: int | None = None
    most: int | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def type(self) -> type:
        """``int``, ``bool`` or ``str``."""
        return type(self.default)

    @property
    def allowed(self) -> str:
        """What it takes, in words."""
        if self.type is bool:
            return "true or false"
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.least is not None and self.most is not None:
            return f"{self.least}..{self.most} {self.unit}".rstrip()
        if self.least is not None:
            return f"at least {self.least} {self.unit}".rstrip()
        return f"at most {self.most} {self.unit}".rstrip() if self.most is not None else "integers"

    def check(self, value: object) -> None:
        """Refuse what the knob does not take.

        Raises
        ------
        HwgenError
            Another type, or an integer out of range; it is about the knob's name.
        """
        if self.choices:
            if value not in self.choices:
                raise HwgenError(self.name, f"found {shown(value)}", self.allowed)
            return
        if type(value) is not self.type:
            needed = "true or false" if self.type is bool else "an integer"
            raise HwgenError(self.name, f"found {shown(value)}", f"must be {needed}")
        number = int(value)  # type: ignore[call-overload]  # mypy does not see the test above
        low = self.least is not None and number < self.least
        if low or (self.most is not None and number > self.most):
            raise HwgenError(self.name, f"found {shown(value)}", self.allowed)
        if number > MOST:
            raise HwgenError(self.name, f"found {shown(value)}", f"at most {MOST:,}")


def knob(
    default: int | bool | str,
    help: str,
    *,
    least: int | None = None,
    most: int | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of an architecture that is a knob; the parameters are those of :class:`Knob`."""
    said: dict[str, object] = {"default": default, "help": help, "least": least, "most": most}
    said |= {"unit": unit, "choices": choices}
    return field(default=default, metadata={"knob": said})
