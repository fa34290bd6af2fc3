"""Flat designs run cycle by cycle: on many input vectors at a time, or on all of them at once."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hwgen.rtl.manifest import Manifest
from hwgen.synth.prove.aig import FALSE, TRUE, Aig, column, lanes_of
from hwgen.synth.prove.cells import extended
from hwgen.synth.prove.circuit import CircuitSource
from hwgen.synth.prove.evaluation import Evaluation
from hwgen.synth.prove.registers import Pool, keys_of
from hwgen.synth.prove.trees import plain_adder

Ports = dict[str, list[int]]
_DATA = "m_axis_tdata"
_PATIENCE = 3
"""Intervals beyond its latency in which a design must have handed on its result."""


class Machine(Protocol):
    """A design and what its registers hold; undefined ones start as 0.

    Attributes
    ----------
    ones
        What stands for true.
    """

    ones: int

    def cycle(self, inputs: Mapping[str, Sequence[int]]) -> Ports:
        """Bits of the output ports while ``inputs`` are there; then comes the clock edge."""

    def both(self, a: int, b: int) -> int:
        """The conjunction of two bits."""


class Concrete:
    """A machine on vectors: each bit is a column, with the value of vector ``k`` in bit ``k``."""

    def __init__(self, source: CircuitSource, lanes: int):
        self.ones = (1 << lanes) - 1
        self._lanes = lanes
        self._aig = aig = Aig()
        state = lambda *_: aig.input()  # noqa: E731
        add = plain_adder(aig)
        self._circuit = Evaluation(source, aig, ports=Pool(aig), state=state, add=add).circuit
        self._held = {r.now: self.ones * (r.initial == "1") for r in self._circuit.registers}

    def cycle(self, inputs: Mapping[str, Sequence[int]]) -> Ports:
        """As of :class:`Machine`."""
        values = dict(self._held)
        for port, columns in inputs.items():
            values |= dict(zip(self._circuit.inputs.get(port, ()), columns, strict=False))
        simulated = self._aig.simulate(values, self._lanes)
        self._held = {
            r.now: column(simulated, r.next, self._lanes) for r in self._circuit.registers
        }
        return {
            port: [column(simulated, bit, self._lanes) for bit in word]
            for port, word in self._circuit.outputs.items()
        }

    def both(self, a: int, b: int) -> int:
        """As of :class:`Machine`."""
        return a & b


class Symbolic:
    """A machine on all inputs at once: each bit is a literal."""

    ones = TRUE

    def __init__(self, source: CircuitSource, aig: Aig):
        self._source = source
        self._aig = aig
        self._held: dict[tuple[str, int], int] = dict.fromkeys(keys_of(source), FALSE)
        for label in filter(source.is_register, source.cells):
            if label not in source.kinds:
                for i, net in enumerate(source.cells[label]["connections"]["Q"]):
                    self._held[label, i] = int(source.initial.get(net) == "1")

    def cycle(self, inputs: Mapping[str, Sequence[int]]) -> Ports:
        """As of :class:`Machine`."""
        circuit = Evaluation(
            self._source,
            self._aig,
            ports=lambda port, width: extended(inputs.get(port, ()), width, False),
            state=lambda label, i: self._held[label, i],
            add=plain_adder(self._aig),
        ).circuit
        self._held = dict(zip(self._held, (r.next for r in circuit.registers), strict=True))
        return circuit.outputs

    def both(self, a: int, b: int) -> int:
        """As of :class:`Machine`."""
        return self._aig.both(a, b)


@dataclass(frozen=True)
class Difference:
    """Vector ``lane`` has different results, each a list of integers or None where none came.

    With ``stalls`` both sides paused at random, by a generator of this seed.
    """

    lane: int
    left: list[int] | None
    right: list[int] | None
    stalls: int | None


@dataclass(frozen=True)
class Step:
    """A clock cycle: whether outputs are taken, and what each machine hands out."""

    takes: bool
    outputs: list[Ports]


def run(
    manifest: Manifest,
    machines: Sequence[Machine],
    beats: Sequence[Sequence[int]],
    stalls: int | None = None,
) -> Iterator[Step]:
    """Every cycle that counts, from a reset to the last beat of a result.

    Parameters
    ----------
    manifest
        Of all machines. The first one's handshake decides.
    beats
        The bits of each beat of the input.
    stalls
        The seed of pauses on both sides; None: there are none.
    """
    if manifest.arch.bare:
        for cycle in range(manifest.latency_cycles + 1):
            steps = [machine.cycle({"x": beats[0]}) for machine in machines]
            if cycle == manifest.latency_cycles:
                yield Step(True, steps)
        return
    generator, ones = random.Random(stalls), machines[0].ones
    last = manifest.latency_cycles + _PATIENCE * manifest.interval_cycles + len(beats)
    place = taken = 0
    for cycle in range((2 if stalls is None else 6) * last + 8):
        offers = place < len(beats) and (stalls is None or generator.random() < 0.5)
        takes = stalls is None or generator.random() < 0.5
        inputs: Ports = {
            "rst": [ones * (cycle < 2)],
            "s_axis_tvalid": [ones * (offers and cycle > 1)],
            "s_axis_tdata": list(beats[min(place, len(beats) - 1)]),
            "s_axis_tlast": [ones * (place == len(beats) - 1)],
            "m_axis_tready": [ones * takes],
        }
        steps = [machine.cycle(inputs) for machine in machines]
        if cycle < 2:
            continue
        yield Step(
            takes, [_shown(step, machine) for step, machine in zip(steps, machines, strict=True)]
        )
        place += bool(offers and steps[0]["s_axis_tready"][0] & 1)
        taken += bool(takes and steps[0]["m_axis_tvalid"][0] & 1)
        if taken == manifest.output.beats:
            return


def _shown(step: Ports, machine: Machine) -> Ports:
    """What stands beside ``tvalid`` counts only with it."""
    valid = step["m_axis_tvalid"][0]
    return {
        port: [machine.both(bit, valid) for bit in bits]
        if port in (_DATA, "m_axis_tlast")
        else bits
        for port, bits in step.items()
    }


def difference(
    manifest: Manifest,
    sources: tuple[CircuitSource, CircuitSource],
    vectors: Sequence[Sequence[int]],
    stalls: int | None = None,
) -> Difference | None:
    """The first vector for which two designs differ in any cycle, if there is one."""
    machines = [Concrete(source, len(vectors)) for source in sources]
    steps = list(run(manifest, machines, _columns(manifest, vectors), stalls))
    unequal = 0
    for step in steps:
        for port, bits in step.outputs[0].items():
            for a, b in zip(bits, step.outputs[1][port], strict=True):
                unequal |= a ^ b
    if not unequal:
        return None
    lane = (unequal & -unequal).bit_length() - 1
    left, right = (_result(manifest, steps, side, lane) for side in (0, 1))
    return Difference(lane, left, right, stalls)


def results(
    manifest: Manifest, source: CircuitSource, vectors: Sequence[Sequence[int]]
) -> list[list[int] | None]:
    """What each vector comes to."""
    machine = Concrete(source, len(vectors))
    steps = list(run(manifest, [machine], _columns(manifest, vectors)))
    return [_result(manifest, steps, 0, lane) for lane in range(len(vectors))]


def unrolled(
    manifest: Manifest,
    sources: tuple[CircuitSource, CircuitSource],
    aig: Aig,
    more: Callable[[], bool],
) -> tuple[list[list[int]], list[tuple[int, int]]] | None:
    """The words of an input vector's beats, and what must be equal for two designs to agree.

    None where there are no ``more`` cycles to be run.
    """
    beats = [aig.inputs(manifest.input.width) for _ in range(manifest.input.beats)]
    pairs = []
    for step in run(manifest, [Symbolic(source, aig) for source in sources], beats):
        for port, bits in step.outputs[0].items():
            pairs += [p for p in zip(bits, step.outputs[1][port], strict=True) if p[0] != p[1]]
        if not more():
            return None
    return beats, pairs


def _columns(manifest: Manifest, vectors: Sequence[Sequence[int]]) -> list[list[int]]:
    beats = [manifest.input.pack(np.array(vector, dtype=object)) for vector in vectors]
    return [lanes_of(column, manifest.input.width) for column in zip(*beats, strict=True)]


def _result(manifest: Manifest, steps: Sequence[Step], side: int, lane: int) -> list[int] | None:
    """The integers that a vector came to."""
    layout = manifest.output
    beats = []
    for step in steps:
        outputs = step.outputs[side]
        bits = outputs["y"] if manifest.arch.bare else outputs[_DATA]
        if manifest.arch.bare or (step.takes and outputs["m_axis_tvalid"][0] >> lane & 1):
            beats.append(sum((bit >> lane & 1) << i for i, bit in enumerate(bits)))
    return layout.unpack(beats[: layout.beats]) if len(beats) >= layout.beats else None
