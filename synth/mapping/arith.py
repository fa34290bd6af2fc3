"""Replace Yosys' sums of a netlist by adders of library cells.

Works on the object of ``write_json``: every ``$macc_v2``, and every ``$alu`` whose sum alone is
used, becomes adders (:mod:`hwgen.synth.mapping.compress`); adders of which both outputs are needed
become library cells in the polarity that comes cheapest (:mod:`hwgen.synth.mapping.adders`), the
others plain gates that ABC maps with everything around them.
"""

import typing
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.synth.mapping.adders import AdderCells, Gate
from hwgen.synth.mapping.compress import ONE, ZERO, Adder, Columns, Literal, inverted, product
from hwgen.synth.mapping.netlist import Net

Style = typing.Literal["ripple", "prefix", "plain"]
"""How sums are made: the least area; cells, and a parallel-prefix adder at the end; or the latter
with plain gates for everything, which ABC maps for speed."""


def expand(design: dict[str, Any], cells: AdderCells, style: Style = "ripple") -> int:
    """Replace the sums of every module in place; returns the number of adder cells made."""
    return sum(_Module(module, cells, style).run() for module in design["modules"].values())


@dataclass(frozen=True)
class Reduction:
    """What :func:`expand` makes of the sums of a module: for who wants to check it.

    Attributes
    ----------
    sums
        By cell: its adders, and the literals left in each column, two numbers at most.
    products
        The conjunctions of two literals in them, by net.
    """

    sums: dict[str, tuple[list[Adder], list[list[Literal]]]]
    products: dict[Net, tuple[Literal, Literal]]


def reduction(module: dict[str, Any], cells: AdderCells, style: Style) -> Reduction:
    """The adders that :func:`expand` makes of ``module``, which stays as it is."""
    return _Module(module, cells, style).reduction()


