"""Where to put the no-answer threshold: every metric at every threshold, the best one, and its uncertainty.

A question is answered where its margin m (null score − best score) is at most the threshold τ. So figures change only at
the margins themselves, and one sort gives them all: O(N log N). Between two margins nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed, is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.bootstrap import check_bootstrap, expanded_level, resample_weights
from qalens.evaluation.columns import DRAWN, By, Columns, Metric, check_metric, columns, drawn_by, groups
from qalens.evaluation.intervals import Estimate, changes, shares
from qalens.evaluation.rows import ExampleRow
from qalens.records import brief, read_only
from qalens.spans.decision import check_threshold

# A margin below this means minus infinity.
_NO_NUMBER = -1e300


@brief
@dataclass(frozen=True, slots=True)
class Level:
    """The metrics for all thresholds from `threshold` up to, but not including, `until`.

    A part without a question has the metric nan.

    Attributes
    ----------
    threshold, until : float
        In logits.
    answered : int
        The number of questions.
    exact, f1 : float
        In percent, over all questions.
    has_answer_exact, has_answer_f1 : float
        In percent, over answerable questions.
    no_answer_exact : float
        In percent, over unanswerable questions.
    """

    threshold: float
    until: float
    answered: int
    exact: float
    f1: float
    has_answer_exact: float
    has_answer_f1: float
    no_answer_exact: float


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurve:
    """Metrics by threshold: K levels from none answered to all, for N questions in the order in which they become
    answered.

    - `threshold` (K,): the lowest threshold of each level; -inf for the first, where nothing is answered
    - `answered` (K,); `exact`, `f1`, `has_answer_exact`, `has_answer_f1`, `no_answer_exact` (K,): in percent, nan for a
      part without a question
    - `margin` (N,): the margins, lowest first; `order` (N,): the numbers of their rows
    - `in_use`: the threshold of the rows, or nan where they differ

    Attributes
    ----------
    threshold : ndarray of float64
        (K,): the lowest threshold of each level; -inf for the first, at which nothing is answered.
    answered : ndarray of int64
        (K,): the number of questions.
    exact, f1, has_answer_exact, has_answer_f1, no_answer_exact : ndarray of float64
        (K,): in percent, nan for a part without a question.
    margin : ndarray of float64
        (N,): the null margins, lowest first.
    order : ndarray of int64
        (N,): the indices of their rows.
    in_use : float
        The threshold of the rows, or nan if they differ.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan, Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=(CharSpan(0, 3),)), reading)
    >>> sweep([row]).best("exact").threshold == reading.margin
    True
    """

    threshold: NDArray[np.float64]
    answered: NDArray[np.int64]
    exact: NDArray[np.float64]
    f1: NDArray[np.float64]
    has_answer_exact: NDArray[np.float64]
    has_answer_f1: NDArray[np.float64]
    no_answer_exact: NDArray[np.float64]
    margin: NDArray[np.float64]
    order: NDArray[np.int64]
    in_use: float

    def __post_init__(self) -> None:
        for field in fields(self)[:-1]:
            getattr(self, field.name).flags.writeable = False

    def __len__(self) -> int:
        """K, the number of levels."""
        return len(self.threshold)

    def level(self, k: int) -> Level:
        """One level, counted from the one at which nothing is answered.

        Parameters
        ----------
        k : int
            Its index.

        Returns
        -------
        Level
        """
        until = float(self.threshold[k + 1]) if k + 1 < len(self) else math.inf
        figures = (
            float(getattr(self, name)[k])
            for name in ("exact", "f1", "has_answer_exact", "has_answer_f1", "no_answer_exact")
        )
        return Level(float(self.threshold[k]), until, int(self.answered[k]), *figures)

    def at(self, threshold: float) -> Level:
        """The metrics at a threshold.

        Parameters
        ----------
        threshold : float
            In logits.

        Returns
        -------
        Level
        """
        check_threshold(threshold)
        return self.level(int(np.searchsorted(self.threshold, threshold, side="right")) - 1)

    def best(self, metric: Metric = "f1") -> Level:
        """The level with the best metric; of equal ones the one with the lowest threshold.

        On the questions it was chosen on, its metric is optimistic: `cross_fit` estimates by how much.

        Parameters
        ----------
        metric : Metric, default "f1"
            "exact" or "f1".

        Returns
        -------
        Level
        """
        check_metric(metric)
        return self.level(int((self.f1 if metric == "f1" else self.exact).argmax()))

    def span(self) -> tuple[float, float]:
        """The range of thresholds for plots: 98 % of the questions change inside, the one in use is included, with a
        small margin.

        Returns
        -------
        tuple of (float, float)
        """
        held = self.margin[self.margin > _NO_NUMBER]
        ends = [*np.quantile(held, [0.01, 0.99]).tolist()] if len(held) else [-1.0, 1.0]
        ends += [self.in_use] if math.isfinite(self.in_use) else []
        room = max(0.5, 0.05 * (max(ends) - min(ends)))
        return min(ends) - room, max(ends) + room

    def between(self, old: float, new: float) -> tuple[int, ...]:
        """The rows that change when the threshold moves, nearest to the old one first.

        Parameters
        ----------
        old, new : float
            Thresholds in logits.

        Returns
        -------
        tuple of int
            Indices of rows.
        """
        check_threshold(old)
        check_threshold(new)
        first, last = np.searchsorted(self.margin, sorted((old, new)), side="right")
        found = self.order[first:last].tolist()
        return tuple(found if old <= new else reversed(found))


def sweep(rows: Sequence[ExampleRow]) -> ThresholdCurve:
    """Compute all metrics at all thresholds, exactly.

    A text that could not be read is answered at no threshold. Questions with equal margins change together. Every
    answer to an unanswerable question is wrong here, as in the official sweep, even one of punctuation and articles
    alone.

    Parameters
    ----------
    rows : sequence of ExampleRow
        Rows; those without known gold answers are left out.

    Returns
    -------
    ThresholdCurve

    Raises
    ------
    InputError
        If no row can be scored.

    References
    ----------
    Rajpurkar et al. 2018; the official SQuAD 2.0 script finds the same best metrics if all margins differ.
    """
    table = columns(rows)
    order, last = answering_order(table)
    margin, has = table.margin[order], table.answerable

    def level_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(values[order])[last]])

    right = [level_sums(np.where(has, x, 0.0)) for x in (table.best_exact, table.best_f1)]
    abstained = (~has).sum() - level_sums((~has).astype(float))
    used = {row.threshold for row in rows if row.threshold is not None}
    return ThresholdCurve(
        threshold=np.concatenate([[-np.inf], margin[last]]),
        answered=np.concatenate([[0], 1 + np.flatnonzero(last)]),
        exact=100 * (abstained + right[0]) / len(table),
        f1=100 * (abstained + right[1]) / len(table),
        has_answer_exact=_percent(right[0], has),
        has_answer_f1=_percent(right[1], has),
        no_answer_exact=_percent(abstained, ~has),
        margin=margin,
        order=table.index[order],
        in_use=used.pop() if len(used) == 1 else math.nan,
    )


def answering_order(table: Columns) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The order in which rows become answered as the threshold rises.

    Parameters
    ----------
    table : Columns
        N rows as columns.

    Returns
    -------
    tuple of (ndarray of int64, ndarray of bool)
        (N,) indices of rows, and (N,) whether a row is the last one with its margin.
    """
    order = np.argsort(table.margin, kind="stable")
    order = order[np.isfinite(table.margin[order])]
    margin = table.margin[order]
    return order, np.append(margin[1:] != margin[:-1], True) if len(margin) else np.zeros(0, bool)


