"""The Python interface: what ``import hwgen`` offers (docs/five-minutes.md)."""
