"""Functions of a counter, as small diagrams of multiplexers."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value

Table = tuple[bool | None, ...]


def decoded(m: Module, name: str, counter: Value, cares: Mapping[int, bool]) -> Value:
    """A bit that is ``cares[n]`` while ``counter`` is n; anything where that says nothing.

    A reduced decision diagram, highest bit first. Halves that do not contradict each other are
    taken for one.
    """
    table: Table = tuple(cares.get(n) for n in range(1 << len(counter)))
    made: dict[Table, Value] = {}

    def choose(part: Table, bits: Value) -> Value:
        if True not in part:
            return Const(0, 1)
        if False not in part:
            return Const(1, 1)
        if part not in made:
            half = len(part) // 2
            both = _merged(part[:half], part[half:])
            if both is not None:
                return choose(both, bits[:-1])
            low, high = choose(part[:half], bits[:-1]), choose(part[half:], bits[:-1])
            node = Signal(name=f"{name}_{len(made)}")
            m.d.comb += node.eq(Mux(bits[-1], high, low))
            made[part] = node
        return made[part]

    return choose(table, counter)


def _merged(low: Table, high: Table) -> Table | None:
    """Both tables as one; None where they contradict each other."""
    merged = []
    for a, b in zip(low, high, strict=True):
        if a is not None and b is not None and a != b:
            return None
        merged.append(b if a is None else a)
    return tuple(merged)


def distinguishing(codes: Sequence[int], width: int) -> list[int]:
    """As few bits of a counter as tell ``codes`` apart, found from the lowest bit up."""
    kept = list(range(width))
    for bit in range(width):
        others = [b for b in kept if b != bit]
        if len({tuple(code >> b & 1 for b in others) for code in codes}) == len(set(codes)):
            kept = others
    return kept
