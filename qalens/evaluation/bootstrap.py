"""Percentile intervals from resampled groups, for what is chosen rather than averaged: thresholds and temperatures."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed, is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.intervals import check_level, t_quantile

_BLOCK = 1 << 22  # weights that are held at a time


def check_bootstrap(resamples: int, level: float) -> None:
    """Check the options of a bootstrap.

    Parameters
    ----------
    resamples : int
        How many resamples.
    level : float
        The level of the interval.

    Raises
    ------
    InputError
        For a number of resamples or a level that gives no interval.
    """
    if not is_whole(resamples, 1):
        raise InputError(f"resamples has to be a whole number from 1 on, but is {shown(resamples)}.")
    check_level(level)


def resample_weights(size: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Draw how often each group occurs in each resample.

    Parameters
    ----------
    size : int
        The number of groups.
    resamples : int
        How many resamples.
    seed : int
        Of the random generator.

    Returns
    -------
    iterator of ndarray of float64
        Blocks (b, size) with `resamples` rows in all.

    Examples
    --------
    >>> [block.sum(1).tolist() for block in resample_weights(3, 2, 0)]
    [[3.0, 3.0]]
    """
    rng = np.random.default_rng(check_seed(seed))
    block = max(1, min(resamples, _BLOCK // max(1, size)))
    for first in range(0, resamples, block):
        count = min(block, resamples - first)
        drawn = rng.integers(0, size, (count, size)) + size * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(np.float64)


def expanded_level(level: float, groups: int) -> float:
    """The share of resamples between the ends of an interval, so that few groups do not make it too narrow.

    The percentiles of resamples of G groups leave out what Student's t and the divisor G − 1 make up for in the interval of a
    mean; these percentiles are as much further out.

    Parameters
    ----------
    level : float
        Of the interval.
    groups : int
        G, the number of groups, from 2 on.

    Returns
    -------
    float

    References
    ----------
    Hesterberg 2015, What Teachers Should Know About the Bootstrap.

    Examples
    --------
    >>> round(expanded_level(0.95, 6), 4), round(expanded_level(0.95, 3000), 4)
    (0.9951, 0.9501)
    """
    from scipy.special import ndtr

    return float(2 * ndtr(math.sqrt(groups / (groups - 1)) * t_quantile(level, groups - 1)) - 1)


def percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The ends of the interval that holds the middle share of some values.

    Parameters
    ----------
    values : ndarray of float64
        The values.
    level : float
        The share, between 0 and 1.

    Returns
    -------
    tuple of (float, float)
        nan if there are no values.

    Examples
    --------
    >>> percentiles(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
