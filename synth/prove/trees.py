"""Adder trees, checked against the sums that they are said to make.

Synthesis turns a sum into full and half adders (:func:`hwgen.synth.mapping.arith.expand`). That the
adders make the sum is a matter of algebra: an adder keeps ``s + 2 co = a + b + c``, so walking back
from the result, each pair of outputs is replaced by what went in, until the sum itself must be
left.
"""

from collections.abc import Mapping

from hwgen.synth.mapping.arith import Reduction
from hwgen.synth.mapping.compress import ONE, ZERO, Adder, Literal
from hwgen.synth.mapping.netlist import Net
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.cells import Sum, Word
from hwgen.synth.prove.evaluation import Add
from hwgen.synth.prove.sums import Words
from hwgen.synth.prove.terms import constant_word


def plain_sum(aig: Aig, total: Sum) -> Word:
    """The word of a sum, one term after the other by ripple adders."""
    terms, constant = Words(aig).expanded(total)
    width = total.width
    rows: dict[int, list[int]] = {}
    for literal, factor in terms.items():
        constant += min(factor, 0)
        bit = literal ^ 1 if factor < 0 else literal
        for place in range(width):
            if abs(factor) >> place & 1:
                row = 0
                while rows.setdefault(row, [FALSE] * width)[place] != FALSE:
                    row += 1
                rows[row][place] = bit
    word = constant_word(constant, width)
    for addend in rows.values():
        word = aig.add(word, addend)[0]
    return word


def plain_adder(aig: Aig) -> Add:
    """Makes sums as they come."""
    return lambda _, total, __: plain_sum(aig, total)


class WrongTree(Exception):
    """Adders that do not make the sum."""


class Trees:
    """Makes the words of a module's sums by the adders that synthesis chose for them.

    Parameters
    ----------
    aig
        The graph.
    reduction
        The adders, as synthesis has them. Nothing about them is taken for granted.
    """

    def __init__(self, aig: Aig, reduction: Reduction):
        self._aig = aig
        self._reduction = reduction
        self._nets: Mapping[Net, int] = {}
        self._words = Words(aig)

    def build(self, label: str, total: Sum, nets: Mapping[Net, int]) -> Word:
        """The word of the cell ``label``; ``nets`` holds the literals of the module's nets.

        Raises
        ------
        WrongTree
            The adders make something else.
        """
        if label not in self._reduction.sums:
            return plain_sum(self._aig, total)
        self._nets = nets
        adders, columns = self._reduction.sums[label]
        made: dict[Net, int] = {}
        for adder in adders:
            inputs = [self._literal(literal, made) for literal in adder.inputs]
            inputs += [TRUE] * adder.one + [FALSE] * (3 - adder.one - len(inputs))
            if len(inputs) != 3 or adder.s in made or adder.co in made:
                raise WrongTree
            a, b, c = inputs
            made[adder.s] = self._aig.differ(self._aig.differ(a, b), c)
            made[adder.co] = self._aig.majority(a, b, c)
        self._check(adders, columns, total, made)
        if any(len(column) > 2 for column in columns):
            raise WrongTree
        rows = [[self._literal(literal, made) for literal in column] for column in columns]
        first = [row[0] if row else FALSE for row in rows]
        second = [row[1] if len(row) > 1 else FALSE for row in rows]
        return self._aig.add(first, second)[0] if any(second) else first

    def _literal(self, literal: Literal, made: Mapping[Net, int]) -> int:
        if literal in (ZERO, ONE):
            return TRUE if literal == ONE else FALSE
        net, flipped = literal
        if net in made:
            return made[net] ^ flipped
        if net not in self._nets:
            a, b = (self._literal(factor, made) for factor in self._reduction.products[net])
            return self._aig.both(a, b) ^ flipped
        return self._nets[net] ^ flipped

    def _check(
        self,
        adders: list[Adder],
        columns: list[list[Literal]],
        total: Sum,
        made: Mapping[Net, int],
    ) -> None:
        """Hold the adders to the sum, modulo two to the power of its width."""
        modulus = 1 << total.width
        left: dict[Net, int] = {}
        constant = 0

        def enter(literal: Literal, factor: int) -> None:
            nonlocal constant
            net, flipped = literal
            if literal in (ZERO, ONE):
                constant += factor * (literal == ONE)
            elif flipped:
                constant += factor
                left[net] = left.get(net, 0) - factor
            else:
                left[net] = left.get(net, 0) + factor

        for weight, column in enumerate(columns):
            for literal in column:
                enter(literal, 1 << weight)
        for adder in reversed(adders):
            s, co = left.pop(adder.s, 0), left.pop(adder.co, 0)
            if (co - 2 * s) % modulus:
                raise WrongTree
            for literal in adder.inputs:
                enter(literal, s)
            constant += s * adder.one
        wanted, rest = self._words.expanded(total)
        found: dict[int, int] = {}
        for net, factor in left.items():
            bit = self._literal((net, False), made)
            if bit & 1:
                constant += factor
                factor = -factor
            if bit > TRUE:
                found[bit & ~1] = found.get(bit & ~1, 0) + factor
        constants = (constant - rest) % modulus
        names = wanted.keys() | found.keys()
        if constants or any((wanted.get(n, 0) - found.get(n, 0)) % modulus for n in names):
            raise WrongTree
