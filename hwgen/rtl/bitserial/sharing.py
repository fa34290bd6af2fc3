"""A constant matrix as sums that share parts of any number of terms.

With inputs of a bit or two, a sum of two terms is no shorter than the terms: what pays is to share
longer parts. Two sums are laid on each other, one shifted and perhaps negated; the terms that fall
together become one new sum, which both then read. It saves the full adders that make it, once: the
bits of its terms less the bits of its value. The pair that saves most goes first, and new sums take
part like the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.rtl.adders.addergraph import Term
from hwgen.rtl.adders.digits import signed_digits

Row = tuple[int, int]
"""Positive and negative terms, as sets of bits ``node * stride + margin + shift``."""


@dataclass(frozen=True, kw_only=True)
class SharedSums:
    """A constant matrix product.

    Parameters
    ----------
    inputs
        Number of inputs: nodes 0..inputs-1.
    nodes
        Node ``inputs + k`` is the sum of the terms ``nodes[k]``, which refer to other nodes that
        come before it.
    sums
        The terms of each output; an empty list is 0.
    """

    inputs: int
    nodes: list[list[Term]]
    sums: list[list[Term]]


def share(weights: Sequence[Sequence[int]], widths: list[int]) -> SharedSums:
    """Sums for ``weights @ x``.

    Parameters
    ----------
    weights
        Integers [outputs, inputs].
    widths
        Width of each input in bits, at least 1.
    """
    return _Sharing(weights, widths).run()


class _Sharing:
    """Rows 0.. are the outputs, those after them new nodes."""

    def __init__(self, weights: Sequence[Sequence[int]], widths: list[int]):
        digits = [[signed_digits(weight) for weight in row] for row in weights]
        self.outputs = len(digits)
        self.inputs = len(widths)
        self.highs = [(1 << width) - 1 for width in widths]
        self.span = 1 + max((s for row in digits for d in row for s, _ in d), default=0)
        self.stride = 2 * self.span
        self.rows: list[Row] = []
        for row in digits:
            masks = [0, 0]
            for node, form in enumerate(row):
                for shift, sign in form:
                    masks[sign < 0] |= 1 << (node * self.stride + shift)
            self.rows.append((masks[0], masks[1]))
        self.wide: dict[int, int] = {}
        for node, width in enumerate(widths):
            self._enter(node, width)
        self.best: list[tuple[int, int, int, bool]] = []

    def _enter(self, node: int, width: int) -> None:
        """Node ``node`` is ``width`` bits wide."""
        whole = ((1 << self.stride) - 1) << (node * self.stride)
        self.wide[width] = self.wide.get(width, 0) | whole

    def run(self) -> SharedSums:
        # best[a]: what row a saves most with a later row: (saving, -b, shift, opposite)
        self.best = [self._search(a) for a in range(len(self.rows))]
        while True:
            saving, a = (
                max((one[0], -a) for a, one in enumerate(self.best)) if self.best else (0, 0)
            )
            if saving < 1:
                break
            self._extract(-a)
        return self._result()

    def _common(self, a: Row, b: Row, shift: int, opposite: bool) -> Row:
        """Terms of ``a`` that are terms of ``b`` shifted left, or the opposite of such."""
        plus, minus = b[::-1] if opposite else b
        if shift >= 0:
            return a[0] & plus << shift, a[1] & minus << shift
        return a[0] & plus >> -shift, a[1] & minus >> -shift

    def _saving(self, common: Row) -> int:
        both = common[0] | common[1]
        bits = sum(width * (both & mask).bit_count() for width, mask in self.wide.items())
        total, base = 0, self.span
        for node, shift in self._places(both):
            total += self.highs[node] << shift
            base = min(base, shift)
        return bits - (total >> base).bit_length()

    def _places(self, mask: int) -> list[tuple[int, int]]:
        """Node and shift of every term."""
        found = []
        while mask:
            low = mask & -mask
            found.append(divmod(low.bit_length() - 1, self.stride))
            mask ^= low
        return found

    def _search(self, a: int) -> tuple[int, int, int, bool]:
        """The best partner of row ``a`` among later rows."""
        best = (0, 0, 0, False)
        row = self.rows[a]
        for b in range(a + 1, len(self.rows)):
            best = max(best, self._pair(row, b, best[0]))
        return best

    def _pair(self, row: Row, b: int, least: int) -> tuple[int, int, int, bool]:
        best = (least, -b, 0, False)
        other = self.rows[b]
        for shift in range(1 - self.span, self.span):
            for opposite in (False, True):
                common = self._common(row, other, shift, opposite)
                both = common[0] | common[1]
                if both.bit_count() < 2:
                    continue
                saving = self._saving(common)
                if saving > best[0]:
                    best = (saving, -b, shift, opposite)
        return best

    def _extract(self, a: int) -> None:
        _, b, shift, opposite = self.best[a]
        b = -b
        common = self._common(self.rows[a], self.rows[b], shift, opposite)
        places = self._places(common[0] | common[1])
        base = min(s for _, s in places)
        node = self.inputs + len(self.rows) - self.outputs
        total = sum(self.highs[n] << (s - base) for n, s in places)
        self.highs.append(total)
        self._enter(node, total.bit_length())
        bit = 1 << (node * self.stride + base)
        back = (
            (common[0] << -shift, common[1] << -shift)
            if shift < 0
            else (common[0] >> shift, common[1] >> shift)
        )
        back = back[::-1] if opposite else back
        own = bit >> shift if shift >= 0 else bit << -shift
        self.rows[a] = self.rows[a][0] ^ common[0] | bit, self.rows[a][1] ^ common[1]
        rest = self.rows[b][0] ^ back[0], self.rows[b][1] ^ back[1]
        self.rows[b] = (rest[0], rest[1] | own) if opposite else (rest[0] | own, rest[1])
        self.rows.append((common[0] >> base, common[1] >> base))
        new = len(self.rows) - 1
        changed = {a, b, new}
        self.best.append((0, 0, 0, False))
        for row in range(len(self.rows)):
            if row in changed or -self.best[row][1] in changed:
                self.best[row] = self._search(row)
            else:
                best = self.best[row]
                for other in sorted(changed):
                    if other > row:
                        found = self._pair(self.rows[row], other, best[0])
                        if found[0] > best[0]:
                            best = found
                self.best[row] = best

    def _terms(self, row: Row) -> list[Term]:
        terms = [Term(n, s, False) for n, s in self._places(row[0])]
        return sorted(
            terms + [Term(n, s, True) for n, s in self._places(row[1])],
            key=lambda t: (t.node, t.shift),
        )

    def _result(self) -> SharedSums:
        """Nodes in an order in which each refers to earlier ones."""
        rows = [self._terms(row) for row in self.rows]
        order: list[int] = []
        placed: dict[int, int] = {i: i for i in range(self.inputs)}

        def place(node: int) -> None:
            if node in placed:
                return
            for term in rows[self.outputs + node - self.inputs]:
                place(term.node)
            placed[node] = self.inputs + len(order)
            order.append(node)

        for node in range(self.inputs, self.inputs + len(rows) - self.outputs):
            place(node)

        def renamed(terms: list[Term]) -> list[Term]:
            return [Term(placed[t.node], t.shift, t.negative) for t in terms]

        return SharedSums(
            inputs=self.inputs,
            nodes=[renamed(rows[self.outputs + node - self.inputs]) for node in order],
            sums=[renamed(row) for row in rows[: self.outputs]],
        )
