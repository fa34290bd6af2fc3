"""Networks designed together with their silicon: search, map, verify, report.

:func:`codesign` is the way in; :class:`Front` is what comes out.
"""

from hwgen.flows.codesign.results import Budget, Front, Point
from hwgen.flows.codesign.run import VECTORS, Options, codesign, need_torch

__all__ = ["VECTORS", "Budget", "Front", "Options", "Point", "codesign", "need_torch"]