class _Module:
    """One module while its sums are replaced."""

    def __init__(self, module: dict[str, Any], cells: AdderCells, style: Style):
        self.cells: dict[str, Any] = module["cells"]
        self.ports = module["ports"]
        self.kit = cells
        self.style = style
        bits = [b for c in self.cells.values() for bs in c["connections"].values() for b in bs]
        bits += [b for port in self.ports.values() for b in port["bits"]]
        bits += [b for net in module.get("netnames", {}).values() for b in net["bits"]]
        last = max((b for b in bits if isinstance(b, int)), default=1)
        self.fresh: Iterator[int] = iter(range(last + 1, 1 << 62))
        self.inverse: dict[Net, Net] = {}
        self.adders: list[Adder] = []
        self.conjunction: dict[tuple[Literal, Literal], Literal] = {}
        self.stored: dict[Net, tuple[Net, bool]] = {}
        self.opposite: dict[tuple[Net, bool], Net] = {}
        self.made = 0

    def run(self) -> int:
        for name in self._sums():
            self._replace(name)
        for (a, b), (net, _) in self.conjunction.items():
            self._soft("$_AND_", A=self._signal(a), B=self._signal(b), Y=net)
        self._place(self._uses())
        return self.made

    def reduction(self) -> Reduction:
        sums = {name: self._reduced(self.cells[name]) for name in self._sums()}
        return Reduction(sums, {net: pair for pair, (net, _) in self.conjunction.items()})

    def _sums(self) -> list[str]:
        """The cells to replace; notes what is the inverse of what on the way."""
        uses = self._uses()
        for cell in self.cells.values():
            if cell["type"] == "$not":
                ports = cell["connections"]
                self.inverse.update(zip(ports["Y"], ports["A"], strict=False))
        self.opposite = {(source, True): net for net, source in self.inverse.items()}
        return [name for name, cell in self.cells.items() if _is_sum(cell, uses)]

    def _uses(self) -> Counter[Net]:
        """How often each net is read by cells and output ports."""
        uses: Counter[Net] = Counter()
        for cell in self.cells.values():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) != "output":
                    uses.update(bits)
        for port in self.ports.values():
            if port["direction"] != "input":
                uses.update(port["bits"])
        return uses

    def _literal(self, net: Net) -> Literal:
        if isinstance(net, str):
            return ONE if net == "1" else ZERO
        flipped = False
        while net in self.inverse:
            net, flipped = self.inverse[net], not flipped
        return inverted(self._literal(net)) if isinstance(net, str) and flipped else (net, flipped)

    def _word(self, nets: list[Net]) -> list[Literal]:
        return [self._literal(net) for net in nets]

    def _reduced(self, cell: Mapping[str, Any]) -> tuple[list[Adder], list[list[Literal]]]:
        """The adders of a sum, and the literals left in each column."""
        ports, fields = cell["connections"], cell["parameters"]
        columns = Columns(len(ports["Y"]))
        if cell["type"] == "$alu":
            self._alu(columns, fields, ports)
        else:
            self._macc(columns, fields, ports)
        ripple = self.style == "ripple"
        return columns.reduce(self.fresh, rows=1 if ripple else 2, alike=ripple)

    def _replace(self, name: str) -> None:
        cell = self.cells.pop(name)
        y = cell["connections"]["Y"]
        adders, rows = self._reduced(cell)
        self.adders += adders
        if self.style == "ripple":
            self._name(y, [column[0] if column else ZERO for column in rows], adders)
        else:
            self._prefix(y, rows)

    def _name(self, y: list[Net], result: list[Literal], adders: list[Adder]) -> None:
        """Let the nets ``y`` have the values of ``result``."""
        owner = {adder.s: adder for adder in adders}
        for net, literal in zip(y, result, strict=True):
            if literal[0] in owner and not literal[1]:
                owner[literal[0]].s = net
            elif literal in (ZERO, ONE):
                self._soft("$_BUF_", A=literal[0], Y=net)
            else:
                self._soft("$_NOT_" if literal[1] else "$_BUF_", A=literal[0], Y=net)

    def _prefix(self, y: list[Net], columns: list[list[Literal]]) -> None:
        """Add two numbers to ``y`` by Sklansky's parallel-prefix adder, in plain gates."""
        pairs = [[*map(self._plain, column), "0", "0"][:2] for column in columns]
        half = [self._soft("$_XOR_", A=a, B=b) for a, b in pairs]
        carry = [self._soft("$_AND_", A=a, B=b) for a, b in pairs]
        passed = list(half)
        reach = 1
        while reach < len(y):
            for i in range(len(y)):
                if i & reach:
                    k = i // reach * reach - 1
                    through = self._soft("$_AND_", A=passed[i], B=carry[k])
                    carry[i] = self._soft("$_OR_", A=carry[i], B=through)
                    passed[i] = self._soft("$_AND_", A=passed[i], B=passed[k])
            reach *= 2
        for net, a, b in zip(y, half, ["0", *carry], strict=False):
            self._soft("$_XOR_", A=a, B=b, Y=net)

    def _plain(self, literal: Literal) -> Net:
        """A net with the literal's value, for plain gates."""
        if literal in (ZERO, ONE) or not literal[1]:
            return literal[0]
        return self._soft("$_NOT_", A=literal[0])

    def _alu(self, columns: Columns, fields: Mapping[str, str], ports: Mapping[str, Any]) -> None:
        flip = ports["BI"] == ["1"]
        for port in "AB":
            word = self._word(ports[port])
            signed = int(fields[f"{port}_SIGNED"], 2) == 1
            columns.number(word, signed, port == "B" and flip)
        columns.constant -= flip
        columns.add(self._literal(ports["CI"][0]), 0)

    def _macc(self, columns: Columns, fields: Mapping[str, str], ports: Mapping[str, Any]) -> None:
        places = dict.fromkeys("ABC", 0)

        def take(port: str, index: int) -> tuple[list[Literal], bool]:
            width = _slice(fields[f"{port}_WIDTHS"], 16 * index, 16)
            word = self._word(ports[port][places[port] : places[port] + width])
            places[port] += width
            return word, bool(_slice(fields[f"{port}_SIGNED"], index, 1))

        for i in range(int(fields["NPRODUCTS"], 2)):
            (a, a_signed), (b, b_signed) = take("A", i), take("B", i)
            negative = bool(_slice(fields["PRODUCT_NEGATED"], i, 1))
            signs = (a_signed, b_signed)
            product(columns, a, b, signs, negative, self.conjunction, self.fresh)
        for i in range(int(fields["NADDENDS"], 2)):
            word, signed = take("C", i)
            columns.number(word, signed, bool(_slice(fields["ADDEND_NEGATED"], i, 1)))

    def _place(self, uses: Counter[Net]) -> None:
        """Turn adders into cells or gates, inputs before what reads them."""
        ordered = _topological(self.adders)
        readers = Counter(uses)
        readers.update(literal[0] for adder in ordered for literal in adder.inputs)
        for adder in reversed(ordered):
            if not readers[adder.s] and not readers[adder.co]:
                readers.subtract(literal[0] for literal in adder.inputs)
        for adder in ordered:
            wanted = bool(readers[adder.s] > 0), bool(readers[adder.co] > 0)
            hard = self.style != "plain" and self.kit.complete
            if wanted == (True, True) and hard:
                self._hard(adder)
            elif any(wanted):
                self._gates(adder, *wanted)
        for net, (_, negative) in list(self.stored.items()):
            if negative and uses[net]:
                self._signal((net, False))

    def _hard(self, adder: Adder) -> None:
        self.made += 1
        state = [self._inverted(literal) for literal in adder.inputs]
        if len(adder.inputs) == 2:
            self._half(adder, state)
        elif all(state) or not any(state):
            self._alike(adder, state[0])
        else:
            self._odd(adder, state)

    def _alike(self, adder: Adder, negative: bool) -> None:
        a, b, c = (self._signal(literal, negative) for literal in adder.inputs)
        full = self.kit.full
        if full and full.area <= self.kit.area("xor2", "xor2", "a22oi"):
            opposite = negative != self.kit.full_inverts
            outputs = {"s": self._store(adder.s, opposite), "co": self._store(adder.co, opposite)}
            self._cell(full, a=a, b=b, c=c, **outputs)
            return
        p = self._gate("xor2", a=a, b=b)
        co = self._store(adder.co, not negative)
        self._gate("a22oi", co, a=a, b=b, c=p, d=c)
        self._gate("xnor2" if negative else "xor2", self._store(adder.s, False), a=p, b=c)

    def _odd(self, adder: Adder, state: list[bool]) -> None:
        """Two inputs alike and one not."""
        kit = self.kit
        pair = sum(state) > 1
        literals = sorted(adder.inputs, key=lambda x: self._inverted(x) != pair)
        known = (literals[2][0], literals[2][1] != pair) in self.opposite
        price = 0.0 if known else kit.area("inv")
        form = kit.area("nor2", "a21oi", "a21oi") if pair else kit.area("nand2", "o21ai", "o21ai")
        if kit.full and kit.full.area + price <= form + kit.area("xor2"):
            self._alike(adder, pair)
            return
        a, b = (self._signal(literal, pair) for literal in literals[:2])
        c = self._signal(literals[2], not pair)
        first, second = ("nor2", "a21oi") if pair else ("nand2", "o21ai")
        n = self._gate(first, a=a, b=b)
        p = self._gate(second, a=a, b=b, c=n)
        self._gate(second, self._store(adder.co, pair), a=c, b=p, c=n)
        self._gate("xor2", self._store(adder.s, False), a=p, b=c)

    def _half(self, adder: Adder, state: list[bool]) -> None:
        """Two inputs, or two and a one: the same gates with the polarities turned round."""
        kit = self.kit
        negative = all(state)
        a, b = (self._signal(literal, negative) for literal in adder.inputs)
        cheap = kit.area("nor2", "a21oi") if negative else kit.area("nand2", "o21ai")
        if kit.half and not adder.one and not negative and kit.half.area <= cheap:
            opposite = kit.half_inverts
            outputs = {"s": self._store(adder.s, opposite), "co": self._store(adder.co, opposite)}
            self._cell(kit.half, a=a, b=b, **outputs)
            return
        first, second = ("nor2", "a21oi") if negative != adder.one else ("nand2", "o21ai")
        n = self._gate(first, self._store(adder.co, not negative), a=a, b=b)
        self._gate(second, self._store(adder.s, not negative), a=a, b=b, c=n)

    def _gates(self, adder: Adder, s: bool, co: bool) -> None:
        """Plain gates for ABC, for an adder that is only half used or has no cells."""
        a, b, *more = (self._signal(literal) for literal in adder.inputs)
        c = more[0] if more else ("1" if adder.one else "0")
        p = self._soft("$_XOR_", A=a, B=b)
        if s:
            self._soft("$_XOR_", A=p, B=c, Y=adder.s)
        if co:
            both, passed = self._soft("$_AND_", A=a, B=b), self._soft("$_AND_", A=p, B=c)
            self._soft("$_OR_", A=both, B=passed, Y=adder.co)

    def _inverted(self, literal: Literal) -> bool:
        """Whether what is there carries the opposite of the literal."""
        return literal[1] != self.stored.get(literal[0], (literal[0], False))[1]

    def _signal(self, literal: Literal, negative: bool = False) -> Net:
        """The net with the literal's value, or its opposite; an inverter where there is none."""
        if literal in (ZERO, ONE):
            return inverted(literal)[0] if negative else literal[0]
        net, flip = literal[0], literal[1] != negative
        there, kept = self.stored.get(net, (net, False))
        if kept == flip:
            return there
        if (net, flip) not in self.opposite:
            self.opposite[net, flip] = next(self.fresh) if flip else net
            self._soft("$_NOT_", A=there, Y=self.opposite[net, flip])
        return self.opposite[net, flip]

    def _store(self, net: Net, negative: bool) -> Net:
        """The net that an adder's output drives: a new one for its opposite."""
        kept = next(self.fresh) if negative else net
        self.stored[net] = (kept, negative)
        return kept

    def _gate(self, name: str, y: Net | None = None, **nets: Net) -> Net:
        out = next(self.fresh) if y is None else y
        self._cell(self.kit.gates[name], y=out, **nets)
        return out

    def _cell(self, gate: Gate, **nets: Net) -> None:
        outputs = ("y", "s", "co")
        directions = {gate.pins[r]: "output" if r in outputs else "input" for r in nets}
        self._add(gate.cell, directions, {gate.pins[r]: [net] for r, net in nets.items()})

    def _soft(self, kind: str, Y: Net | None = None, **nets: Net) -> Net:
        out = next(self.fresh) if Y is None else Y
        directions = {**dict.fromkeys(nets, "input"), "Y": "output"}
        self._add(kind, directions, {**{p: [n] for p, n in nets.items()}, "Y": [out]})
        return out

    def _add(self, kind: str, directions: dict[str, str], nets: dict[str, list[Net]]) -> None:
        self.cells[f"$hwgen${len(self.cells)}${next(self.fresh)}"] = {
            "hide_name": 1,
            "type": kind,
            "parameters": {},
            "attributes": {},
            "port_directions": directions,
            "connections": nets,
        }


