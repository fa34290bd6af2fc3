"""Description to RTL: network file, arithmetic, golden model, components."""
