"""Intervals of figures that are means or shares over questions, with questions drawn in whole groups.

A figure is a ratio of sums, so how far it would move with other groups follows from the sum of each group's deviations
(linearisation, which is the infinitesimal jackknife). Shares take Wilson's form at an effective number of questions, so
that an interval never collapses where everything is right or wrong, and never leaves 0 … 100 per cent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.records import brief

_PRIOR_GROUPS = 2  # with which a design effect below 1 is drawn towards 1


@brief
@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval and the number of questions behind it.

    A format specification applies to all three numbers.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        The ends of the interval; nan if there is a single group, such as one text, from which no variance follows.
    count : int
        The number of questions.

    Examples
    --------
    >>> estimate = Estimate(75.0, 71.2, 78.9, 500)
    >>> print(estimate, f"{estimate:.0f}")
    75.00 [71.20, 78.90] 75 [71, 79]
    """

    value: float
    low: float
    high: float
    count: int

    def scaled(self, factor: float) -> Estimate:
        """The same estimate in another unit.

        Parameters
        ----------
        factor : float
            What all three numbers are multiplied by.

        Returns
        -------
        Estimate
        """
        return Estimate(factor * self.value, factor * self.low, factor * self.high, self.count)

    def __format__(self, spec: str) -> str:
        spec = spec or ".2f"
        interval = "" if math.isnan(self.low) else f" [{self.low:{spec}}, {self.high:{spec}}]"
        return f"{self.value:{spec}}{interval}"

    def __str__(self) -> str:
        return format(self)


def check_level(level: float) -> None:
    """Check the level of an interval.

    Parameters
    ----------
    level : float
        A number between 0 and 1.

    Raises
    ------
    InputError
        For anything else.
    """
    if not is_number(level) or not 0 < level < 1:
        raise InputError(f"level has to lie between 0 and 1, as 0.95, but is {shown(level)}.")


