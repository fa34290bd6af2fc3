"""A co-design's front on the terminal."""

from typing import TYPE_CHECKING

from hwgen.flows.cli.console import emit_line, emit_table

if TYPE_CHECKING:
    from hwgen.flows.codesign.results import Front


def emit_front(front: "Front") -> None:
    """Points, the float network, what is not read, and what the budget chose."""
    from hwgen.flows.codesign.results import HEADER

    emit_table(front.title(), HEADER, front.rows())
    emit_line(front.float_line())
    for point in front.points:
        if point.test_error is not None:
            emit_line(f"{point.network.name}: mean absolute error {point.test_error:.4g}, test")
    emit_line(f"{front.networks_tried} networks in {front.seconds:,.0f} s, seed {front.seed}")
    if front.cut:
        emit_line("note: the time ran out first; with more --minutes it goes on from here")
    for point in front.points:
        if any(point.unread_bits):
            emit_line(f"{point.network.name} does not read {point.unread()}")
    if front.chosen is not None:
        emit_line(f"the budget is met by {front.chosen.network}")
