"""``python worker.py IN OUT``: places the cells of ``IN`` (JSON) with coloquinte.

A process of its own, as the placer writes to its standard output. ``IN`` has ``columns``,
``rows``, ``row`` (height of a row in widths of a site), ``widths`` (of cells, in sites), ``ports``
(positions of fixed points) and ``nets`` (numbers of cells, then of ports); ``OUT`` the site and
row of each cell.
"""

import json
import sys
from pathlib import Path
from typing import Any

EFFORT = 5
"""Of coloquinte's 1 to 9."""


def main(source: Path, sink: Path) -> None:
    """Place, and write where every cell stands."""
    import coloquinte as placer

    given: dict[str, Any] = json.loads(source.read_text("utf-8"))
    row, widths, ports = given["row"], given["widths"], given["ports"]
    count, fixed = len(widths), len(ports)
    circuit = placer.Circuit(count + fixed)
    circuit.cell_width = widths + [0] * fixed
    circuit.cell_height = [row] * count + [0] * fixed
    circuit.cell_is_fixed = [False] * count + [True] * fixed
    circuit.cell_is_obstruction = [True] * count + [False] * fixed
    circuit.cell_row_polarity = [placer.CellRowPolarity.SAME] * (count + fixed)
    circuit.cell_x = [given["columns"] // 2] * count + [x for x, _ in ports]
    circuit.cell_y = [row * given["rows"] // 2] * count + [y for _, y in ports]
    turned = (placer.CellOrientation.N, placer.CellOrientation.FS)
    circuit.rows = [
        placer.Row(placer.Rectangle(0, given["columns"], row * r, row * (r + 1)), turned[r % 2])
        for r in range(given["rows"])
    ]
    for cells in given["nets"]:
        middles = [widths[cell] // 2 if cell < count else 0 for cell in cells]
        circuit.add_net(cells, middles, [row // 2 if cell < count else 0 for cell in cells])
    circuit.check()
    circuit.place_global(EFFORT)
    circuit.legalize(EFFORT)
    circuit.place_detailed(EFFORT)
    places = zip(circuit.cell_x[:count], circuit.cell_y[:count], strict=True)
    sink.write_text(json.dumps([[x, y // row] for x, y in places]), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
