"""The simulators there are: each is a module like :mod:`hwgen.sim.icarus` and a record here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from hwgen.sim import icarus, verilator
from hwgen.sim.trace import TraceFormat, WaveFormat
from hwgen.support.errors import HwgenError

Simulator = Literal["verilator", "icarus"]
"""Names of :data:`SIMULATORS`, as users give them."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """How cocotb runs in one simulator.

    Parameters
    ----------
    build
        Compiles sources, as :func:`hwgen.sim.icarus.build` does.
    trace_format
        What a traced run writes.
    random_start
        Plusargs with which registers start at random, for a seed; none where they start as X.
    trace_arguments
        Arguments of a traced run that writes to a file.
    trace_environment
        Further environment of a traced run.
    wave_environment
        The same of a run that writes a waveform, by its format.
    check_wave
        Refuses a format of waveforms that cannot be written here.
    """

    build: Callable[..., None]
    trace_format: Callable[[], TraceFormat]
    random_start: Callable[[int], list[str]] = lambda seed: []
    trace_arguments: Callable[[Path], list[str]] = lambda file: []
    trace_environment: Mapping[str, str] = field(default_factory=dict)
    wave_environment: Callable[[str], Mapping[str, str]] = lambda kind: {}
    check_wave: Callable[[WaveFormat], None] = lambda kind: None


SIMULATORS: dict[Simulator, Tool] = {
    "verilator": Tool(
        build=verilator.build,
        trace_format=verilator.trace_format,
        random_start=lambda seed: [
            "+verilator+rand+reset+2",
            f"+verilator+seed+{1 + seed % 1000000}",
        ],
        trace_arguments=lambda file: ["--trace", "--trace-file", str(file)],
        check_wave=verilator.check_wave,
    ),
    "icarus": Tool(
        build=icarus.build,
        trace_format=icarus.trace_format,
        trace_environment={"SIM_CMD_SUFFIX": "-vcd"},  # cocotb tells vvp not to dump
        wave_environment=lambda kind: {"SIM_CMD_SUFFIX": f"-{kind}"},
    ),
}


def tool_of(name: Any) -> Tool:
    """The record of a simulator.

    Raises
    ------
    HwgenError
        There is none of this name.
    """
    if name not in SIMULATORS:
        allowed = f"{' or '.join(get_args(Simulator))} is needed"
        raise HwgenError("simulator", f"found {name!r}", allowed)
    return SIMULATORS[name]
