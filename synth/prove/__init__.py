"""Formal proofs: that a netlist is its RTL, that RTL is arithmetic, that nothing overflows."""
