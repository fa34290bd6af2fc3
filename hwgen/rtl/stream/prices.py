"""What parts of a stream take, in um2, fitted to ``hwgen synth`` (ihp-sg13g2, recipe ``area``)."""

STORED = 54.0
"""A bit that is stored, and keeps its value while nothing passes."""

ADDED = 21.0
"""A bit added by hard-wired sums, before sums are shared."""

HANDED = 22.2
"""A bit of what is rescaled or compared."""

PRODUCT = 49.0
"""A product of two bits in a multiplier."""

GROWN = 30.0
"""A bit of an accumulator, beside what stores it."""

LISTED = 0.974
"""A bit of a table of weights."""

CONTROL = 1300.0
"""The frame's counter, the handshakes, the result."""
