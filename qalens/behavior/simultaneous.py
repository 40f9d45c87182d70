"""Intervals for many figures at once, and ranks that claim no more than the intervals do."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed
from qalens.errors import InputError
from qalens.evaluation.bootstrap import check_bootstrap
from qalens.evaluation.intervals import Estimate

DEFAULT_RESAMPLES = 2000
_BLOCK = 1 << 22  # signs that are held at a time


def simultaneous_estimates(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    contrasts: NDArray[np.float64] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Ratios in percent, or sums of them, with intervals that hold all at once.

    The largest studentized error over all figures is drawn by a multiplier bootstrap: the contribution of each group of
    rows to each ratio gets a random sign. What is resampled is the group, so rows of one text may depend on each other,
    and so may the figures, which share their rows.

    Parameters
    ----------
    above, below
        (N, F): what is added up over and under the line of each of F ratios, for each of N rows.
    group
        (N,): the number of each row's group, from 0 on.
    contrasts
        (F, P): P sums of ratios, such as differences; None takes the ratios themselves.
    resamples, level, seed
        Of the bootstrap; `level` is the chance that all intervals hold.

    Returns
    -------
    tuple of Estimate
        Value and interval of each, with the number of rows below the line (for contrasts: of all rows). One group alone
        says nothing of how figures would move: then the ends are nan.

    Raises
    ------
    InputError
        For options that give no interval.

    References
    ----------
    Chernozhukov, Chetverikov and Kato 2013 for the multiplier bootstrap of a largest error; Cameron, Gelbach and Miller
    2008 for signs by cluster; Bell and McCaffrey 2002 for the jackknife's error by cluster.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    >>> [round(one.value) for one in simultaneous_estimates(x, np.ones_like(x), np.arange(4))]
    [75, 25]
    """
    check_bootstrap(resamples, level)
    total = below.sum(0)
    ratio = above.sum(0) / total
    size = int(group.max()) + 1
    rest = (above - ratio * below) / total
    parts = np.zeros((size, above.shape[1]))
    np.add.at(parts, group, rest)
    counts = total.tolist()
    if contrasts is not None:
        ratio, parts = ratio @ contrasts, parts @ contrasts
        counts = [len(group)] * contrasts.shape[1]
    half = _half_widths(parts, resamples, level, seed)
    return tuple(
        Estimate(100 * float(value), 100 * float(value - h), 100 * float(value + h), round(float(count)))
        for value, h, count in zip(ratio, half, counts, strict=True)
    )


def _half_widths(parts: NDArray[np.float64], resamples: int, level: float, seed: int) -> NDArray[np.float64]:
    """(F,): half of each interval, from what each of G groups adds to each figure, (G, F)."""
    size = len(parts)
    if size < 2:
        return np.full(parts.shape[1], math.nan)
    # As the jackknife has it: what a group adds is seen too small, since it pulled the ratio towards itself.
    error = np.sqrt(size / (size - 1) * ((parts * size / (size - 1)) ** 2).sum(0))
    moving = error > 0
    if not moving.any():
        return error
    largest = _largest_errors(parts[:, moving], resamples, seed)
    return error * float(np.quantile(largest, level, method="higher"))


def _largest_errors(parts: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """(resamples,): the largest studentized sum of the parts (G, F) under random signs of the groups."""
    size = len(parts)
    squares = (parts**2).sum(0)
    rng = np.random.default_rng(check_seed(seed))
    block = max(1, min(resamples, _BLOCK // size))
    found = []
    for first in range(0, resamples, block):
        signs = rng.choice([-1.0, 1.0], (min(block, resamples - first), size))
        sums = signs @ parts
        # The variance of the signed parts about their own mean, as for the figures themselves.
        error = np.sqrt(np.maximum(size / (size - 1) * (squares - sums**2 / size), 0.0))
        ratios = np.divide(np.abs(sums), error, out=np.full(sums.shape, np.inf), where=error > 0)
        found.append(ratios.max(1))
    return np.concatenate(found)


def pairs_of(models: int) -> list[tuple[int, int]]:
    """All pairs of models, (i, j) with i < j.

    >>> pairs_of(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return [(i, j) for i in range(models) for j in range(i + 1, models)]


def contrasts_of(models: int) -> NDArray[np.float64]:
    """(models, P): the difference i − j of each pair of `pairs_of`."""
    pairs = pairs_of(models)
    found = np.zeros((models, len(pairs)))
    for k, (i, j) in enumerate(pairs):
        found[i, k], found[j, k] = 1.0, -1.0
    return found


def ranks(differences: tuple[Estimate, ...], models: int) -> tuple[tuple[int, int], ...]:
    """The best and the worst rank that each model may have, given intervals of all differences.

    A model is above another only where the interval of their difference lies above 0. Since all intervals hold at once,
    so do all ranks.

    Parameters
    ----------
    differences
        One for each pair of `pairs_of`, i − j.
    models
        How many there are.

    Raises
    ------
    InputError
        Where there are not as many differences as pairs.

    References
    ----------
    Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for ranks with applications to mobility across neighbourhoods".

    Examples
    --------
    >>> ranks((Estimate(5, 1, 9, 100), Estimate(6, 2, 10, 100), Estimate(1, -3, 5, 100)), 3)
    ((1, 1), (2, 3), (2, 3))
    """
    pairs = pairs_of(models)
    if len(pairs) != len(differences):
        raise InputError(f"{models} models have {len(pairs)} pairs, but got {len(differences)} differences.")
    above = np.zeros((models, models), bool)
    for (i, j), one in zip(pairs, differences, strict=True):
        above[i, j], above[j, i] = one.low > 0, one.high < 0
    return tuple((1 + int(above[:, k].sum()), models - int(above[k].sum())) for k in range(models))
