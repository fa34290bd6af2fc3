"""Synthesis: cell libraries, the Yosys driver, recipes, area and timing.

The public entry points are :func:`open_library`, :func:`synthesize` and :func:`measure`.
"""

from hwgen.synth.libraries.library import CellLibrary
from hwgen.synth.libraries.pdk import open_library
from hwgen.synth.mapping.flow import measure, synthesize
from hwgen.synth.report import SynthesisReport

__all__ = ["CellLibrary", "SynthesisReport", "measure", "open_library", "synthesize"]
