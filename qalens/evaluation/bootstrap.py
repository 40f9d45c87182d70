"""How far figures would move with other questions of the same kind: percentile intervals from resampled groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError

DEFAULT_RESAMPLES = 2000
_BLOCK = 1 << 22  # weights that are held at a time


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its interval, and over how many questions it is; nan where there is none.

    One group alone, such as a single text, says nothing of how figures would move: then the ends are nan.

    >>> print(Estimate(75.0, 71.2, 78.9, 500))
    75.00 [71.20, 78.90]
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        interval = "" if math.isnan(self.low) else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:.2f}{interval}"


def check_bootstrap(resamples: int, level: float) -> None:
    """Raise `InputError` for a number of resamples or a level that gives no interval."""
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 1:
        raise InputError(f"resamples has to be a whole number from 1 on, but is {resamples!r}.")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise InputError(f"level has to lie between 0 and 1, as 0.95, but is {level!r}.")


def resample_weights(size: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each of `size` groups is drawn in each resample, in blocks (b, size) that sum up to `resamples` rows.

    >>> [block.sum(1).tolist() for block in resample_weights(3, 2, 0)]
    [[3.0, 3.0]]
    """
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, _BLOCK // max(1, size)))
    for first in range(0, resamples, block):
        count = min(block, resamples - first)
        drawn = rng.integers(0, size, (count, size)) + size * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(np.float64)


def bootstrap_ratios(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """(resamples, F): each of F ratios Σ above / Σ below over groups drawn with replacement; nan where below is 0.

    - `above`, `below` (N, F): what is added up over and under the line, for each of N rows
    - `group` (N,): the number of each row's group, from 0 on; groups are drawn whole

    Source: Efron and Tibshirani 1993; groups as a cluster bootstrap.

    >>> x = np.ones((4, 1))
    >>> bootstrap_ratios(x, x, np.arange(4), resamples=2).tolist()
    [[1.0], [1.0]]
    """
    size = int(group.max()) + 1
    sums = [np.stack([np.bincount(group, x, size) for x in side.T], axis=1) for side in (above, below)]
    parts = []
    for weights in resample_weights(size, resamples, seed):
        over, under = weights @ sums[0], weights @ sums[1]
        parts.append(np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0))
    return np.concatenate(parts)


def estimates(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """F ratios in percent with their percentile intervals; the arrays are those of `bootstrap_ratios`.

    The count of an estimate is the sum below its line. Raises `InputError` for options that give no interval.

    >>> x = np.array([[1.0], [0.0]])
    >>> print(*estimates(x, np.ones((2, 1)), np.arange(2)))
    50.00 [0.00, 100.00]
    """
    check_bootstrap(resamples, level)
    total, under = above.sum(0), below.sum(0)
    drawn = bootstrap_ratios(above, below, group, resamples=resamples, seed=seed)
    found = []
    for f in range(above.shape[1]):
        value = 100 * total[f] / under[f] if under[f] else math.nan
        low, high = (
            percentiles(100 * drawn[:, f], level) if (group != group[0]).any() else (math.nan, math.nan)
        )
        found.append(Estimate(float(value), low, high, round(float(under[f]))))
    return tuple(found)


def percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The ends between which the middle share `level` of the values lies; nan where there is no value.

    >>> percentiles(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
