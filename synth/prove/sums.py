"""Sums brought into one form, so that two circuits that add the same things share their words.

Every sum is written as an integer combination of variables: single bits, or whole numbers that
:meth:`Words.number` made. Its word is new inputs of the graph, one set for each combination, with
what they stand for remembered. An operand that is such a word, whole and scaled, is replaced by
what it stands for, as long as intervals show that nothing was cut off. So
``((a + b) + c) + d`` and ``(d + b) + (c + a)`` come out as one word, of whatever adders they are.

With unsigned words ``a``, ``b``, ``c`` of two bits::

    s = a + b        3 new inputs, which stand for  a0 + 2 a1 + b0 + 2 b1             in 0..6
    t = s + c        s0 + 2 s1 + 4 s2 + c0 + 2 c1; s is in it whole, with factor 1, so
                     4 new inputs for  a0 + 2 a1 + b0 + 2 b1 + c0 + 2 c1              in 0..9
    u = (c + b) + a  comes to the same combination: it is the word t, bit for bit
    v = s[1:0] + c   has s without its highest bit: s0 and s1 stay variables, and v is no t

What is proved for all values of these inputs holds for the values that they really take.
:meth:`Words.grounded` puts back as much as is needed: words of one combination that differ in a
constant or a shift become functions of one number, and that number lies in its exact interval.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from hwgen.spec.formats import signed_width
from hwgen.synth.prove.aig import FALSE, TRUE, Aig
from hwgen.synth.prove.cells import Factor, Sum
from hwgen.synth.prove.evaluation import Add
from hwgen.synth.prove.residues import Residues
from hwgen.synth.prove.terms import Terms, add_term, constant_word, few_rows, normal


@dataclass(frozen=True)
class NumberGraph:
    """Functions of numbers instead of words, in a graph of their own.

    Attributes
    ----------
    aig, roots
        The graph, and the functions in it.
    limits
        Whether every number lies in its interval.
    numbers
        By combination: the word of a number's distance from its lowest value, and that value.
    """

    aig: Aig
    roots: list[int]
    limits: int
    numbers: dict[Hashable, tuple[list[int], int]]


@dataclass
class _MadeWord:
    """A word: its bits that are inputs, each with its weight, sum up to ``terms + constant``.

    With ``modulus`` they do so modulo that, else exactly.
    """

    weights: dict[int, int]
    terms: Terms
    constant: int
    modulus: int = 0


class Words:
    """The sums of circuits in one graph.

    Parameters
    ----------
    aig
        The graph.
    shifts_right
        Accumulators shift to the right: a sum of some high bits of a word goes on from that word.
        In a graph of adders that only share sums, it would tear apart what belongs together.
    """

    def __init__(self, aig: Aig, shifts_right: bool = False):
        self.aig = aig
        self._shifts_right = shifts_right
        self._made: dict[tuple[object, ...], tuple[_MadeWord, list[int]]] = {}
        self._owner: dict[int, _MadeWord] = {}
        self._ranges: dict[int, tuple[int, int]] = {}
        self._noted = Residues()

    def number(self, low: int, high: int) -> list[int]:
        """A new number in ``low..high`` as the narrowest word: signed where ``low < 0``."""
        if low == high:
            return constant_word(low, signed_width(low, low) if low < 0 else low.bit_length())
        variable = -1 - len(self._ranges)
        self._ranges[variable] = (low, high)
        word = self._word({variable: 1}, 0, (low, high))
        made = self._owner[next(bit for bit in word if bit > TRUE)]
        self._noted.define(variable, made.weights, made.constant)
        return word

    def adder(self) -> Add:
        """Makes sums in this form."""
        return lambda _, total, __: self.build(total)

    def build(self, total: Sum) -> list[int]:
        """The word of a sum, ``total.width`` bits."""
        terms, constant = self.expanded(total)
        terms, constant = self._substituted(terms, constant, 1 << total.width)
        below = self._continued(terms) if self._shifts_right else None
        if below is None:
            return self._placed(terms, constant, total.width)
        made, missing = below
        return self._onward(terms, constant, total.width, made, missing)

    def expanded(self, total: Sum) -> tuple[Terms, int]:
        """A sum over single bits; a product of bits is their conjunction."""
        terms: Terms = {}
        constant = total.constant
        for term in total.terms:
            sign = -1 if term.negative else 1
            if len(term.factors) == 1:
                for bit, weight in _weighted(term.factors[0]):
                    constant += add_term(terms, bit, sign * weight)
                continue
            for a, left in _weighted(term.factors[0]):
                for b, right in _weighted(term.factors[1]):
                    constant += add_term(terms, self.aig.both(a, b), sign * left * right)
        return terms, constant

    def interval(self, terms: Terms) -> tuple[int, int]:
        """Ends of what ``terms`` can sum up to, their variables being free."""
        low = high = 0
        for variable, factor in terms.items():
            first, last = self._ranges.get(variable, (0, 1))
            low += factor * (first if factor > 0 else last)
            high += factor * (last if factor > 0 else first)
        return low, high

    def _substituted(self, terms: Terms, constant: int, modulus: int) -> tuple[Terms, int]:
        """``terms`` with every whole word replaced by what it stands for."""
        result = dict(terms)
        waiting = list(terms)
        while waiting:
            bit = waiting.pop()
            made = self._owner.get(bit)
            if made is None or bit not in result:
                continue
            scale, rest = divmod(result[bit], made.weights[bit])
            whole = not rest and all(result.get(b) == scale * w for b, w in made.weights.items())
            if not whole or scale * made.modulus % modulus:
                continue
            for bit in made.weights:
                del result[bit]
            for variable, factor in made.terms.items():
                add_term(result, variable, scale * factor)
            waiting += made.terms
            constant += scale * made.constant
        return result, constant

    def _continued(self, terms: Terms) -> tuple[_MadeWord, int] | None:
        """A word of which ``terms`` have all bits but the lowest, the first of these once.

        And how many are missing. It is what an accumulator that shifts to the right adds to.
        """
        for bit in terms:
            made = self._owner.get(bit)
            if made is None or made.modulus or self._noted.is_number(made.terms):
                continue
            bits = list(made.weights)
            missing = next(i for i, b in enumerate(bits) if b in terms)
            whole = all(terms.get(b, 0) << missing == made.weights[b] for b in bits[missing:])
            if missing and whole:
                return made, missing
        return None

    def _onward(
        self, terms: Terms, constant: int, width: int, made: _MadeWord, missing: int
    ) -> list[int]:
        """The word of ``terms + constant``, from what it goes on from.

        With a the sum that ``made`` is: ``(a >> m) + b = (a + (b << m)) >> m``.
        """
        scaled = {
            bit: factor << missing for bit, factor in terms.items() if bit not in made.weights
        }
        constant = (constant << missing) + made.constant
        for variable, factor in made.terms.items():
            constant += add_term(scaled, variable, factor)
        whole, constant = self._substituted(scaled, constant, 1 << (width + missing))
        return self._placed(whole, constant, width + missing)[missing:]

    def _placed(self, terms: Terms, constant: int, width: int) -> list[int]:
        """The word of ``terms + constant`` modulo ``2^width``.

        A lowest bit that is a constant or a single bit, of the same value or not, is just that.
        """
        lowest: list[int] = []
        while len(lowest) < width and not self._noted.known(terms, constant, 1):
            odd = [variable for variable, factor in terms.items() if factor & 1]
            if len(odd) > 1 or (odd and odd[0] < 0):
                break
            lowest.append(odd[0] ^ (constant & 1) if odd else constant & 1)
            terms = dict(terms)
            constant += add_term(terms, lowest[-1], -1)
            terms = {variable: factor >> 1 for variable, factor in terms.items()}
            constant >>= 1
        return lowest + self._upper(terms, constant, width - len(lowest))

    def _upper(self, terms: Terms, constant: int, width: int) -> list[int]:
        if not terms:
            return constant_word(constant, width)
        low, high = (end + constant for end in self.interval(terms))
        modulus, half = 1 << width, 1 << width >> 1
        for move in (0, -((low + half) // modulus) * modulus, -(low // modulus) * modulus):
            first, last = low + move, high + move
            if (first >= 0 and last < modulus) or (-half <= first and last < half):
                word = self._word(terms, constant + move, (first, last))
                return [*word, *[word[-1] if first < 0 else FALSE] * (width - len(word))]
        return self._wrapped(terms, constant, width)

    def _word(self, terms: Terms, constant: int, interval: tuple[int, int]) -> list[int]:
        """The narrowest word of ``terms + constant``, which lies in ``interval``."""
        key = (tuple(sorted(terms.items())), constant)
        if key in self._made:
            return self._made[key][1]
        low, high = interval
        if low >= 0:
            word = self.aig.inputs(high.bit_length())
            weights = {bit: 1 << i for i, bit in enumerate(word)}
        elif high < 0:  # the sign is known: the bits below it count up from the lowest value
            word = self.aig.inputs((~low).bit_length())
            weights = {bit: 1 << i for i, bit in enumerate(word)}
            constant += 1 << len(word)
            word = [*word, TRUE]
        else:
            word = self.aig.inputs(max((~low).bit_length(), high.bit_length()) + 1)
            weights = {bit: 1 << i for i, bit in enumerate(word)}
            weights[word[-1]] *= -1
        known = self._noted.known(terms, key[1], len(weights) - 1)
        if known:
            word = [*known, *word[len(known) :]]
            weights = dict(zip(word, weights.values(), strict=False))
        return self._keep(key, _MadeWord(weights, terms, constant), word)

    def _wrapped(self, terms: Terms, constant: int, width: int) -> list[int]:
        modulus, half = 1 << width, 1 << width >> 1
        low = sorted((v, (f + half) % modulus - half) for v, f in terms.items() if f % modulus)
        key = (tuple(low), constant % modulus, width)
        if key in self._made:
            return self._made[key][1]
        word = self.aig.inputs(width)
        weights = {bit: 1 << i for i, bit in enumerate(word)}
        return self._keep(key, _MadeWord(weights, terms, constant, 1 << width), word)

    def _keep(self, key: tuple[object, ...], made: _MadeWord, word: list[int]) -> list[int]:
        self._made[key] = made, word
        own = dict.fromkeys(made.weights, made)
        self._owner = own | self._owner if self._shifts_right else self._owner | own
        return word

    def note(self, bits: Iterable[int]) -> None:
        """Let low bits of later words be these, bits of words, where they are equal to them."""
        for bit in bits:
            made = self._owner.get(bit)
            if made is not None and not made.modulus:
                self._noted.note(bit, made.terms, made.constant, list(made.weights).index(bit))

    def group(self, bit: int) -> Hashable:
        """What an input is a function of: equal for words that differ in a constant or a scale."""
        made = self._owner.get(bit)
        return bit if made is None else normal(made.terms)[0]

    def made(self, bit: int) -> tuple[Terms, int, list[int]] | None:
        """For a bit of a word: terms and constant that its bits, returned too, sum up to.

        In place of a bit that first came up in another word stands -1.
        """
        found = self._owner.get(bit)
        if found is None:
            return None
        bits = [b if self._owner[b] is found else -1 for b in found.weights]
        return found.terms, found.constant, bits

    def grounded(self, roots: Sequence[int]) -> NumberGraph:
        """``roots`` over numbers instead of words."""
        grounds = _Grounds(self)
        given = {bit: grounds.literal(bit) for bit in self.aig.support(roots)}
        copied = self.aig.copy(roots, grounds.aig, given)
        return NumberGraph(grounds.aig, copied, grounds.aig.all(grounds.limits), grounds.numbers)


class _Grounds:
    """Numbers that words are functions of, one for each combination of variables."""

    def __init__(self, words: Words):
        self.aig = Aig()
        self.limits: list[int] = []
        self.numbers: dict[Hashable, tuple[list[int], int]] = {}
        self._words = words
        self._literals: dict[int, int] = {}
        self._seen: list[Terms] = []
        """What :attr:`numbers` were made for, as it was then."""

    def literal(self, bit: int) -> int:
        """The literal that stands for one of the old graph."""
        if bit not in self._literals:
            inputs = self._words.aig.support([bit])
            made = self._words.made(bit)
            if inputs != [bit]:
                given = {literal: self.literal(literal) for literal in inputs}
                self._literals[bit] = self._words.aig.copy([bit], self.aig, given)[0]
            elif made is None:
                self._literals[bit] = self.aig.input()
            else:
                terms, constant, bits = made
                word = self._word(terms, constant, len(bits))
                self._literals |= dict(zip(bits, word, strict=True))
        return self._literals[bit]

    def _word(self, terms: Terms, constant: int, width: int) -> list[int]:
        """The low ``width`` bits of ``terms + constant``."""
        if not terms or not width:
            return constant_word(constant, width)
        key, shift, negative = normal(terms)
        if shift:
            lowest = constant_word(constant, min(shift, width))
            upper = {variable: factor >> shift for variable, factor in terms.items()}
            return lowest + self._word(upper, constant >> shift, width - len(lowest))
        if key not in self.numbers:
            self.numbers[key] = self._number(dict(key))
            self._seen.append(terms)
        word, low = self.numbers[key]
        word = [*word, *[FALSE] * (width - len(word))][:width]
        if negative:  # -(word + low) + constant = ~word + 1 - low + constant
            word, constant = [bit ^ 1 for bit in word], constant + 1 - low
        else:
            constant += low
        return self.aig.add(word, constant_word(constant, width))[0]

    def _bit(self, literal: int) -> int:
        """The same, of a literal that may be constant or inverted."""
        return literal if literal <= TRUE else self.literal(literal & ~1) ^ (literal & 1)

    def _number(self, terms: Terms) -> tuple[list[int], int]:
        """A number's distance from its lowest value as an unsigned word, and that value."""
        few = few_rows(terms)
        if few is not None:
            return self._added(few[0]), few[1]
        low, high = self._words.interval(terms)
        span = high - low
        parts = self._split(terms)
        if parts:
            width = span.bit_length()
            left, right = self._word(parts[0], -low, width), self._word(parts[1], 0, width)
            return self.aig.add(left, right)[0], low
        word = self.aig.inputs(span.bit_length())
        if span & (span + 1):
            limit = constant_word(span, len(word))
            self.limits.append(self.aig.less(limit, word) ^ 1)
        return word, low

    def _split(self, terms: Terms) -> tuple[Terms, Terms] | None:
        """Two words that are there already and add up to ``terms``, as where values are compared.

        A word is younger than its parts, and the older come first.
        """
        for part in self._seen:
            for sign in (1, -1):
                rest = dict(terms)
                for variable, factor in part.items():
                    add_term(rest, variable, -sign * factor)
                if rest and normal(rest)[0] in self.numbers:
                    return {variable: sign * factor for variable, factor in part.items()}, rest
        return None

    def _added(self, rows: list[list[int]]) -> list[int]:
        """The sum of a few words of bits."""
        width = max(map(len, rows)) + len(rows) - 1
        words = [[self._bit(literal) for literal in row] for row in rows]
        words = [[*word, *[FALSE] * (width - len(word))] for word in words]
        total = words[0]
        for word in words[1:]:
            total = self.aig.add(total, word)[0]
        return total


def _weighted(factor: Factor) -> Iterable[tuple[int, int]]:
    """Bits of a number with their weights."""
    last = len(factor.word) - 1
    for i, bit in enumerate(factor.word):
        yield bit, -(1 << i) if factor.signed and i == last else 1 << i