def shares(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """F shares Σ above / Σ below in percent, each with Wilson's interval at its effective number of questions.

    Parameters
    ----------
    above, below
        (N, F): what is added up over and under the line for each of N questions, with 0 ≤ above ≤ below.
    group
        (N,): the number of each question's group; groups are thought of as drawn whole.
    level
        How often the interval should hold the share of all groups there could be.

    Returns
    -------
    tuple of Estimate
        The count is Σ below. nan for a share of nothing; ends of nan where there is one group.

    Notes
    -----
    With questions as groups and right or wrong as values this is Wilson's interval (1927). Otherwise the number of
    questions is divided by the design effect, the variance by groups over that of as many single questions, and by
    (t of the groups / t of the questions)², as for surveys (Korn and Graubard 1998; compared by Franco et al. 2019). A
    design effect below 1 is drawn towards 1 by two further groups, so that few equal values do not look certain. Where
    all are right or all wrong, the groups count as questions, without a correction.

    Examples
    --------
    >>> print(*shares(np.array([[1.0], [1.0], [1.0]]), np.ones((3, 1)), np.arange(3)))
    100.00 [43.85, 100.00]
    """
    check_level(level)
    return tuple(_share(a, b, group, level) for a, b in zip(above.T, below.T, strict=True))


def changes(
    change: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    most: float = 1.0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """F mean changes Σ change / Σ below with their intervals, in the unit of the change.

    Parameters
    ----------
    change
        (N, F): after less before, from −most to most.
    below, group, level
        As in `shares`.
    most
        The largest change that one question can have.

    Returns
    -------
    tuple of Estimate
        The mean changes; their intervals are centred a little closer to 0.

    Notes
    -----
    Student's t over groups, with two further questions, one that changes by `most` and one by −`most`, as Bonett and
    Price (2012) do for paired shares: few questions that change alike do not look certain.

    Examples
    --------
    >>> gained = np.array([[1.0]] * 2 + [[0.0]] * 18)
    >>> print(*changes(gained, np.ones((20, 1)), np.arange(20)))
    0.10 [-0.10, 0.28]
    """
    check_level(level)
    return tuple(_change(c, b, group, most, level) for c, b in zip(change.T, below.T, strict=True))


def measure(
    value: float,
    influence: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    level: float = 0.95,
    least_size: float = 0.0,
) -> Estimate:
    """The interval of any measure from 0 to 1 whose influence function is known, in Wilson's form.

    Parameters
    ----------
    value
        The measure.
    influence
        (N,): by how much each question moves it, summing to about 0; a mean of x has (x − mean) / N.
    group, level
        As in `shares`.
    least_size
        The effective number of questions that is taken where the influences say that nothing can move.

    Returns
    -------
    Estimate
        With the number of questions.

    Examples
    --------
    >>> x = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.3])
    >>> print(f"{measure(x.mean(), (x - x.mean()) / 6, np.arange(6)):.3f}")
    0.200 [0.123, 0.308]
    """
    check_level(level)
    variance, groups = clustered_variance(influence, group)
    if groups < 2 or math.isnan(value):
        return Estimate(value, math.nan, math.nan, len(influence))
    spread = value * (1 - value)
    size = spread / variance if variance > 0 and spread > 0 else least_size
    if not size:
        return Estimate(value, math.nan, math.nan, len(influence))
    size *= (t_quantile(level, math.inf) / t_quantile(level, groups - 1)) ** 2
    return Estimate(value, *wilson(value, size, level), len(influence))


def clustered_variance(influence: NDArray[np.float64], group: NDArray[np.int64]) -> tuple[float, int]:
    """The variance of Σ influence when whole groups are resampled.

    Parameters
    ----------
    influence : ndarray of float64
        (N,).
    group : ndarray of int64
        (N,): the group of each question.

    Returns
    -------
    tuple of (float, int)
        The variance, nan for a single group, and the number of groups.

    Examples
    --------
    >>> clustered_variance(np.array([0.5, -0.5]), np.arange(2))
    (1.0, 2)
    """
    _, number = np.unique(group, return_inverse=True)
    sums = np.bincount(number, influence)
    G = len(sums)
    return (float(G / (G - 1) * (sums**2).sum()) if G > 1 else math.nan), G


def t_quantile(level: float, freedom: float) -> float:
    """The half-width of the middle `level` of Student's t, in standard errors.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    float

    Examples
    --------
    >>> round(t_quantile(0.95, 8), 3)
    2.306
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def t_p(deviations: float, freedom: float) -> float:
    """The two-sided p of a deviation by Student's t.

    Parameters
    ----------
    deviations : float
        In standard errors.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    float

    Examples
    --------
    >>> round(t_p(2.306, 8), 3)
    0.05
    """
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(deviations)))


def wilson(share: float, size: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share.

    Parameters
    ----------
    share : float
        From 0 to 1.
    size : float
        The number of questions, which need not be whole.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    tuple of (float, float)
        The two ends.

    References
    ----------
    Wilson 1927.

    Examples
    --------
    >>> "%.4f %.4f" % wilson(0.75, 12)
    '0.4677 0.9111'
    """
    z = t_quantile(level, math.inf)
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    # Rounding must not put the share outside of its own interval.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _share(
    above: NDArray[np.float64], below: NDArray[np.float64], group: NDArray[np.int64], level: float
) -> Estimate:
    counted = below > 0
    n = float(below.sum())
    if not n or np.isnan(above).any():
        return Estimate(math.nan, math.nan, math.nan, round(n))
    p = min(1.0, max(0.0, float(above.sum()) / n))
    variance, groups = clustered_variance((above - p * below)[counted] / n, group[counted])
    if groups < 2:
        return Estimate(100 * p, math.nan, math.nan, round(n))
    low, high = wilson(p, _effective(p, variance, groups, n, level), level)
    return Estimate(100 * p, 100 * low, 100 * high, round(n))


def _effective(p: float, variance: float, groups: int, n: float, level: float) -> float:
    """As how many single questions the groups count."""
    if p in (0.0, 1.0):
        return float(groups)
    design = variance / (p * (1 - p) / (n - 1))
    design = max(design, (groups * design + _PRIOR_GROUPS) / (groups + _PRIOR_GROUPS))
    return n / design * (t_quantile(level, n - 1) / t_quantile(level, groups - 1)) ** 2


def _change(
    change: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    most: float,
    level: float,
) -> Estimate:
    counted = below > 0
    n = float(below.sum())
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0)
    value, kept = float(change.sum()) / n, group[counted]
    groups = len(np.unique(kept))
    if groups < 2:
        return Estimate(value, math.nan, math.nan, round(n))
    middle = float(change.sum()) / (n + 2)
    deviation = np.append((change - middle * below)[counted], [most - middle, -most - middle])
    further = kept.max() + np.array([1, 2])
    variance, _ = clustered_variance(deviation / (n + 2), np.append(kept, further))
    half = t_quantile(level, groups - 1) * math.sqrt(variance)
    return Estimate(
        value, max(-most, min(value, middle - half)), min(most, max(value, middle + half)), round(n)
    )
