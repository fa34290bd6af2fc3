"""The bit-serial architecture: weights hard-wired, activations a digit at a time, lowest first."""

from hwgen.rtl.bitserial.family import BitSerial

__all__ = ["BitSerial"]
