"""Verilog that people and all tools can read, written from Amaranth's RTLIL.

:func:`~hwgen.rtl.verilog.writer.verilog_of` is the way in.
"""

from hwgen.rtl.verilog.writer import verilog_of

__all__ = ["verilog_of"]
