"""The cut of split conformal prediction, for questions that come one by one or in groups."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_number
from qalens.errors import InputError, shown


def conformal_cut(scores: NDArray[np.float64], group: NDArray[np.int64], coverage: float) -> float:
    """Find the largest cut that a new score reaches with the stated probability.

    With each question in a group of its own this is split conformal prediction: the k-th smallest of n scores with
    k = floor((1 − coverage)(n + 1)), not randomised, so that the true coverage lies between what is stated and 1 / (n + 1)
    more (where scores do not tie). With K larger groups every group weighs the same, 1 / (K + 1), and its questions share
    that; the promise then holds for a question of a new group, where pooling the questions would promise too much.

    Sources: Vovk, Gammerman and Shafer 2005; Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical
    data", for groups.

    Parameters
    ----------
    scores
        (n,): how much the model believed in what was right, larger is better.
    group
        (n,): the number of the group of each score, from 0 on.
    coverage
        Between 0 and 1.

    Returns
    -------
    float
        The cut; minus infinity where there are too few groups to promise anything, which lets every place in.

    Raises
    ------
    InputError
        For a coverage that is no probability, or without a score.

    Examples
    --------
    >>> scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    >>> conformal_cut(scores, np.arange(9), 0.8), conformal_cut(scores, np.arange(9), 0.95)
    (0.2, -inf)
    """
    check_coverage(coverage)
    if not len(scores):
        raise InputError(
            "A promise needs questions with known gold answers to learn from, but there is none."
        )
    sizes = np.bincount(group)
    groups = int((sizes > 0).sum())
    room = 1.0 - coverage - 1.0 / (groups + 1) + 1e-12
    if room < 0:
        return -math.inf
    order = np.argsort(scores, kind="stable")
    values, weights = scores[order], 1.0 / ((groups + 1) * sizes[group[order]])
    firsts = np.searchsorted(values, values)  # of equal scores none lies below the other
    below = np.concatenate([[0.0], np.cumsum(weights)])[firsts]
    return float(values[below <= room].max())


def check_coverage(coverage: float) -> None:
    """Check a coverage.

    Parameters
    ----------
    coverage : float
        A number between 0 and 1.

    Raises
    ------
    InputError
        For anything else.
    """
    if not is_number(coverage) or not 0 < coverage < 1:
        raise InputError(f"coverage has to lie between 0 and 1, as 0.9, but is {shown(coverage)}.")
