"""Area before synthesis: a model fitted on finished points, and its error on unseen ones.

The logarithm of the area is linear in the logarithms of what a design is made of, with terms of
their own for each architecture, and a factor for each library and recipe (ridge regression). The
error is that of each point predicted by the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.flows.sweep.points import knobs

LEAST = 8
"""Finished points that a model needs."""

_SIZES = ("weights", "nonzero_weights", "weight_digits", "weight_bits", "activation_bits")
_WIDTHS = ("input_bits", "accumulator_bits")
_GROUPS = ("library", "recipe")
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Estimator:
    """A fitted model.

    Attributes
    ----------
    points
        On how many it was fitted.
    median_error, p90_error
        Relative, of points that are predicted by the others: half of them, and nine of ten, are
        closer.
    """

    points: int
    median_error: float
    p90_error: float
    _names: tuple[str, ...]
    _weights: Any
    _mean: Any
    _scale: Any

    def predict(self, row: Row) -> float | None:
        """The area in um2 of a design; None where it has a library or the like that is new."""
        found = _features(row)
        if any(name not in self._names for name in found if "=" in name):
            return None
        vector = np.array([found.get(name, 0.0) for name in self._names])
        scaled = np.append((vector - self._mean) / self._scale, 1.0)
        return float(np.exp(scaled @ self._weights))

    def to_json(self) -> dict[str, Any]:
        """What there is to say of it."""
        return {
            "points": self.points,
            "median_error": round(self.median_error, 4),
            "p90_error": round(self.p90_error, 4),
        }


def fit(rows: Sequence[Row]) -> Estimator | None:
    """A model of the rows that have an area; None where they are too few."""
    known = [row for row in rows if row.get("area_um2") and row.get("weights")]
    if len(known) < LEAST:
        return None
    found = [_features(row) for row in known]
    names = tuple(sorted({name for one in found for name in one}))
    x = np.array([[one.get(name, 0.0) for name in names] for one in found])
    y = np.log([row["area_um2"] for row in known])
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    fits = [_ridge(scaled, y, strength) for strength in _STRENGTHS]
    weights, errors = min(fits, key=lambda one: float(np.sum(one[1] ** 2)))
    relative = np.abs(np.expm1(errors))
    median, p90 = (float(q) for q in np.quantile(relative, [0.5, 0.9]))
    return Estimator(len(known), median, p90, names, weights, mean, scale)


def _ridge(x: Any, y: Any, strength: float) -> tuple[Any, Any]:
    """Weights, and the error of each point as the others predict it."""
    penalty = strength * len(x) * np.eye(x.shape[1])
    penalty[-1, -1] = 0.0
    solver = np.linalg.solve(x.T @ x + penalty, x.T)
    weights = solver @ y
    leverage = np.minimum(np.einsum("ij,ji->i", x, solver), 1 - 1e-6)
    return weights, (y - x @ weights) / (1 - leverage)


def _features(row: Row) -> dict[str, float]:
    """Numbers, and ``name=value`` for what is no number."""
    arch = str(row["arch"])
    own = {name: float(np.log1p(row[name])) for name in (*_SIZES, *_WIDTHS) if row.get(name)}
    for knob in knobs().get(arch, ()):
        if isinstance(row.get(knob), str):
            own[f"{knob}={row[knob]}"] = 1.0
            continue
        value = float(row.get(knob) or 0)
        own[knob] = float(np.log1p(value))
        own[f"{knob}:on"] = float(value > 0)
    return {
        **{f"{name}@{arch}": value for name, value in own.items()},
        f"arch={arch}": 1.0,
        **{f"{name}={row[name]}": 1.0 for name in _GROUPS},
    }
