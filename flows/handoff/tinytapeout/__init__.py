"""A Tiny Tapeout tile: its wrapper, its regression, its project."""
