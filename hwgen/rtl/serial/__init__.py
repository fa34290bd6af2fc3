"""The serial architecture: P time-multiplexed MACs, weights in ROM, data in shift memories.

A layer that computes has one accumulator: neuron after neuron, P inputs in a clock. The first layer
may accumulate instead: each input beat is multiplied with the weights of all neurons, P in a clock,
and added to their accumulators, which rotate. Then no input is stored, and the next layer reads the
accumulators through the requantizers. :class:`Schedule` says which, and how long it takes.

Hidden neurons that do nothing are left out (:mod:`hwgen.rtl.simplify`).
"""

from hwgen.rtl.serial.argmax import SerialArgmax
from hwgen.rtl.serial.macs import MacChain
from hwgen.rtl.serial.memory import LaneMemory, ShiftMemory
from hwgen.rtl.serial.schedule import Schedule
from hwgen.rtl.serial.top import SerialTop

__all__ = ["LaneMemory", "MacChain", "Schedule", "SerialArgmax", "SerialTop", "ShiftMemory"]
