"""Synthesis: cell libraries, the Yosys driver, recipes, area and timing.

The public entry points are :func:`open_library`, :func:`synthesize` and :func:`measure`.
"""

from synth.flow import measure, synthesize
from synth.library import CellLibrary
from synth.pdk import open_library
from synth.report import SynthesisReport

__all__ = ["CellLibrary", "SynthesisReport", "measure", "open_library", "synthesize"]
