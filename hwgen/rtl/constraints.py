"""Timing constraints of a design, as Synopsys Design Constraints (SDC)."""

import math

from hwgen.rtl.manifest import Manifest
from hwgen.support.errors import HwgenError

DEFAULT_CLOCK = 20.0
"""Clock period in ns where nobody says one: 50 MHz."""

IO_SHARE = 0.2
"""Part of the clock period that the outside takes before an input and after an output."""

_CLOCK = """\
create_clock -name clk -period $period [get_ports clk]
set_clock_transition [setting CLOCK_TRANSITION_CONSTRAINT 0.15] [get_clocks clk]
set inputs [all_inputs -no_clocks]
if {[setting OPENLANE_SDC_IDEAL_CLOCKS 0]} {
    unset_propagated_clock [all_clocks]
} else {
    set_propagated_clock [all_clocks]
}
"""
_VIRTUAL_CLOCK = """\
create_clock -name clk -period $period
set inputs [all_inputs]
"""
_SDC = """\
# What LibreLane sets comes from its configuration, the rest from here.
proc setting {{name otherwise}} {{
    return [expr {{[info exists ::env($name)] ? $::env($name) : $otherwise}}]
}}

set period [setting CLOCK_PERIOD {period:.10g}]
{clock}
set_clock_uncertainty [setting CLOCK_UNCERTAINTY_CONSTRAINT 0.25] [get_clocks clk]

# {inputs}
set outside [expr {{$period * [setting IO_DELAY_CONSTRAINT {share:.10g}] / 100.0}}]
set_input_delay $outside -clock clk $inputs
set_output_delay $outside -clock clk [all_outputs]

set derate [expr {{[setting TIME_DERATING_CONSTRAINT 5] / 100.0}}]
set_timing_derate -early [expr {{1 - $derate}}]
set_timing_derate -late [expr {{1 + $derate}}]

if {{[info exists ::env(SYNTH_DRIVING_CELL)]}} {{
    lassign [split $::env(SYNTH_DRIVING_CELL) /] cell pin
    set_driving_cell -lib_cell $cell -pin $pin $inputs
}}
if {{[info exists ::env(OUTPUT_CAP_LOAD)]}} {{
    set_load [expr {{$::env(OUTPUT_CAP_LOAD) / 1000.0}}] [all_outputs]
}}
if {{[info exists ::env(MAX_FANOUT_CONSTRAINT)]}} {{
    set_max_fanout $::env(MAX_FANOUT_CONSTRAINT) [current_design]
}}
if {{[info exists ::env(MAX_TRANSITION_CONSTRAINT)]}} {{
    set_max_transition $::env(MAX_TRANSITION_CONSTRAINT) [current_design]
}}
"""


def constraints_text(manifest: Manifest, period: float) -> str:
    """Clock, delays of inputs and outputs, derating and loads, in Tcl that layout tools read.

    Parameters
    ----------
    manifest
        Of the design; one without a clock is held to a virtual one.
    period
        Clock period in ns, above 0. Variables of LibreLane's configuration go before it.

    Raises
    ------
    HwgenError
        No such period.
    """
    if not 0 < period < math.inf:
        raise HwgenError("clock", f"found {period:g}", "a period in ns, above 0")
    clocked = any(port.name == "clk" for port in manifest.ports)
    reset = ", the synchronous reset among them," if clocked and not manifest.arch.bare else ""
    said = f"Inputs{reset} come late and outputs are due early by this much."
    clock = _CLOCK if clocked else _VIRTUAL_CLOCK
    return _SDC.format(period=period, clock=clock.strip(), inputs=said, share=100 * IO_SHARE)