def _is_sum(cell: Mapping[str, Any], uses: Counter[Net]) -> bool:
    if cell["type"] == "$macc_v2":
        return True
    ports = cell["connections"]
    return (
        cell["type"] == "$alu"
        and ports["BI"] in (["0"], ["1"])
        and not any(uses[net] for net in ports["CO"] + ports["X"] if isinstance(net, int))
    )


def _slice(bits: str, low: int, width: int) -> int:
    """Bits of a parameter; what is undefined counts as 0."""
    text = bits[::-1][low : low + width][::-1]
    return int(text.replace("x", "0") or "0", 2)


def _topological(adders: list[Adder]) -> list[Adder]:
    """Adders after those whose outputs they read, otherwise in order of making."""
    owner = {net: i for i, adder in enumerate(adders) for net in (adder.s, adder.co)}
    before = [{owner[x[0]] for x in adder.inputs if x[0] in owner} for adder in adders]
    after: dict[int, list[int]] = defaultdict(list)
    for i, needed in enumerate(before):
        for k in needed:
            after[k].append(i)
    missing = [len(needed) for needed in before]
    ready = [i for i, count in enumerate(missing) if not count]
    ordered: list[Adder] = []
    for i in ready:
        ordered.append(adders[i])
        for k in after[i]:
            missing[k] -= 1
            if not missing[k]:
                ready.append(k)
    return ordered
