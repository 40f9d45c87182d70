"""Where to put the no-answer threshold: every figure at every threshold, the best one, and how much to trust it.

A question is answered where its margin m (null score − best score) is at most the threshold τ. So figures change only at
the margins themselves, and one sort gives them all: O(N log N). Between two margins nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qalens.decision import check_threshold
from qalens.errors import InputError
from qalens.evaluation.bootstrap import check_bootstrap, resample_weights
from qalens.evaluation.columns import By, Columns, Metric, check_metric, columns, groups
from qalens.evaluation.rows import ExampleRow
from qalens.records import read_only

# A margin below this stands for minus infinity.
_NO_NUMBER = -1e300


@dataclass(frozen=True, slots=True)
class Level:
    """The figures in percent for all thresholds from `threshold` up to `until`, which is not among them.

    `answered` counts questions. A part without a question has the figure nan.
    """

    threshold: float
    until: float
    answered: int
    exact: float
    f1: float
    has_answer_exact: float
    has_answer_f1: float
    no_answer_exact: float


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurve:
    """Figures by threshold, K levels from none answered to all, and N questions in the order in which they get answered.

    - `threshold` (K,): the lowest threshold of each level; -inf for the first, where nothing is answered
    - `answered` (K,); `exact`, `f1`, `has_answer_exact`, `has_answer_f1`, `no_answer_exact` (K,): in percent, nan for a
      part without a question
    - `margin` (N,): the margins, lowest first; `order` (N,): the numbers of their rows
    - `in_use`: the threshold of the rows, or nan where they differ

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import CharSpan, Example
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
        """Level number `k`, counted from the one where nothing is answered."""
        until = float(self.threshold[k + 1]) if k + 1 < len(self) else math.inf
        figures = (
            float(getattr(self, name)[k])
            for name in ("exact", "f1", "has_answer_exact", "has_answer_f1", "no_answer_exact")
        )
        return Level(float(self.threshold[k]), until, int(self.answered[k]), *figures)

    def at(self, threshold: float) -> Level:
        """The figures at a threshold, in logits."""
        check_threshold(threshold)
        return self.level(int(np.searchsorted(self.threshold, threshold, side="right")) - 1)

    def best(self, metric: Metric = "f1") -> Level:
        """The level with the best figure; of equal ones that with the lowest threshold.

        On the questions it was chosen on, its figure flatters: `cross_fit` tells by how much.
        """
        check_metric(metric)
        return self.level(int((self.f1 if metric == "f1" else self.exact).argmax()))

    def span(self) -> tuple[float, float]:
        """The thresholds between which 98 % of the questions change, the one in use among them, and a little room.

        What a picture of the curve shows.
        """
        held = self.margin[self.margin > _NO_NUMBER]
        ends = [*np.quantile(held, [0.01, 0.99]).tolist()] if len(held) else [-1.0, 1.0]
        ends += [self.in_use] if math.isfinite(self.in_use) else []
        room = max(0.5, 0.05 * (max(ends) - min(ends)))
        return min(ends) - room, max(ends) + room

    def between(self, old: float, new: float) -> tuple[int, ...]:
        """The numbers of the rows that change when the threshold moves from `old` to `new`, nearest to `old` first."""
        check_threshold(old)
        check_threshold(new)
        first, last = np.searchsorted(self.margin, sorted((old, new)), side="right")
        found = self.order[first:last].tolist()
        return tuple(found if old <= new else reversed(found))


def sweep(rows: Sequence[ExampleRow]) -> ThresholdCurve:
    """All figures at all thresholds, exactly. Rows without known gold answers are left out.

    A text that could not be read is answered at no threshold. Questions with equal margins change together. Every answer
    to an unanswerable question is wrong here, as in the official sweep, even one of signs and articles alone. Raises
    `InputError` where no row can be scored.

    Source: Rajpurkar et al. 2018; the official SQuAD 2.0 script finds the same best figures where all margins differ.
    """
    table = columns(rows)
    order = np.argsort(table.margin, kind="stable")
    order = order[np.isfinite(table.margin[order])]
    margin, has = table.margin[order], table.answerable
    last = np.append(margin[1:] != margin[:-1], True) if len(margin) else np.zeros(0, bool)

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


@dataclass(frozen=True, slots=True)
class CrossFit:
    """A threshold chosen on all questions, and what that choice is worth on questions that it has not seen.

    - `threshold`: the best one on all; `folds`: the best ones each without one fold
    - `best`: the figure at `threshold` on the questions it was chosen on, in percent; `honest`: the figure where each
      fold is decided by the threshold of the others; `before`: the figure of the rows as they are
    - `low`, `high`: the interval of the threshold over resamples, at `level`
    """

    metric: Metric
    threshold: float
    folds: tuple[float, ...]
    best: float
    honest: float
    before: float
    low: float
    high: float
    level: float

    @property
    def optimism(self) -> float:
        """By how much `best` flatters: best − honest, in points."""
        return self.best - self.honest

    def __str__(self) -> str:
        return (
            f"threshold {self.threshold:.2f} [{self.low:.2f}, {self.high:.2f}]: {self.metric} {self.honest:.2f} on questions "
            f"not seen, {self.best:.2f} on those it was chosen on (optimism {self.optimism:.2f}), {self.before:.2f} before"
        )


