"""How large sets have to be for each coverage, and whether they hold what they promise: cross-fitted on one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.columns import By, groups
from qalens.evaluation.intervals import Estimate, shares
from qalens.evaluation.promises.conformal import conformal_cut
from qalens.evaluation.rows import ExampleRow
from qalens.records import Shown, brief

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


@brief
@dataclass(frozen=True, slots=True)
class SetCurve(Shown):
    """The coverage and the number of places of prediction sets, on questions that the cut was not found on.

    Attributes
    ----------
    levels : tuple of float
        Stated coverages.
    covered : tuple of Estimate
        How often the right place was in the set, in percent with intervals.
    sizes : tuple of float
        The mean number of places in a set, no answer among them.
    alone : tuple of float
        The share of sets of one place.
    by : By
        What was left out together and what the intervals are over.
    folds : int
        Into how many parts.
    """

    levels: tuple[float, ...]
    covered: tuple[Estimate, ...]
    sizes: tuple[float, ...]
    alone: tuple[float, ...]
    by: By
    folds: int
    questions: int

    def __str__(self) -> str:
        lines = [
            f"{level:>7.0%}   {covered!s:<24}{size:>7.2f}{100 * alone:>9.1f}"
            for level, covered, size, alone in zip(
                self.levels, self.covered, self.sizes, self.alone, strict=True
            )
        ]
        return "\n".join([f"{'stated':>7}   {'covered':<24}{'places':>7}{'alone %':>9}", *lines])


def set_curve(
    rows: Sequence[ExampleRow],
    *,
    levels: Sequence[float] = LEVELS,
    by: By = "text",
    folds: int = 5,
    seed: int = 0,
) -> SetCurve:
    """Find a cut on all folds but one and count on that one, for each coverage.

    Parameters
    ----------
    rows
        Rows of questions with known gold answers.
    levels
        The coverages, between 0 and 1.
    by
        What is exchangeable, as in `prediction_sets`.
    folds
        Into how many parts the groups are dealt, from 2 on.
    seed
        Of the deal.

    Raises
    ------
    InputError
        For too few groups, and for options that are none.

    Notes
    -----
    Places below a probability of 0.001 are not known to a row, so sets of a cut below that are counted without them.
    """
    known = [row for row in rows if row.exact is not None and row.true_place is not None]
    if not known:
        raise InputError("A curve needs questions with known gold answers, but there is none.")
    group = groups(known, by)
    number = int(group.max()) + 1
    if not is_whole(folds, 2) or folds > number:
        raise InputError(
            f"folds has to be a whole number from 2 to the {number} groups, but is {shown(folds)}."
        )
    fold = (np.random.default_rng(seed).permutation(number) % folds)[group]
    found = [_level(known, group, fold, folds, level) for level in levels]
    return SetCurve(
        tuple(levels),
        *(tuple(column) for column in zip(*found, strict=True)),
        by=by,
        folds=folds,
        questions=len(known),
    )


def set_outcomes(
    rows: Sequence[ExampleRow], cut: float | NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Count the prediction sets of rows, without their readings.

    Parameters
    ----------
    rows
        N rows with known gold answers.
    cut
        The probability that a place has to reach: one for all rows, or one for each, (N,).

    Returns
    -------
    covered : ndarray of bool
        (N,): whether the right place is in the set.
    size : ndarray of int64
        (N,): how many places the set has, no answer among them.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan, Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> known = example_row(Example("Who kept it?", "Ada kept it.", gold=(CharSpan(0, 3),)), reading)
    >>> covered, size = set_outcomes([known], 0.2)
    >>> covered.tolist(), size.tolist()
    ([True], [1])
    """
    cuts = np.broadcast_to(cut, len(rows))
    none = np.array([row.no_answer_probability or 0.0 for row in rows], np.float64)
    first = np.maximum(none, [max(row.places[:1], default=0.0) for row in rows])
    reached = np.array([sum(mass >= c for mass in row.places) for row, c in zip(rows, cuts, strict=True)])
    # The most probable place is taken whatever it has; rows keep places in six digits.
    scores = np.array([row.true_place or 0.0 for row in rows], np.float64)
    return scores >= np.minimum(cuts, first - 1e-6), np.maximum(1, reached + (none >= cuts))


def _level(
    rows: Sequence[ExampleRow], group: NDArray[np.int64], fold: NDArray[np.int64], folds: int, level: float
) -> tuple[Estimate, float, float]:
    """How often sets of one coverage held the right place, their mean size, and the share of those with one place."""
    scores = np.array([row.true_place for row in rows], np.float64)
    cut = np.empty(len(rows))
    for k in range(folds):
        others = fold != k
        cut[~others] = conformal_cut(scores[others], np.unique(group[others], return_inverse=True)[1], level)
    covered, size = set_outcomes(rows, cut)
    (share,) = shares(covered[:, None].astype(float), np.ones((len(rows), 1)), group)
    return share, float(size.mean()), float((size == 1).mean())