@brief
@dataclass(frozen=True, slots=True)
class CrossFit:
    """A threshold chosen on all questions, and an estimate of its metric on questions that it has not seen.

    Attributes
    ----------
    metric : Metric
        "exact" or "f1".
    threshold : float
        The best one on all questions.
    folds : tuple of float
        The best ones, each without one fold.
    best : float
        The metric at `threshold` on the questions it was chosen on, in percent.
    honest : Estimate
        The metric if each fold is decided by the threshold of the others.
    before : Estimate
        The metric of the rows as they are.
    gain : Estimate
        `honest` − `before`, in points. The intervals take the thresholds of the folds as given.
    low, high : float
        The interval of the threshold over resamples; it is wide even with thousands of questions, since the metric
        changes little around its maximum.
    level : float
        Of all intervals.
    by : By
        What intervals and folds resample.
    """

    metric: Metric
    threshold: float
    folds: tuple[float, ...]
    best: float
    honest: Estimate
    before: Estimate
    gain: Estimate
    low: float
    high: float
    level: float
    by: By

    @property
    def optimism(self) -> float:
        """The optimism of `best`: best − honest, in points.

        It is right on average over many sets of questions; on a single set it is very uncertain.
        """
        return self.best - self.honest.value

    def __str__(self) -> str:
        return (
            f"threshold {self.threshold:.2f} [{self.low:.2f}, {self.high:.2f}]: {self.metric} {self.honest} on questions not "
            f"seen, {self.best:.2f} on those it was chosen on (optimism {self.optimism:.2f}), {self.before} before: a gain "
            f"of {self.gain} points; {self.level:.0%} intervals over {DRAWN[self.by]}"
        )


