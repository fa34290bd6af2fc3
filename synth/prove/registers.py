"""Which registers of a module always hold the same, and which never change."""

import random
from collections.abc import Callable, Iterable, Sequence

from hwgen.support.errors import HwgenError
from hwgen.synth.prove.aig import FALSE, TRUE, Aig, column
from hwgen.synth.prove.cells import Word
from hwgen.synth.prove.circuit import Bit, CircuitSource
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.evaluation import Add, Evaluation, State
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.trees import plain_adder

Key = tuple[str, int]
"""A bit of a register: the cell's name and the place."""

_CYCLES = 48
_LANES = 64


class Pool:
    """Input words of a graph, by name: circuits that are compared share them."""

    def __init__(self, aig: Aig):
        self._aig = aig
        self.words: dict[str, Word] = {}

    def __call__(self, name: str, width: int) -> Word:
        """The word ``name``; new inputs when it is first asked for."""
        if name not in self.words:
            self.words[name] = self._aig.inputs(width)
        return self.words[name]


class Registers:
    """The registers of an RTL module, of which equal ones count as one.

    Parameters
    ----------
    source
        The module.
    decider
        Proves that they are equal, by induction over the clock edges: they are at the beginning,
        and where all that are said to be equal are, they are so after the next edge.
    """

    def __init__(self, source: CircuitSource, decider: Decider):
        self._source = source
        self.keys = keys_of(source)
        clocks = {source.clock(label) for label, _ in self.keys}
        if len(clocks) > 1:
            raise HwgenError(source.name, "several clocks", "one is allowed")
        self.clock = next(iter(clocks), "")
        self._by_name: dict[Bit, Key] = {}
        names = source.names
        for label, i in self.keys:
            for name in names.get(source.cells[label]["connections"]["Q"][i], ()):
                self._by_name[name] = (label, i)
        self.leader: dict[Key, Key | int] = {}
        self._lead([])
        if self.keys:
            self._merge(decider)
            self._by_name = self._aliases() | self._by_name

    def _aliases(self) -> dict[Bit, Key]:
        """Registers by names of logic that is one because others never change.

        After ``ready = full & first``, where ``first`` is proved to be 1, synthesis may call the
        flip-flop ``ready``.
        """
        aig = Aig()
        held = {}

        def state(label: str, i: int) -> int:
            leader = self.leader[label, i]
            if isinstance(leader, int):
                return leader
            if leader not in held:
                held[leader] = aig.input()
            return held[leader]

        level = Evaluation(self._source, aig, ports=Pool(aig), state=state, add=plain_adder(aig))
        registers = {literal: leader for leader, literal in held.items()}
        named = level.circuit.named.items()
        return {name: registers[literal] for name, literal in named if literal in registers}

    def named(self, names: Iterable[Bit]) -> Key | None:
        """The register that has one of these names."""
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def state(self, pool: Pool) -> State:
        """Literals of registers: one input for each that is different from the others."""

        def literal(label: str, i: int) -> int:
            leader = self.leader[label, i]
            if isinstance(leader, int):
                return leader
            return pool(f"{leader[0]}[{leader[1]}]", 1)[0]

        return literal

    def _merge(self, decider: Decider) -> None:
        """Start from what looks equal in simulation, and part what cannot be proved."""
        seen = self._simulated()
        classes: list[list[Key | int]] | None = _parts([FALSE, TRUE, *self.keys], seen.__getitem__)
        while classes is not None:
            self._lead(classes)
            classes = self._split(classes, decider) if classes else None

    def _lead(self, classes: Sequence[Sequence[Key | int]]) -> None:
        self.leader = dict(zip(self.keys, self.keys, strict=True))
        for members in classes:
            for key in members:
                if not isinstance(key, int):
                    self.leader[key] = members[0]

    def _simulated(self) -> dict[Key | int, tuple[int, ...]]:
        """What every register, and false and true, hold in each cycle of a random run.

        What a register without an initial value starts with is undefined: synthesis may choose. So
        one that starts with 1 and stays there counts as 1, and all others start with 0.
        """
        aig = Aig()
        pool = Pool(aig)
        level = Evaluation(
            self._source,
            aig,
            ports=pool,
            state=self.state(pool),
            add=plain_adder(aig),
        )
        ones = (1 << _LANES) - 1
        given = [{"0": 0, "1": ones}.get(r.initial) for r in level.circuit.registers]
        high = _history(aig, level, [ones if value is None else value for value in given])
        stays = [all(value == ones for value in history) for history in high]
        start = [
            (ones if stay else 0) if value is None else value
            for value, stay in zip(given, stays, strict=True)
        ]
        found: dict[Key | int, tuple[int, ...]] = {
            FALSE: (0,) * _CYCLES,
            TRUE: (ones,) * _CYCLES,
        }
        return found | dict(zip(self.keys, _history(aig, level, start), strict=True))

    def _split(
        self, classes: list[list[Key | int]], decider: Decider
    ) -> list[list[Key | int]] | None:
        """Finer classes where an edge parts some; None where none are parted."""
        aig = Aig()
        pool, words = Pool(aig), Words(aig)
        bits = self._following(aig, pool, plain_adder(aig))
        same = self._following(aig, pool, words.adder())
        pairs = [(bits[c[0]], bits[key]) for c in classes for key in c if same[c[0]] != same[key]]
        answer = decider.equal(aig, pairs)
        if answer.equal:
            return None
        if answer.example is None:
            return []
        simulated = aig.simulate(answer.example, 1)
        return [
            part for c in classes for part in _parts(c, lambda k: column(simulated, bits[k], 1))
        ]

    def _following(self, aig: Aig, pool: Pool, add: Add) -> dict[Key | int, int]:
        """What every register holds after the next edge; and false and true."""
        level = Evaluation(self._source, aig, ports=pool, state=self.state(pool), add=add)
        nexts = [register.next for register in level.circuit.registers]
        return {FALSE: FALSE, TRUE: TRUE, **dict(zip(self.keys, nexts, strict=True))}


def _history(aig: Aig, level: Evaluation, held: list[int]) -> list[tuple[int, ...]]:
    """What each register holds in each cycle of a random run that begins with ``held``."""
    registers = level.circuit.registers
    generator, ones = random.Random(len(registers)), (1 << _LANES) - 1
    history: list[list[int]] = []
    inputs = aig.support([register.next for register in registers])
    for cycle in range(_CYCLES):
        history.append(held)
        values = {bit: generator.getrandbits(_LANES) for bit in inputs}
        for bit in level.circuit.inputs.get("rst", ()):
            values[bit] = ones if cycle < 2 else 0
        values |= {r.now: value for r, value in zip(registers, held, strict=True)}
        simulated = aig.simulate(values, _LANES)
        held = [column(simulated, r.next, _LANES) for r in registers]
    return list(zip(*history, strict=True))


def keys_of(source: CircuitSource) -> list[Key]:
    """The registers of a module, bit by bit."""
    return [
        (label, i)
        for label in source.cells
        if source.is_register(label)
        for i in range(source.bits(label))
    ]


def _parts(
    keys: Iterable[Key | int], value: Callable[[Key | int], object]
) -> list[list[Key | int]]:
    """``keys`` of one value together, those that are not alone."""
    parts: dict[object, list[Key | int]] = {}
    for key in keys:
        parts.setdefault(value(key), []).append(key)
    return [part for part in parts.values() if len(part) > 1]
