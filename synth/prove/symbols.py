"""The reference run on numbers instead of values, and what is said to be equal to it.

Two layers of one neuron each, as an example: ``y = clip(relu(3 x) >> 1, 0, 7)`` and ``z = 5 y``,
with ``x`` unsigned of 3 bits::

    reference   3 x is the word A, new inputs that stand for  3 x0 + 6 x1 + 12 x2        in 0..21
                y is a function of A's bits. On samples it is 0..7, so a new number N of 0..7
                takes its place, with the obligation that y is never outside 0..7 (1).
                z = 5 y is from here on the word  5 n0 + 10 n1 + 20 n2  of N's bits.
    design      adds  x + (x << 1): the same combination, so the same word A, bit for bit. It
                cuts and clips with other gates. What its bits look like on the samples is what
                those of y look like: they are renamed to N's bits, each with the obligation
                that it equals the bit of y (2). N + (N << 2) comes to the word z: nothing left.

Obligations (1) and (2) speak of A alone, one number in 0..21: :meth:`Words.grounded` makes them
functions of it, and the decider proves them for all of it. Proved, the renaming was allowed, and
the design is right for every input. A pair that samples told apart by chance only too late comes
back as an example, one lane of the next run.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from hwgen.spec.checker import TOP, Packed, layer_name
from hwgen.support.errors import HwgenError
from hwgen.synth.prove.aig import FALSE, TRUE, Aig, values_of
from hwgen.synth.prove.cells import Word, extended
from hwgen.synth.prove.circuit import Cell, CircuitSource
from hwgen.synth.prove.decide import Decider
from hwgen.synth.prove.evaluation import Evaluation
from hwgen.synth.prove.samples import LANES, TRUE_LANES, Samples
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.terms import constant_word


@dataclass(frozen=True)
class Obligation:
    """Two literals to be proved equal: what they are, and whether they are the result itself."""

    what: str
    left: int
    right: int
    final: bool = False


@dataclass(frozen=True)
class _Substitute:
    """A bit of an output of a layer (counted from 1), and the bit of a number that stands for it.

    ``neuron`` and ``place`` say which bit that is.
    """

    layer: int
    neuron: int
    place: int
    old: int
    new: int


@dataclass(frozen=True)
class Failure:
    """An obligation that is not proved, with the numbers for which it fails if it is known to."""

    obligation: Obligation
    numbers: Mapping[Hashable, int]
    limit: str


class Symbols:
    """One run of the reference and of the design on the same numbers.

    Parameters
    ----------
    reference, ports
        The modules of the reference, and what stands between its layers.
    known
        See :class:`Samples`.

    Attributes
    ----------
    obligations
        What is left to be proved.
    result
        The reference's output.
    """

    def __init__(
        self,
        reference: Mapping[str, CircuitSource],
        ports: Sequence[Packed],
        argmax: bool,
        known: Sequence[Mapping[Hashable, int]],
    ):
        self.aig = Aig()
        self.words = Words(self.aig, shifts_right=True)
        self.samples = Samples(self.words, known)
        self.obligations: list[Obligation] = []
        self._reference = reference
        self._ports = ports
        self._kept_to = len(ports) - 1 if argmax else len(ports) - 2
        """Index of the last port whose numbers are new ones."""
        self._stands: dict[int, list[_Substitute]] = {}
        """For what a bit looks like on the samples: such bits, and what stands for them."""
        self._layer: dict[int, int] = {}
        """Layers that new numbers are outputs of, by their variables and bits."""
        self._needs: list[int] = [0]
        self._defined: dict[int, int] = {}
        """What the bits of new numbers stand for."""
        self.input = self._input()
        self.result = self._evaluate(TOP, self.input)

    def _input(self) -> Word:
        packed = self._ports[0]
        low = -(1 << (packed.bits - 1)) if packed.signed else 0
        high = low + (1 << packed.bits) - 1
        word: Word = []
        for _ in range(packed.count):
            word += extended(self.words.number(low, high), packed.bits, packed.signed)
        return word

    def _evaluate(self, name: str, x: Word) -> Word:
        level = Evaluation(
            self._reference[name],
            self.aig,
            ports=lambda port, width: x,
            state=no_state,
            add=self.words.adder(),
            inside=self._inside,
        )
        return level.circuit.outputs["y"]

    def _inside(self, label: str, cell: Cell, ports: dict[str, Word]) -> dict[str, Word]:
        y = self._evaluate(cell["type"], ports["x"])
        self.words.note(self.aig.support(y))
        for index in range(1, self._kept_to + 1):
            if cell["type"] == layer_name(index - 1):
                return {"y": self._numbers(index, y)}
        return {"y": y}

    def _numbers(self, index: int, y: Word) -> Word:
        """New numbers for the outputs of a layer."""
        packed = self._ports[index]
        word: Word = []
        for j in range(packed.count):
            bits = y[j * packed.bits : (j + 1) * packed.bits]
            word += self._number(index, j, bits, packed.signed)
        return word

    def _number(self, index: int, neuron: int, bits: Word, signed: bool) -> Word:
        as_it_is = index == len(self._ports) - 1 or all(bit <= TRUE for bit in bits)
        if as_it_is and not any(map(self.aig.is_gate, bits)):
            return bits  # an accumulator, or constant
        steady = next(i for i, bit in enumerate(bits) if bit > TRUE)
        upper = bits[steady:]
        self.samples.column(max(upper))
        values = values_of(self.samples.columns, upper, LANES)
        if signed:
            values = [_as_signed(value, len(upper)) for value in values]
        low, high = min(values), max(values)
        number = extended(self.words.number(low, high), len(upper), low < 0)
        self.samples.define(number, values)
        for place, (old, new) in enumerate(zip(upper, number, strict=True)):
            if new > TRUE:
                self._defined[new & ~1] = old ^ (new & 1)
                made = self.words.made(new & ~1)
                self._layer |= dict.fromkeys([new & ~1, *(made[0] if made else ())], index)
            column, flip = self._look(old)
            if column:
                stand = _Substitute(index, neuron, place, old ^ flip, new ^ flip)
                self._stands.setdefault(column, []).append(stand)
        beyond = _outside(self.aig, upper, low, high, signed)
        self.obligations.append(
            Obligation(f"interval of layer {index - 1}, neuron {neuron}", beyond, FALSE)
        )
        return bits[:steady] + number

    def rename(self, word: Word) -> Word:
        """The bits of numbers that stand for ``word``, where there are some for all of it.

        Beside such bits, one that never changes on the samples counts as constant.
        """
        found = self._found(word)
        layer = max((stand.layer for stand in found if stand), default=-1)
        for bit, stand in zip(word, found, strict=True):
            if bit > TRUE and not stand and (self._look(bit)[0] or self._need(bit) > layer):
                return word
        return [self._replace(bit, stand) for bit, stand in zip(word, found, strict=True)]

    def rename_gates(self, word: Word) -> Word:
        """The bits of numbers that stand for those of ``word`` that are functions of others."""
        return [
            self._replace(bit, stand) if stand and self.aig.is_gate(bit) else bit
            for bit, stand in zip(word, self._found(word), strict=True)
        ]

    def _found(self, word: Word) -> list[_Substitute | None]:
        """What may stand for each bit; of several, what goes on where the bit before ended."""
        found: list[_Substitute | None] = []
        before = None
        for bit in word:
            before = self._find(bit, before) if bit > TRUE else None
            found.append(before)
        return found

    def _look(self, bit: int) -> tuple[int, int]:
        """What a bit looks like on the samples, or its opposite if it is 1 on the first; which."""
        column = self.samples.column(bit) & TRUE_LANES
        return (column ^ TRUE_LANES, 1) if column & 1 else (column, 0)

    def _find(self, bit: int, before: _Substitute | None) -> _Substitute | None:
        column, flip = self._look(bit)
        fitting = [
            stand
            for stand in self._stands.get(column, ())
            if bit ^ flip in (stand.old, stand.new) or self._need(bit) <= stand.layer
        ]
        if before is None or len(fitting) < 2:
            return fitting[0] if fitting else None
        following = (before.layer, before.neuron, before.place + 1)
        matches = [s for s in fitting if (s.layer, s.neuron, s.place) == following]
        return (matches or fitting)[0]

    def _replace(self, bit: int, stand: _Substitute | None) -> int:
        """What stands for a bit, which is to be proved if it is new."""
        if bit <= TRUE:
            return bit
        column, flip = self._look(bit)
        if stand is None:
            self.obligations.append(Obligation("constant bit of a layer's output", bit, flip))
            return flip
        if bit ^ flip not in (stand.old, stand.new):
            what = f"bit of an output of layer {stand.layer - 1}"
            self.obligations.append(Obligation(what, bit ^ flip, stand.old))
            self._stands[column].append(replace(stand, old=bit ^ flip))
        return stand.new ^ flip

    def _need(self, bit: int) -> int:
        """Of which layer a bit could be an output: behind the sums of that layer, not further."""
        for node in range(len(self._needs), len(self.aig.fanins)):
            a, b = self.aig.fanins[node]
            if a >= 0:
                self._needs.append(max(self._needs[a >> 1], self._needs[b >> 1]))
                continue
            made = self.words.made(2 * node)
            if made is None or 2 * node in self._layer:
                self._needs.append(self._layer.get(2 * node, 0))
            else:
                self._needs.append(max((self._behind(v) for v in made[0]), default=0))
        return self._needs[bit >> 1]

    def _behind(self, variable: int) -> int:
        """Of which layer a sum with this variable could be."""
        if variable in self._layer:
            return self._layer[variable] + 1
        return 0 if variable < 0 else self._needs[variable >> 1]

    def require(self, word: Word) -> None:
        """What the design hands out must be the reference's result."""
        for i, (left, right) in enumerate(zip(word, self.result, strict=True)):
            self.obligations.append(Obligation(f"bit {i} of the result", left, right, final=True))

    def check(self, decider: Decider) -> Failure | None:
        """Prove every obligation; or the first that fails or stays open."""
        groups: dict[Hashable, list[Obligation]] = {}
        for one in self.obligations:
            if one.left != one.right:
                inputs = self.aig.support([one.left, one.right])
                key = frozenset(map(self.words.group, inputs))
                groups.setdefault((one.final, key), []).append(one)
        for group in sorted(groups.values(), key=lambda group: group[0].final):
            failure = self._check(group, decider, defined=not group[0].final)
            if failure is not None and group[0].final:
                failure = self._check(group, decider, defined=True)
            if failure is not None:
                return failure
        return None

    def _opened(self, roots: list[int]) -> list[int]:
        """``roots`` with what numbers are defined to be: layer by layer, for one may be the largest
        of those before it.
        """
        above = len(self._ports)
        while True:
            inputs = self.aig.support(roots)
            layers = [self._layer[bit] for bit in inputs if bit in self._defined]
            above = max((layer for layer in layers if layer < above), default=0)
            if not above:
                return roots
            given = {
                bit: self._defined[bit] if self._layer.get(bit) == above else bit for bit in inputs
            }
            roots = self.aig.copy(roots, self.aig, given)

    def _check(
        self, group: Sequence[Obligation], decider: Decider, *, defined: bool
    ) -> Failure | None:
        """Prove these; new numbers are free, or what they are ``defined`` to be."""
        roots = [literal for one in group for literal in (one.left, one.right)]
        if defined:
            roots = self._opened(roots)
        ground = self.words.grounded(roots)
        pairs = list(zip(ground.roots[::2], ground.roots[1::2], strict=True))
        answer = decider.equal(ground.aig, pairs, ground.limits)
        if answer.equal:
            return None
        numbers = {}
        if answer.example is not None:
            simulated = ground.aig.simulate(answer.example, 1)
            for key, (word, low) in ground.numbers.items():
                numbers[key] = low + values_of(simulated, word, 1)[0]
        return Failure(group[max(answer.pair, 0)], numbers, answer.limit)


def _as_signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) & 1 else value


def _outside(aig: Aig, word: Word, low: int, high: int, signed: bool) -> int:
    """Whether a number is below ``low`` or above ``high``."""
    half = 1 << (len(word) - 1) if signed else 0
    flipped = [*word[:-1], word[-1] ^ 1] if signed else word
    least, most = (constant_word(end + half, len(word)) for end in (low, high))
    return aig.either(aig.less(flipped, least), aig.less(most, flipped))


def no_state(label: str, place: int) -> int:
    """For a module without registers."""
    raise HwgenError("reference", f"the register {label}", "none is expected")
