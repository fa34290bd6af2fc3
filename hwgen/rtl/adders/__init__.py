"""Sums of constant multiples as shared adders: digits, search, graphs, and words of hardware."""
