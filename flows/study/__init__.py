"""Studies: what quantization costs in accuracy and gives in area, over tasks, ways and seeds."""
