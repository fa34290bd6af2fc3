"""From a network to Verilog: what the architectures share, and one room for each of them."""
