"""Streams: networks over maps, of which a position comes in each clock."""

from hwgen.rtl.stream.family import Stream

__all__ = ["Stream"]
