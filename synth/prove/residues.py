"""Which low bits of integer combinations are equal, whatever else is in the combinations."""

from collections.abc import Mapping

from hwgen.synth.prove.terms import Terms, add_term


class Residues:
    """Bits of words by what they are functions of.

    Bit k of a combination depends on the combination modulo 2^(k + 1) alone, written over single
    bits. So the sum of the lowest digits of numbers has the lowest bits of the sum of the numbers.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, tuple[Mapping[int, int], int]] = {}
        self._noted: dict[tuple[object, ...], int] = {}

    def define(self, variable: int, weights: Mapping[int, int], constant: int) -> None:
        """The bits of a whole number, each with its weight, sum up to it and ``constant``."""
        self._numbers[variable] = weights, constant

    def is_number(self, terms: Terms) -> bool:
        """Whether ``terms`` are one whole number."""
        return len(terms) == 1 and next(iter(terms)) in self._numbers

    def note(self, bit: int, terms: Terms, constant: int, place: int) -> None:
        """Remember ``bit`` as bit ``place`` of ``terms + constant``; the latest counts."""
        self._noted[self._residue(terms, constant, place)] = bit

    def known(self, terms: Terms, constant: int, most: int) -> list[int]:
        """The lowest bits of ``terms + constant`` as far as they are noted, at most ``most``."""
        known: list[int] = []
        while self._noted and len(known) < most:
            bit = self._noted.get(self._residue(terms, constant, len(known)))
            if bit is None:
                break
            known.append(bit)
        return known

    def _residue(self, terms: Terms, constant: int, place: int) -> tuple[object, ...]:
        """What bit ``place`` of ``terms + constant`` is a function of."""
        modulus = 2 << place
        found: Terms = {}
        for variable, factor in terms.items():
            weights, offset = self._numbers.get(variable, ({variable: 1}, 0))
            constant -= factor * offset
            for bit, weight in weights.items():
                if factor * weight % modulus:
                    constant += add_term(found, bit, factor * weight)
        left = ((bit, factor % modulus) for bit, factor in sorted(found.items()))
        return place, constant % modulus, tuple(one for one in left if one[1])
