"""Modules of a design as tables and pictures name them."""

from collections.abc import Mapping


def by_size(figures: Mapping[str, float]) -> list[tuple[str, float]]:
    """Modules with a figure (an area, an energy) above zero, the largest first."""
    found = ((module, figure) for module, figure in figures.items() if figure > 0)
    return sorted(found, key=lambda item: (-item[1], item[0]))


def short_module(module: str, top: str) -> str:
    """A module's name without its design's; what is left in the top module is ``control``."""
    return module.removeprefix(f"{top}_") if module != top else "control"
