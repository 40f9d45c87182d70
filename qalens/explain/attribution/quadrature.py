"""An integral along a path whose exact total is known, so that points go where the path bends.

The gradient of a function F along a path integrates to the difference of F at its ends, over the whole path and over
every panel of it. So the error of the sum of all contributions is known for each panel and not only estimated, and the
panels with the largest errors are halved. Simpson's rule on halved panels uses all of its points again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qalens.records import brief

# A change of F smaller than this counts as this, in logits: a share of nearly nothing would say nothing.
LEAST_CHANGE = 0.1
_PANELS = 8
_NARROWEST = Fraction(1, 4096)
_SIMPSON = (1 / 6, 4 / 6, 1 / 6)
# Halving a panel takes a smooth error to a thirtieth, and one at a kink to a half. Where so large a share is left so many
# times running, the error is a jump or the rounding of the arithmetic, and more points would not help.
_LEFT, _STALLS = 0.6, 3

Gradients = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@brief
@dataclass(frozen=True, slots=True, eq=False)
class PathIntegral:
    """An integral over [0, 1], the K points that it used, and its error against the known total.

    Attributes
    ----------
    value : ndarray of float64
        (...): the integral; its shape is that of the contributions at one point.
    points, weights : ndarray of float64
        (K,): points on the path in order, and Simpson weights, which sum to 1.
    low, high : float
        F(0) and F(1).
    error : float
        `|Σ value − (high − low)| / max(|high − low|, 0.1)`.
    errors : ndarray of float64
        (...): for each contribution, the change of Simpson's rule from panels of twice the width. Contributions whose
        errors cancel in their sum show here; what bends between two neighbouring points shows nowhere.
    path_error : float
        The root of the sum of the squared errors of the panels, relative to the same change; errors of two panels
        that cancel show here.
    converged : bool
        Whether `error` and `path_error`, which are about the sum, are both within the tolerance.
    """

    value: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    low: float
    high: float
    error: float
    errors: NDArray[np.float64]
    path_error: float
    converged: bool


def integrate(gradients: Gradients, *, tolerance: float = 0.05, max_points: int = 513) -> PathIntegral:
    """Integrate contributions over [0, 1] by Simpson's rule on panels that are halved where their errors are largest.

    The gradients are evaluated at 17 points first, then at as many as the next halving needs, until no error is above
    `tolerance`, the next evaluation would exceed `max_points` in all, or three halvings in a row reduced the errors
    little, as for an F that is rounded coarsely or jumps.

    Parameters
    ----------
    gradients : Gradients
        A function of K points on the path that returns the contributions there, (K, ...), which sum to the derivative
        of F, and F itself, (K,).
    tolerance : float, default 0.05
        The largest relative error.
    max_points : int, default 513
        The most points.

    Returns
    -------
    PathIntegral

    Examples
    --------
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
    return PathIntegral(
        value, points, weights, low, high, float(total), path.changes(panels), spread, converged
    )


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

    def changes(self, panels: list[tuple[Fraction, Fraction]]) -> NDArray[np.float64]:
        """By how much the contributions over the panels differ from those over panels twice as wide, added up."""
        wide: dict[tuple[Fraction, Fraction], NDArray[np.float64]] = {}
        for a, b in panels:
            left = (a / (b - a)) % 2 == 0
            around = (a, b + (b - a)) if left else (a - (b - a), b)
            first, middle, last = (
                self.contributions[p] for p in (around[0], (around[0] + around[1]) / 2, around[1])
            )
            # The parabola through the wide panel's points, over this half of it.
            near, far = (first, last) if left else (last, first)
            coarse = (5 * near + 8 * middle - far) / 12
            fine = sum(
                weight * self.contributions[p]
                for weight, p in zip(_SIMPSON, (a, (a + b) / 2, b), strict=True)
            )
            wide[around] = wide.get(around, 0.0) + (fine - coarse) * float(b - a)
        return np.sum([np.abs(change) for change in wide.values()], axis=0)

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
