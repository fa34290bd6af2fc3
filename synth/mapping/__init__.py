"""From Verilog to a netlist of library cells: recipes, adders of our own, Yosys."""
