"""And-inverter graphs: built with structural hashing, simulated many vectors at a time, written.

A *literal* is ``2 * node``, plus 1 for the opposite value. Node 0 is the constant: literal 0 is
false, literal 1 is true. A *word* is a list of literals, lowest bit first.
"""

from collections.abc import Iterable, Mapping, Sequence

FALSE, TRUE = 0, 1


class Aig:
    """A graph that only grows.

    Attributes
    ----------
    fanins
        The two literals that each node is the conjunction of; ``(-1, -1)`` for an input.
    """

    def __init__(self) -> None:
        self.fanins: list[tuple[int, int]] = [(-1, -1)]
        self._found: dict[tuple[int, int], int] = {}

    def input(self) -> int:
        """A new input."""
        self.fanins.append((-1, -1))
        return 2 * (len(self.fanins) - 1)

    def inputs(self, width: int) -> list[int]:
        """A word of new inputs."""
        return [self.input() for _ in range(width)]

    def both(self, a: int, b: int) -> int:
        """``a and b``."""
        if a > b:
            a, b = b, a
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        key = (a, b)
        node = self._found.get(key)
        if node is None:
            node = self._found[key] = len(self.fanins)
            self.fanins.append(key)
        return 2 * node

    def either(self, a: int, b: int) -> int:
        """``a or b``."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """``a xor b``."""
        if a <= TRUE:
            return b ^ a
        if b <= TRUE:
            return a ^ b
        if a >> 1 == b >> 1:
            return (a ^ b) & 1
        flip = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        return self.both(self.both(a, b) ^ 1, self.both(a ^ 1, b ^ 1) ^ 1) ^ flip

    def choose(self, select: int, high: int, low: int) -> int:
        """``high if select else low``."""
        if select <= TRUE:
            return high if select else low
        if high == low:
            return low
        if high == low ^ 1:
            return self.differ(select, low)
        return self.both(self.both(select, high) ^ 1, self.both(select ^ 1, low) ^ 1) ^ 1

    def majority(self, a: int, b: int, c: int) -> int:
        """Whether at least two of three are true."""
        return self.either(self.both(a, b), self.both(self.either(a, b), c))

    def any(self, word: Iterable[int]) -> int:
        """Whether a literal of ``word`` is true."""
        result = FALSE
        for literal in word:
            result = self.either(result, literal)
        return result

    def all(self, word: Iterable[int]) -> int:
        """Whether every literal of ``word`` is true."""
        return self.any(literal ^ 1 for literal in word) ^ 1

    def add(self, a: Sequence[int], b: Sequence[int], carry: int = FALSE) -> tuple[list[int], int]:
        """Sum of two words of one width and a carry, and the carry out: a ripple adder."""
        total = []
        for x, y in zip(a, b, strict=True):
            total.append(self.differ(self.differ(x, y), carry))
            carry = self.majority(x, y, carry)
        return total, carry

    def less(self, a: Sequence[int], b: Sequence[int]) -> int:
        """``a < b`` of two unsigned words of one width."""
        return self.add(a, [bit ^ 1 for bit in b], TRUE)[1] ^ 1

    def is_gate(self, literal: int) -> bool:
        """Whether a literal is a function of others: no input and no constant."""
        return self.fanins[literal >> 1][0] >= 0

    def cone(self, roots: Iterable[int]) -> list[int]:
        """Every node that ``roots`` depend on, in an order that is safe to evaluate in."""
        seen: set[int] = set()
        waiting = [root >> 1 for root in roots]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            a, b = self.fanins[node]
            if a >= 0:
                waiting += (a >> 1, b >> 1)
        return sorted(seen)

    def support(self, roots: Iterable[int]) -> list[int]:
        """The inputs, as literals, that ``roots`` depend on."""
        return [2 * node for node in self.cone(roots) if node and self.fanins[node][0] < 0]

    def simulate(
        self, values: Mapping[int, int], lanes: int, roots: Iterable[int] | None = None
    ) -> list[int]:
        """Values of the nodes that ``roots`` (default: all) depend on, by node.

        Parameters
        ----------
        values
            Of the inputs, by literal: bit ``k`` is the value in lane ``k``. Others are 0.
        lanes
            How many vectors there are.
        """
        ones = (1 << lanes) - 1
        result = [0] * len(self.fanins)
        for node in range(1, len(self.fanins)) if roots is None else self.cone(roots):
            a, b = self.fanins[node]
            if a < 0:
                result[node] = values.get(2 * node, 0) if node else 0
                continue
            x, y = result[a >> 1], result[b >> 1]
            result[node] = (x ^ ones if a & 1 else x) & (y ^ ones if b & 1 else y)
        return result

    def copy(self, roots: Sequence[int], into: "Aig", given: Mapping[int, int]) -> list[int]:
        """``roots`` built again in ``into``, with its literals ``given`` for inputs of this one."""
        made: dict[int, int] = {0: FALSE}
        for node in self.cone(roots):
            a, b = self.fanins[node]
            if a >= 0:
                made[node] = into.both(made[a >> 1] ^ a & 1, made[b >> 1] ^ b & 1)
            elif node:
                made[node] = given[2 * node]
        return [made[root >> 1] ^ root & 1 for root in roots]

    def aiger(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The functions ``outputs`` of ``inputs``, in binary AIGER."""
        number = {0: 0} | {literal >> 1: i + 1 for i, literal in enumerate(inputs)}
        gates = [node for node in self.cone(outputs) if self.fanins[node][0] >= 0]
        for node in gates:
            number[node] = len(number)

        def mapped(literal: int) -> int:
            return 2 * number[literal >> 1] | literal & 1

        count = len(inputs) + len(gates)
        head = f"aig {count} {len(inputs)} 0 {len(outputs)} {len(gates)}\n"
        body = bytearray(head.encode() + b"".join(b"%d\n" % mapped(out) for out in outputs))
        for node in gates:
            low, high = sorted(map(mapped, self.fanins[node]))
            body += _delta(2 * number[node] - high) + _delta(high - low)
        return bytes(body)


def _delta(value: int) -> bytes:
    """A number in seven-bit groups, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def column(simulated: Sequence[int], literal: int, lanes: int) -> int:
    """The values of a literal, by lane."""
    return simulated[literal >> 1] ^ ((1 << lanes) - 1 if literal & 1 else 0)


def values_of(simulated: Sequence[int], word: Iterable[int], lanes: int) -> list[int]:
    """Values of ``word``, unsigned, by lane."""
    result = [0] * lanes
    for place, literal in enumerate(word):
        digits = f"{column(simulated, literal, lanes):0{lanes}b}"[::-1]
        for lane, digit in enumerate(digits):
            if digit == "1":
                result[lane] |= 1 << place
    return result


def lanes_of(values: Sequence[int], width: int) -> list[int]:
    """The columns of a word that has ``values`` by lane: the inverse of :func:`values_of`."""
    return [
        int("".join("1" if value >> place & 1 else "0" for value in reversed(values)) or "0", 2)
        for place in range(width)
    ]


def every_lane(inputs: Sequence[int]) -> dict[int, int]:
    """Values of ``inputs`` so that each combination stands in a lane of its own."""
    lanes = 1 << len(inputs)
    result = {}
    for i, literal in enumerate(inputs):
        size = 1 << i
        pattern = ((1 << size) - 1) << size
        size *= 2
        while size < lanes:
            pattern |= pattern << size
            size *= 2
        result[literal] = pattern
    return result
