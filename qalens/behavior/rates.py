"""How often something failed, with an interval that knows that cases of one text resemble each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qalens.errors import InputError
from qalens.evaluation.intervals import shares
from qalens.records import brief

DEFAULT_LEVEL = 0.95


class Bound(float):
    """A number of a rate that knows which cases stand behind it; in every other way a float.

    `quoted` is a text with failing cases. The pytest plugin of qalens shows it where an assertion about the number
    fails.

    >>> Bound(0.25, "three cases") < 0.5, Bound(0.25)
    (True, 0.25)
    """

    quoted: str

    def __new__(cls, value: float, quoted: str = "") -> Bound:
        bound = super().__new__(cls, value)
        bound.quoted = quoted
        return bound

    def __reduce__(self) -> tuple[type[Bound], tuple[float, str]]:
        return Bound, (float(self), self.quoted)

    __repr__ = float.__repr__


@brief
@dataclass(frozen=True, slots=True)
class Rate:
    """A share of cases with its interval, all from 0 to 1; nan where there is no case, and
    ends of nan where all cases are of one text, which says nothing of how the share would move.

    Attributes
    ----------
    value
        Failures divided by cases.
    low, high
        Ends of the Wilson interval.
    failures, count
        How many cases failed, and how many there were.

    Examples
    --------
    >>> print(wilson(2, 40))
    5.0 % [1.4, 16.5]
    """

    value: Bound
    low: Bound
    high: Bound
    failures: int
    count: int

    def __str__(self) -> str:
        if not self.count:
            return "no case"
        ends = "" if math.isnan(self.low) else f" [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        return f"{100 * self.value:.1f} %{ends}"


def wilson(failures: int, count: int, *, level: float = DEFAULT_LEVEL, quoted: str = "") -> Rate:
    """The share of failures among independent cases, with its Wilson score interval.

    Parameters
    ----------
    failures, count : int
        How many cases failed, and how many there were.
    level : float, default 0.95
        How often the interval holds the true share; between 0 and 1.
    quoted : str, default ""
        A text with failing cases, kept with the numbers.

    Returns
    -------
    Rate

    Raises
    ------
    InputError
        For counts that cannot be, or a level outside (0, 1).

    References
    ----------
    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> print(wilson(0, 40))
    0.0 % [0.0, 8.8]
    """
    return clustered_rate(
        [(failures, count)] if count == 0 else _singles(failures, count), level=level, quoted=quoted
    )


def clustered_rate(
    clusters: Iterable[tuple[int, int]], *, level: float = DEFAULT_LEVEL, quoted: str = ""
) -> Rate:
    """The share of failures among cases that come in clusters, such as the cases made from one text.

    The Wilson interval is computed with an effective number of cases, as `qalens.evaluation.intervals.shares` has it: the
    number divided by the design effect, which tells how much more the share varies between clusters than it would
    between independent cases. Where every case has the same outcome, each cluster counts as one case.

    Parameters
    ----------
    clusters : iterable of tuple of (int, int)
        (failures, cases) of each cluster; clusters are independent of each other.
    level : float, default 0.95
        How often the interval holds the true share; between 0 and 1.
    quoted : str, default ""
        A text with failing cases, kept with the numbers.

    Returns
    -------
    Rate

    Raises
    ------
    InputError
        For counts that cannot be, or a level outside (0, 1).

    References
    ----------
    Wilson 1927; Korn and Graubard 1998 for the effective number of cases.

    Examples
    --------
    >>> print(clustered_rate([(1, 1)] * 10 + [(0, 1)] * 10))
    50.0 % [29.9, 70.1]
    >>> print(clustered_rate([(4, 4)] * 5 + [(0, 4)] * 5))
    50.0 % [20.7, 79.3]
    """
    pairs = [pair for pair in clusters if pair[1]]
    if any(not 0 <= failures <= count for failures, count in pairs):
        raise InputError("A cluster cannot have fewer than no failures, nor more failures than cases.")
    above, below = np.array(pairs or [(0, 0)], np.float64).T[:, :, None]
    (found,) = shares(above, below, np.arange(len(above)), level=level)
    value, low, high = (Bound(number / 100, quoted) for number in (found.value, found.low, found.high))
    return Rate(value, low, high, int(above.sum()), int(below.sum()))


def _singles(failures: int, count: int) -> list[tuple[int, int]]:
    if not 0 <= failures <= count:
        raise InputError(f"There cannot be {failures} failures among {count} cases.")
    return [(1, 1)] * failures + [(0, 1)] * (count - failures)
