"""Where the cells of a netlist could stand: rows, a placement, its wires, DEF."""
