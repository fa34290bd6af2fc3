"""Serial designs of networks over maps: every layer's windows one after the other.

Each layer, with a maximum pool folded behind it, is a stage. Its windows are computed one by one,
P output channels at once: a value of the window comes from a memory in each clock, and P weights
from a ROM. The first stage begins while the input comes, of which it keeps the rows that its
windows still see; between stages a map stands in one of two memories.
"""