def cross_fit(
    rows: Sequence[ExampleRow],
    *,
    metric: Metric = "f1",
    folds: int = 5,
    by: By | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> CrossFit:
    """Choose a threshold, and estimate by cross-fitting what it is worth.

    Parameters
    ----------
    rows : sequence of ExampleRow
        Rows with known gold answers.
    metric : Metric, default "f1"
        "f1" or "exact", what the threshold is chosen for.
    folds : int, default 5
        The number of parts; each is decided by the best threshold of the others.
    by : By or None, default None
        "text" keeps the questions of one text together, in folds and intervals; also "title" and "question". None
        takes articles if every row has a title and there are five or more of them, else texts.
    resamples : int, default 1000
        For the interval of the threshold, by the bootstrap.
    level : float, default 0.95
        Of all intervals.
    seed : int, default 0
        Draws folds and resamples.

    Returns
    -------
    CrossFit

    Raises
    ------
    InputError
        For fewer groups than folds.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan, Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=(CharSpan(0, 3),)), reading)
    >>> cross_fit([row] * 6, folds=2, by="question", resamples=20).optimism
    0.0
    """
    check_metric(metric)
    check_bootstrap(resamples, level)
    table = columns(rows)
    by, group = drawn_groups(rows, table, by)
    fold = fold_of_groups(group, folds, seed)
    chosen = [_best_threshold(table.take(fold != k), metric) for k in range(folds)]
    everything = _best_threshold(table, metric)
    before, honest = (
        table.f1 if metric == "f1" else table.exact,
        _decided(table, np.array(chosen)[fold], metric),
    )
    figures = np.stack([honest, before], axis=1)
    told = shares(figures, np.ones_like(figures), group, level=level)
    (gain,) = changes(
        100 * (honest - before)[:, None], np.ones((len(table), 1)), group, most=100.0, level=level
    )
    drawn = np.sort(_resampled_thresholds(table, group, metric, resamples, seed))
    # Values that were drawn, none in between: a threshold can be minus infinity.
    wide = expanded_level(level, int(group.max()) + 1)
    low, high = drawn[[int((1 - wide) / 2 * (resamples - 1)), math.ceil((1 + wide) / 2 * (resamples - 1))]]
    return CrossFit(
        metric=metric,
        threshold=everything,
        folds=tuple(chosen),
        best=100 * float(_decided(table, np.full(len(table), everything), metric).mean()),
        honest=told[0],
        before=told[1],
        gain=gain,
        low=float(low),
        high=float(high),
        level=level,
        by=by,
    )


def fold_of_groups(group: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Assign groups to folds; groups stay whole, and folds have about equal numbers of rows.

    Parameters
    ----------
    group : ndarray of int64
        (N,): the group of each row.
    folds : int
        The number of folds.
    seed : int
        Of the random order.

    Returns
    -------
    ndarray of int64
        (N,): the fold of each row, 0 … folds − 1.

    Raises
    ------
    InputError
        For fewer groups than folds.

    Examples
    --------
    >>> sorted(fold_of_groups(np.array([0, 0, 1, 2]), 2, 0).tolist())
    [0, 0, 1, 1]
    """
    if not is_whole(folds, 2):
        raise InputError(f"folds has to be a whole number from 2 on, but is {shown(folds)}.")
    sizes = np.bincount(group)
    if len(sizes) < folds:
        raise InputError(f"{folds} folds need as many groups, but there are only {len(sizes)}.")
    # Largest first into the emptiest fold; equal ones in the order of a draw.
    drawn = np.random.default_rng(check_seed(seed)).permutation(len(sizes))
    fold_of, filled = np.empty(len(sizes), np.int64), np.zeros(folds, np.int64)
    for g in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        fold_of[g] = filled.argmin()
        filled[fold_of[g]] += sizes[g]
    return fold_of[group]


def drawn_groups(rows: Sequence[ExampleRow], table: Columns, by: By | None) -> tuple[By, NDArray[np.int64]]:
    """Choose what is resampled, and find the group of each scored row.

    Parameters
    ----------
    rows : sequence of ExampleRow
        All rows.
    table : Columns
        The scored rows.
    by : By or None
        As in `cross_fit`.

    Returns
    -------
    tuple of (By, ndarray of int64)
    """
    kept = [rows[k] for k in table.index.tolist()]
    drawn = drawn_by(kept, by)
    return drawn, groups(kept, drawn)


def _percent(sums: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    return 100 * sums / among.sum() if among.any() else np.full(len(sums), np.nan)


def _decided(table: Columns, threshold: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """(N,): the figure of each row when it is decided at a threshold of its own."""
    answered = table.margin <= threshold
    return np.where(table.answerable, np.where(answered, table.of_best(metric), 0.0), ~answered)


def _gains(table: Columns, metric: Metric) -> NDArray[np.float64]:
    """(N,): what the figure wins where a question gets answered."""
    return np.where(table.answerable, table.of_best(metric), -1.0)


def _best_threshold(table: Columns, metric: Metric) -> float:
    """The lowest of the best thresholds; -inf where nothing is best answered."""
    (found,) = _best_of_weighted(table, metric, np.ones((1, len(table))))
    return float(found)


def _best_of_weighted(table: Columns, metric: Metric, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(b,): the best threshold for each of b weightings (b, N) of the rows."""
    order, last = answering_order(table)
    if not len(order):
        return np.full(len(weights), -np.inf)
    margin = table.margin[order]
    totals = np.cumsum(weights[:, order] * _gains(table, metric)[order], axis=1)[:, last]
    best = totals.argmax(1)
    found = margin[last][best]
    # Rounding must not make an answer out of gains that cancel.
    return np.where(totals[np.arange(len(best)), best] > 1e-9, found, -np.inf)


def _resampled_thresholds(
    table: Columns, group: NDArray[np.int64], metric: Metric, resamples: int, seed: int
) -> NDArray[np.float64]:
    """(resamples,): the best threshold of each resample of groups."""
    parts = []
    # Blocks are made for groups; rows can be many more, so they are taken in smaller bites.
    for block in resample_weights(int(group.max()) + 1, resamples, seed):
        bite = max(1, (1 << 22) // len(table))
        for first in range(0, len(block), bite):
            parts.append(_best_of_weighted(table, metric, block[first : first + bite][:, group]))
    return np.concatenate(parts)
