"""Cell area of a stream, estimated from a network's integers."""

from collections.abc import Sequence

from hwgen.spec.formats import Format
from hwgen.spec.layer import Layer


def estimated_area(layers: Sequence[Layer], source: Format) -> float:
    """Estimated um2 of ``layers`` that read inputs of the format ``source``."""
    raise NotImplementedError
