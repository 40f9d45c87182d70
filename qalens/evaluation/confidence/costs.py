"""The no-answer threshold at which mistakes cost least, and an estimate of what it saves on other questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.evaluation.columns import DRAWN, By, Columns, Metric, check_metric, columns
from qalens.evaluation.confidence.thresholds import (
    Level,
    answering_order,
    drawn_groups,
    fold_of_groups,
    sweep,
)
from qalens.evaluation.intervals import Estimate, changes, check_level, shares
from qalens.evaluation.rows import ExampleRow
from qalens.records import brief


@brief
@dataclass(frozen=True, slots=True)
class CheapestThreshold:
    """The threshold at which mistakes cost least.

    Attributes
    ----------
    level : Level
        Its metrics; any threshold from `level.threshold` up to `level.until` costs the same.
    cost : float
        The cost per question there, on the questions it was chosen on.
    always : float
        The cost of answering whenever there is a span.
    never : float
        The cost of never answering.
    honest : Estimate
        The cost per question if each fold is decided by the cheapest threshold of the others.
    saved : Estimate
        What that saves against the cheaper of `always` and `never`; below 0 it is better not to choose a threshold.
    by : By
        What folds and intervals resample.
    folds : tuple of float
        The cheapest thresholds, each without one fold; empty for one group alone.
    """

    level: Level
    cost: float
    always: float
    never: float
    honest: Estimate
    saved: Estimate
    by: By
    folds: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """The lowest of the cheapest thresholds, in logits."""
        return self.level.threshold

    def __str__(self) -> str:
        return (
            f"threshold {self.threshold:.2f}: cost {self.honest:.3f} a question on questions not seen, {self.cost:.3f} on "
            f"those it was chosen on, {self.always:.3f} always answering, {self.never:.3f} never; saves {self.saved:.3f}; "
            f"intervals over {DRAWN[self.by]}"
        )


@brief
@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of each kind of mistake, in any one unit.

    Attributes
    ----------
    false_answer : float, default 1.0
        An answer to an unanswerable question.
    missed : float, default 1.0
        No answer to an answerable question.
    wrong_span : float or None, default None
        A wrong answer to an answerable question; None takes the cost of a false answer.
    """

    false_answer: float = 1.0
    missed: float = 1.0
    wrong_span: float | None = None

    def __post_init__(self) -> None:
        for name in ("false_answer", "missed", "wrong_span"):
            cost = getattr(self, name)
            if name == "wrong_span" and cost is None:
                continue
            if not is_number(cost) or not 0 <= cost < math.inf:
                raise InputError(f"{name} has to be a cost from 0 on, but is {shown(cost)}.")

    @property
    def wrong(self) -> float:
        """The cost of a wrong span."""
        return self.false_answer if self.wrong_span is None else self.wrong_span

    @property
    def most(self) -> float:
        """The cost of the most expensive mistake."""
        return max(self.false_answer, self.missed, self.wrong)


def cheapest(
    rows: Sequence[ExampleRow],
    *,
    false_answer: float = 1.0,
    missed: float = 1.0,
    wrong_span: float | None = None,
    metric: Metric = "exact",
    folds: int = 5,
    by: By | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> CheapestThreshold:
    """Find the threshold at which mistakes cost least, and estimate on other folds what it saves.

    Of equally cheap thresholds the lowest is taken.

    Parameters
    ----------
    rows
        Those without known gold answers are left out.
    false_answer, missed, wrong_span
        As in `Costs`.
    metric
        How wrong a span is: "exact" all or nothing, "f1" by the part of the words that is missed.
    folds, by, seed
        As in `cross_fit`. Where there are fewer groups than folds each is a fold; with one group alone `honest` is nan.
    level
        Of the intervals.

    Returns
    -------
    CheapestThreshold
        `cost` flatters: it is that of the best of many thresholds on the questions they were tried on.

    Raises
    ------
    InputError
        For a cost that is no number from 0 on, and where no row can be scored.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> cheapest([example_row(Example("Who kept it?", "Ada kept it.", gold=()), reading)]).threshold
    -inf
    """
    costs = Costs(false_answer, missed, wrong_span)
    check_metric(metric)
    check_level(level)
    curve, table = sweep(rows), columns(rows)
    by, group = drawn_groups(rows, table, by)
    every = _mean_costs(table, costs, metric)
    best = int(every.argmin())
    chosen, paid = _honest_costs(table, costs, metric, group, folds, seed)
    simple = _costs(table, np.full(len(table), np.inf if every[-1] < every[0] else -np.inf), costs, metric)
    ones = np.ones((len(table), 1))
    most = costs.most or 1.0
    (honest,) = shares(paid[:, None] / most, ones, group, level=level)
    (saved,) = changes((simple - paid)[:, None], ones, group, most=most, level=level)
    return CheapestThreshold(
        curve.level(best),
        *(float(every[k]) for k in (best, -1, 0)),
        honest=honest.scaled(most / 100),
        saved=saved,
        by=by,
        folds=chosen,
    )


def _mean_costs(table: Columns, costs: Costs, metric: Metric) -> NDArray[np.float64]:
    """(K,): the cost per question at each level of `sweep`."""
    order, last = answering_order(table)
    silent, said = (_costs(table, np.full(len(table), t), costs, metric) for t in (-np.inf, np.inf))
    return (silent.sum() + np.concatenate([[0.0], np.cumsum((said - silent)[order])[last]])) / len(table)


def _costs(
    table: Columns, threshold: NDArray[np.float64], costs: Costs, metric: Metric
) -> NDArray[np.float64]:
    """(N,): what each row costs when it is decided at a threshold of its own."""
    answered = np.isfinite(table.margin) & (table.margin <= threshold)
    wrong = np.where(table.answerable, costs.wrong * (1 - table.of_best(metric)), costs.false_answer)
    return np.where(answered, wrong, np.where(table.answerable, costs.missed, 0.0))


def _honest_costs(
    table: Columns, costs: Costs, metric: Metric, group: NDArray[np.int64], folds: int, seed: int
) -> tuple[tuple[float, ...], NDArray[np.float64]]:
    """The cheapest thresholds, each without one fold, and (N,): what each row costs at that of its fold, nan for one group."""
    folds = min(folds, int(group.max()) + 1)
    if folds < 2:
        return (), np.full(len(table), np.nan)
    fold = fold_of_groups(group, folds, seed)
    chosen = []
    for k in range(folds):
        others = table.take(fold != k)
        margins = np.unique(others.margin[np.isfinite(others.margin)])
        best = int(_mean_costs(others, costs, metric).argmin())
        chosen.append(float(margins[best - 1]) if best else -math.inf)
    return tuple(chosen), _costs(table, np.array(chosen)[fold], costs, metric)
