"""The way ``codesign-N`` of a study: the smallest network that loses at most N % of accuracy.

It is chosen by validation samples, against the float network on the same; where none loses so
little, the most accurate one is taken.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.frontends.codesign.candidates import Candidate, Codes, envelope
from hwgen.frontends.codesign.file import to_network
from hwgen.frontends.codesign.settings import Settings
from hwgen.frontends.train.samples import Part, Samples
from hwgen.spec.data import quantize
from hwgen.spec.formats import Format
from hwgen.spec.network import Network
from hwgen.support.progress import Progress


class Searched:
    """A search on the samples of one task and seed, made once and kept in ``folder``."""

    def __init__(self, samples: Samples, settings: Settings, folder: Path, say: Progress):
        self._samples, self._settings = samples, settings
        self._folder, self._say = folder, say
        self._found: list[Candidate] = []

    def network(self, model: Any, loss: float, name: str) -> Network:
        """The network that loses at most ``loss`` (0..1) against the float ``model``."""
        if not self._found:
            self._found = self._search()
        part = self._samples.validation
        floating = float(np.mean(model.predict(part.x) == part.y))
        chosen = smallest(self._found, floating - loss)
        return to_network(chosen.network, name, self._samples.labels)

    def _search(self) -> list[Candidate]:
        from hwgen.flows.codesign.run import Options, priced
        from hwgen.flows.codesign.store import Store
        from hwgen.frontends.codesign.search import Clock, search
        from hwgen.frontends.codesign.training import one_thread

        with one_thread():
            return search(
                self._settings,
                self._codes(self._samples.train),
                self._codes(self._samples.validation),
                len(self._samples.labels),
                priced(Options()),
                clock=Clock(None),
                memory=Store(self._folder),
                say=self._say,
            )

    def _codes(self, part: Part) -> Codes:
        bits = self._settings.input_bits
        target = Format(bits=bits, signed=False, fraction_bits=bits)
        return Codes(x=quantize(part.x, target), y=part.y)


def searched_for(hidden: tuple[int, ...], seed: int) -> Settings:
    """The search that a study makes."""
    return Settings(hidden=(hidden,), seed=seed)


def smallest(found: Sequence[Candidate], accuracy: float) -> Candidate:
    """The smallest on the front that is so accurate on validation samples, or else the best."""
    front = envelope(found)
    good = [one for one in front if one.validation >= accuracy - 1e-9]
    if good:
        return min(good, key=lambda one: one.area)
    return max(front, key=lambda one: (one.validation, -one.area))
