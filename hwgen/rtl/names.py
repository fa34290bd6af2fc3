"""Module names from user data: names are data, and never reach Verilog as they are."""

import re


def module_name(text: str, limit: int = 32) -> str:
    """``text`` as lower-case letters, digits and single underscores, at most ``limit`` long.

    May be empty. It is only ever used behind a prefix of ours, so keywords do no harm.
    """
    ascii_only = re.sub(r"[^a-z0-9]+", "_", text[: 8 * limit].lower())
    return ascii_only.strip("_")[:limit].strip("_")


def top_module(network_name: str) -> str:
    """Name of the top module: ``hwgen_`` and the network's name."""
    return f"hwgen_{module_name(network_name)}".rstrip("_")


def layer_module(index: int, layer_name: str) -> str:
    """Name of a layer's module inside its design: ``layer<index>_`` and the layer's name."""
    return f"layer{index}_{module_name(layer_name)}".rstrip("_")
