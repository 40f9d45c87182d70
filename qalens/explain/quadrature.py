"""An integral along a path whose exact total is known, so that points go where the path bends.

The gradient of a function F along a path integrates to the difference of F at its ends, over the whole path and over
every panel of it. So the error of each panel is known and not only estimated, and the panels with the largest errors
are halved. Simpson's rule on halved panels uses all of its points again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

# A change of F smaller than this counts as this, in logits: a share of nearly nothing would say nothing.
LEAST_CHANGE = 0.1
_PANELS = 8
_NARROWEST = Fraction(1, 4096)
_SIMPSON = (1 / 6, 4 / 6, 1 / 6)
# Halving a panel takes a smooth error to a thirtieth, and one at a kink to a half. Where so large a share is left so many
# times running, the error is a jump or the rounding of the arithmetic, and more points would not help.
_LEFT, _STALLS = 0.6, 3

Gradients = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True, slots=True, eq=False)
class PathIntegral:
    """An integral over [0, 1], the K points that it took, and how far its total is from the known one.

    - `value` (...): the integral; its shape is that of the contributions at one point
    - `points` (K,), `weights` (K,): places on the path in their order, and Simpson weights, which sum to 1
    - `low`, `high`: F(0) and F(1)
    - `error`: |sum of `value` − (high − low)| / max(|high − low|, 0.1)
    - `path_error`: the errors of the panels as the root of the sum of their squares, over the same; errors of two panels
      that cancel show here
    - `converged`: neither is above the tolerance
    """

    value: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    low: float
    high: float
    error: float
    path_error: float
    converged: bool


def integrate(gradients: Gradients, *, tolerance: float = 0.05, max_points: int = 513) -> PathIntegral:
    """Integrate contributions over [0, 1] by Simpson's rule on panels that are halved where they err most.

    `gradients(points)` takes K places on the path and gives the contributions there, (K, ...), which sum to the
    derivative of F, and F itself, (K,). It is called once for 17 points, then for as many as the next halving needs,
    until no error is above `tolerance`, the next call would go beyond `max_points` in all, or three halvings in a row
    took little off the errors, as where F is rounded coarsely or jumps.

    >>> result = integrate(lambda a: ((5 * a**4)[:, None], a**5), tolerance=1e-6)
    >>> round(float(result.value[0]), 5), result.converged
    (1.0, True)
    """
    path = _Path(gradients)
    panels = [(Fraction(k, _PANELS), Fraction(k + 1, _PANELS)) for k in range(_PANELS)]
    path.visit(panels)
    scale = max(abs(path.change), LEAST_CHANGE)
    stalls = 0
    while True:
        errors = np.array([path.error(panel) for panel in panels])
        total, spread = abs(errors.sum()) / scale, path.spread(panels) / scale
        converged = bool(max(total, spread) <= tolerance)
        halved = [] if converged else _worst(panels, errors, max_points - len(path.values))
        if not halved or stalls == _STALLS:
            break
        halves = [half for panel in halved for half in _halves(panel)]
        panels = sorted(set(panels) - set(halved) | set(halves))
        path.visit(panels)
        stalls = stalls + 1 if path.spread(halves) > _LEFT * path.spread(halved) else 0
    points, weights, value = path.sum(panels)
    low, high = path.values[Fraction(0)], path.values[Fraction(1)]
    return PathIntegral(value, points, weights, low, high, float(total), spread, converged)


def _halves(panel: tuple[Fraction, Fraction]) -> list[tuple[Fraction, Fraction]]:
    a, b = panel
    return [(a, (a + b) / 2), ((a + b) / 2, b)]


def _worst(
    panels: list[tuple[Fraction, Fraction]], errors: NDArray[np.float64], room: int
) -> list[tuple[Fraction, Fraction]]:
    """The panels that hold nine tenths of the squared error, as far as they can be halved and `room` points allow."""
    order = np.argsort(-np.abs(errors), kind="stable")
    shares = np.cumsum(errors[order] ** 2)
    many = int(np.searchsorted(shares, 0.9 * shares[-1])) + 1
    wide = [panels[k] for k in order[:many] if panels[k][1] - panels[k][0] > _NARROWEST]
    return wide[: max(0, room // 2)]


class _Path:
    """What is known at the points of a path that were visited, each of them once."""

    def __init__(self, gradients: Gradients):
        self._gradients = gradients
        self.contributions: dict[Fraction, NDArray[np.float64]] = {}
        self.values: dict[Fraction, float] = {}

    @property
    def change(self) -> float:
        return self.values[Fraction(1)] - self.values[Fraction(0)]

    def visit(self, panels: list[tuple[Fraction, Fraction]]) -> None:
        points = {p for a, b in panels for p in (a, (a + b) / 2, b)}
        new = sorted(points - set(self.values))
        contributions, values = self._gradients(np.array([float(p) for p in new]))
        self.contributions.update(zip(new, contributions, strict=True))
        self.values.update(zip(new, values.tolist(), strict=True))

    def error(self, panel: tuple[Fraction, Fraction]) -> float:
        """By how much the contributions over a panel miss the change of F over it."""
        a, b = panel
        found = sum(
            weight * self.contributions[p].sum()
            for weight, p in zip(_SIMPSON, (a, (a + b) / 2, b), strict=True)
        )
        return float(found) * float(b - a) - (self.values[b] - self.values[a])

    def spread(self, panels: list[tuple[Fraction, Fraction]]) -> float:
        """The errors of some panels as the root of the sum of their squares."""
        return float(np.sqrt(sum(self.error(panel) ** 2 for panel in panels)))

    def sum(
        self, panels: list[tuple[Fraction, Fraction]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The points in their order, their weights, and the weighted sum of the contributions."""
        weights: dict[Fraction, float] = dict.fromkeys(sorted(self.values), 0.0)
        for a, b in panels:
            for weight, p in zip(_SIMPSON, (a, (a + b) / 2, b), strict=True):
                weights[p] += weight * float(b - a)
        w = np.array(list(weights.values()))
        stacked = np.stack([self.contributions[p] for p in weights])
        return np.array([float(p) for p in weights]), w, np.tensordot(w, stacked, 1)
