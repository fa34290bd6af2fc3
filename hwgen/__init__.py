"""Description to RTL: network file, arithmetic, golden model, components."""

__version__ = "0.1.0"
