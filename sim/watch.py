"""Rules of AXI4-Stream that a watcher inside the simulator holds a design to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import First, ReadOnly
from cocotb.utils import get_sim_time

from hwgen.sim.job import PERIOD


class Beat(NamedTuple):
    """What stands on ``m_axis`` at the end of a time step."""

    valid: bool
    ready: bool
    data: str
    last: str


class Watch:
    """Wakes when a handshake signal changes, never each clock, and checks the settled values.

    Once ``m_axis_tvalid`` is high it stays, with the same ``tdata`` and ``tlast``, until
    ``m_axis_tready``; ``m_axis_tvalid`` and ``s_axis_tready`` are never X out of reset, nor
    ``tdata`` and ``tlast`` of a valid beat. The first breach is handed to ``breach`` as one line.
    """

    def __init__(self, dut: Any, ports: list[str], breach: Callable[[str], None]):
        self._dut = dut
        self._breach = breach
        self._last = dut.m_axis_tlast if "m_axis_tlast" in ports else None
        names = ["rst", "m_axis_tvalid", "m_axis_tready", "m_axis_tdata"]
        names += ["m_axis_tlast"] if self._last is not None else []
        names += ["s_axis_tready"] if cocotb.SIM_NAME != "Verilator" else []  # it knows no X
        self._changes = [getattr(dut, name).value_change for name in names]

    async def run(self) -> None:
        """Watch until the test ends or a rule is broken."""
        before: Beat | None = None
        while True:
            await First(*self._changes)
            await ReadOnly()
            dut = self._dut
            if str(dut.rst.value) != "0":
                before = None
                continue
            breach = self._unknown()
            if breach is None:
                now = self._beat()
                breach = before and _broken(before, now)
                before = now
            if breach:
                self._breach(f"cycle {get_sim_time() // PERIOD}: {breach}")
                return

    def _unknown(self) -> str | None:
        dut = self._dut
        for signal in (dut.s_axis_tready, dut.m_axis_tvalid):
            if str(signal.value) not in "01":
                return f"{signal._name} is {signal.value}"
        if str(dut.m_axis_tvalid.value) == "0":
            return None
        for signal in (dut.m_axis_tdata, self._last):
            if signal is not None and not set(str(signal.value)) <= {"0", "1"}:
                return f"{signal._name} is {signal.value} while m_axis_tvalid is high"
        return None

    def _beat(self) -> Beat:
        dut = self._dut
        return Beat(
            valid=str(dut.m_axis_tvalid.value) == "1",
            ready=str(dut.m_axis_tready.value) == "1",
            data=str(dut.m_axis_tdata.value),
            last="" if self._last is None else str(self._last.value),
        )


def _broken(before: Beat, now: Beat) -> str | None:
    """The rule that the step from ``before`` to ``now`` breaks, if any."""
    if not before.valid or before.ready:
        return None
    if not now.valid:
        return "m_axis_tvalid fell before m_axis_tready took the beat"
    if now.data != before.data:
        old, new = (f"0x{int(text, 2):x}" for text in (before.data, now.data))
        return f"m_axis_tdata changed from {old} to {new} while the beat was stalled"
    if now.last != before.last:
        return f"m_axis_tlast changed from {before.last} to {now.last} while the beat was stalled"
    return None
