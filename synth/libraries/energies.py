"""Energy inside cells, from the ``internal_power`` groups of a Liberty file.

A group says what a change of a pin takes besides charging the pins behind it: for an output by the
pin that made it change (``related_pin``), for an input when nothing behind it changes; by slew and
load, apart for rising and falling, for each supply, and for conditions on the other pins. As rises
and falls take turns, the mean of both is kept. Conditions are kept for inputs of cells that hold
state; elsewhere the mean over them is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hwgen.synth.libraries.delays import DelayTable
from hwgen.synth.libraries.liberty import Group
from hwgen.synth.libraries.library import Power


@dataclass(frozen=True)
class Condition:
    """What one or several groups say of a pin under one condition: tables to be added up."""

    pin: str
    related: str | None
    when: str | None
    rise: tuple[DelayTable, ...] = ()
    fall: tuple[DelayTable, ...] = ()


def conditions(
    pin: str, groups: Iterable[Group], table: Callable[[Group | None], DelayTable | None]
) -> list[Condition]:
    """The ``internal_power`` groups of a pin, those of its supplies and edges joined."""
    found: dict[tuple[str | None, str | None], Condition] = {}
    for group in groups:
        when = group.simple.get("when")
        rise, fall = (table(group.first(f"{edge}_power", "power")) for edge in ("rise", "fall"))
        sources: list[str | None] = [*group.simple.get("related_pin", "").split()]
        for related in sources or [None]:
            before = found.get((related, when), Condition(pin, related, when))
            found[related, when] = Condition(
                pin,
                related,
                when,
                before.rise + ((rise,) if rise else ()),
                before.fall + ((fall,) if fall else ()),
            )
    return list(found.values())


def powers(found: Sequence[Condition], sequential: bool) -> tuple[Power, ...]:
    """What a cell keeps of its groups.

    A group without a condition is for what the others leave out; it counts where there are none.
    """
    parts: dict[tuple[str, str | None], list[Condition]] = defaultdict(list)
    for one in found:
        parts[one.pin, one.related].append(one)
    kept = []
    for (pin, related), group in parts.items():
        named = [one for one in group if one.when is not None] or group
        if sequential and related is None:
            kept += [Power(pin, None, one.when, table) for one in named if (table := _mean([one]))]
        elif table := _mean(named):
            kept.append(Power(pin, related, None, table))
    return tuple(kept)


def _mean(conditions: Sequence[Condition]) -> DelayTable | None:
    """Half of what a rise and a fall take together, each as the mean of the groups that have it."""
    weighted: list[tuple[float, DelayTable]] = []
    for edge in ("rise", "fall"):
        having = [tables for one in conditions if (tables := getattr(one, edge))]
        weighted += [(0.5 / len(having), table) for tables in having for table in tables]
    if not weighted:
        return None
    finest = max((table for _, table in weighted), key=lambda t: (len(t.rows), len(t.cols)))
    values = tuple(
        tuple(sum(share * table.at(row, col) for share, table in weighted) for col in finest.cols)
        for row in finest.rows
    )
    return DelayTable(finest.rows, finest.cols, values)