def cross_fit(
    rows: Sequence[ExampleRow],
    *,
    metric: Metric = "f1",
    folds: int = 5,
    by: By = "text",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> CrossFit:
    """Choose a threshold, and tell honestly what it is worth.

    - `metric`: "f1" or "exact", what the threshold is chosen for
    - `folds`: K parts; each is decided by the best threshold of the others
    - `by`: "text" keeps the questions of one text together, in folds and resamples; also "title" and "question"
    - `resamples`, `level`: for the interval of the threshold, by the bootstrap; `seed` draws folds and resamples

    Raises `InputError` where there are fewer groups than folds.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import CharSpan, Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=(CharSpan(0, 3),)), reading)
    >>> cross_fit([row] * 6, folds=2, by="question", resamples=20).optimism
    0.0
    """
    check_metric(metric)
    check_bootstrap(resamples, level)
    table = columns(rows)
    group = groups([rows[k] for k in table.index.tolist()], by)
    fold = fold_of_groups(group, folds, seed)
    chosen = [_best_threshold(table.take(fold != k), metric) for k in range(folds)]
    everything = _best_threshold(table, metric)
    drawn = np.sort(_resampled_thresholds(table, group, metric, resamples, seed))
    # Values that were drawn, none in between: a threshold can be minus infinity.
    low, high = drawn[[int((1 - level) / 2 * (resamples - 1)), math.ceil((1 + level) / 2 * (resamples - 1))]]
    return CrossFit(
        metric=metric,
        threshold=everything,
        folds=tuple(chosen),
        best=100 * float(_decided(table, np.full(len(table), everything), metric).mean()),
        honest=100 * float(_decided(table, np.array(chosen)[fold], metric).mean()),
        before=100 * float((table.f1 if metric == "f1" else table.exact).mean()),
        low=float(low),
        high=float(high),
        level=level,
    )


def fold_of_groups(group: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,): the fold of each row, 0 … folds − 1; groups stay whole, and folds hold about as many rows.

    Raises `InputError` where there are fewer groups than folds.

    >>> sorted(fold_of_groups(np.array([0, 0, 1, 2]), 2, 0).tolist())
    [0, 0, 1, 1]
    """
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise InputError(f"folds has to be a whole number from 2 on, but is {folds!r}.")
    sizes = np.bincount(group)
    if len(sizes) < folds:
        raise InputError(f"{folds} folds need as many groups, but there are only {len(sizes)}.")
    # Largest first into the emptiest fold; equal ones in the order of a draw.
    drawn = np.random.default_rng(seed).permutation(len(sizes))
    fold_of, filled = np.empty(len(sizes), np.int64), np.zeros(folds, np.int64)
    for g in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        fold_of[g] = filled.argmin()
        filled[fold_of[g]] += sizes[g]
    return fold_of[group]


@dataclass(frozen=True, slots=True)
class CheapestThreshold:
    """The threshold at which mistakes cost least.

    - `level`: its figures; any threshold from `level.threshold` up to `level.until` costs the same
    - `cost`: the cost per question there; `always`, `never`: that of answering wherever there is a span, and nowhere
    """

    level: Level
    cost: float
    always: float
    never: float

    @property
    def threshold(self) -> float:
        """The lowest of the cheapest thresholds, in logits."""
        return self.level.threshold


def cheapest(
    rows: Sequence[ExampleRow],
    *,
    false_answer: float = 1.0,
    missed: float = 1.0,
    wrong_span: float | None = None,
    metric: Metric = "exact",
) -> CheapestThreshold:
    """The threshold at which mistakes cost least, for what each kind of mistake costs; of equal ones the lowest.

    - `false_answer`: the cost of an answer where there is none
    - `missed`: the cost of no answer where there is one
    - `wrong_span`: the cost of a wrong answer where there is a right one; None takes that of a false answer
    - `metric`: how wrong a span is: "exact" all or nothing, "f1" by the part of the words that is missed

    Raises `InputError` for a cost that is no number from 0 on, and where no row can be scored.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> cheapest([example_row(Example("Who kept it?", "Ada kept it.", gold=()), reading)]).threshold
    -inf
    """
    wrong = false_answer if wrong_span is None else wrong_span
    for name, cost in (("false_answer", false_answer), ("missed", missed), ("wrong_span", wrong)):
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
            raise InputError(f"{name} has to be a cost from 0 on, but is {cost!r}.")
    check_metric(metric)
    curve, table = sweep(rows), columns(rows)
    has, N = table.answerable, len(table)
    finite = np.isfinite(table.margin)
    # What answering a question instead of missing it adds to the cost.
    added = np.where(has, wrong * (1 - table.of_best(metric)) - missed, false_answer)
    order = np.argsort(table.margin[finite], kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(added[finite][order])])[curve.answered]
    costs = (missed * has.sum() + sums) / N
    best = int(costs.argmin())
    return CheapestThreshold(curve.level(best), float(costs[best]), float(costs[-1]), float(costs[0]))


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
    order = np.argsort(table.margin, kind="stable")
    order = order[np.isfinite(table.margin[order])]
    margin = table.margin[order]
    if not len(order):
        return np.full(len(weights), -np.inf)
    last = np.flatnonzero(np.append(margin[1:] != margin[:-1], True))
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
