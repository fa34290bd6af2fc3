"""The serial architecture: P time-multiplexed MACs, weights in ROM, data in shift memories.

A layer that computes has one accumulator: neuron after neuron, P inputs in a clock. The first layer
may accumulate instead: each input beat is multiplied with the weights of all neurons, P in a clock,
and added to their accumulators, which rotate. Then no input is stored, and the next layer reads the
accumulators through the requantizers. :mod:`hwgen.rtl.serial.schedule` says which, and how long it
takes.

Hidden neurons that do nothing are left out (:mod:`hwgen.rtl.simplify`).
"""

from hwgen.rtl.serial.family import Serial

__all__ = ["Serial"]
