"""The parallel architecture: every weight hard-wired, one inference per clock."""

from hwgen.rtl.parallel.family import Parallel

__all__ = ["Parallel"]
