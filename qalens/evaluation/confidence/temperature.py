"""One number fitted to make what is right most likely: the temperature T that all logits are divided by.

Dividing start, end and null logits by T > 1 flattens the distribution over spans and no-answer, T < 1 sharpens it; the
order of the spans and the sign of every margin stay. T is fitted by the likelihood of what is known to be right. Rows
know the mass and the mean score of their spans at a few temperatures, T = 1 among them, and there everything is exact. In
between, a cubic spline over log T is an approximation; the tests allow it 0.03 nats of a log-probability.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.evaluation.bootstrap import check_bootstrap, expanded_level, percentiles, resample_weights
from qalens.evaluation.columns import By, columns, drawn_by, groups
from qalens.evaluation.confidence.thresholds import fold_of_groups
from qalens.evaluation.rows import ExampleRow
from qalens.records import brief, read_only
from qalens.spans.summary import TEMPERATURES

_STEPS = 6  # steps between two temperatures that rows know, for the search


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Tempered:
    """The probabilities of N readings at temperatures; all arrays are (N,).

    - `probability` P(best), `no_answer_probability` P(∅), `cluster_probability`: of all spans that overlap the best
    - `entropy`: of the whole distribution, in bits
    - `log_gold`: log P of what is right, the gold answers together or no answer; -inf where the model could not say
      it, and nan where nothing is known

    Attributes
    ----------
    probability : ndarray of float64
        P(best span).
    no_answer_probability : ndarray of float64
        P(∅).
    cluster_probability : ndarray of float64
        The probability of all spans that overlap the best.
    entropy : ndarray of float64
        Of the whole distribution, in bits.
    log_gold : ndarray of float64
        log P of what is right, the gold answers together or no answer; -inf if the model cannot give it, and nan if
        it is not known.
    """

    probability: NDArray[np.float64]
    no_answer_probability: NDArray[np.float64]
    cluster_probability: NDArray[np.float64]
    entropy: NDArray[np.float64]
    log_gold: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False


@brief
@dataclass(frozen=True, slots=True)
class Temperature:
    """A fitted temperature with its interval over resamples.

    - `value`; `low`, `high`: the ends of the interval, nan where there is one group alone
    - `loss`: mean −log P of what is right at `value`, in nats; `loss_at_one`: that of the model as it is
    - `used`: questions that were fitted to; `left_out`: those where the model cannot say what is right (an answer too
      long, or cut by a token), and those that could not be read

    Attributes
    ----------
    value : float
        The temperature.
    low, high : float
        The ends of the interval, nan for a single group.
    loss : float
        The mean −log P of what is right at `value`, in nats.
    loss_at_one : float
        The same at temperature 1.
    used : int
        The number of questions that it was fitted to.
    left_out : int
        The number of questions for which the model cannot give the right answer (too long, or ending inside a token),
        or that could not be read.
    """

    value: float
    low: float
    high: float
    loss: float
    loss_at_one: float
    used: int
    left_out: int

    def __str__(self) -> str:
        interval = "" if math.isnan(self.low) else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"T = {self.value:.2f}{interval}, loss {self.loss_at_one:.3f} → {self.loss:.3f}"


def tempered(rows: Sequence[ExampleRow], temperature: float | NDArray[np.float64] = 1.0) -> Tempered:
    """The probabilities of rows at another temperature.

    Parameters
    ----------
    rows : sequence of ExampleRow
        N rows; those that could not be read give nan.
    temperature : float or ndarray of float64, default 1.0
        A number, or (N,) for one for each row.

    Returns
    -------
    Tempered

    Raises
    ------
    InputError
        For a temperature outside 1/8 … 8, which rows do not hold.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada", strength=3)
    >>> row = example_row(reading.example, reading)
    >>> warm = tempered([row], 2.0)
    >>> bool(warm.probability[0] < row.probability)
    True
    """
    T = np.broadcast_to(np.asarray(temperature, np.float64), (len(rows),))
    low, high = TEMPERATURES[0], TEMPERATURES[-1]
    if not ((low <= T) & (high >= T)).all():
        raise InputError(
            f"Rows know temperatures from {low:g} to {high:g}, but temperature is {shown(temperature)}."
        )
    return _tempered(_table(rows), T)


def fit_temperature(
    rows: Sequence[ExampleRow],
    *,
    by: By | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Temperature:
    """Find the temperature between 1/8 and 8 that maximises the likelihood of what is right.

    Parameters
    ----------
    rows : sequence of ExampleRow
        Rows with known gold answers.
    by : By or None, default None
        What the bootstrap resamples: "text", "title" or "question"; None takes articles if every row has a title and
        there are five or more of them, else texts.
    resamples : int, default 1000
        The number of resamples for the interval.
    level : float, default 0.95
        Of the interval.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    Temperature

    Raises
    ------
    InputError
        For rows without any known answer.

    References
    ----------
    Guo et al. 2017, with spans and no answer as classes.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada", strength=3)
    >>> rows = [example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)]
    >>> fit_temperature(rows, resamples=10).value
    8.0
    """
    check_bootstrap(resamples, level)
    usable, losses = _losses(rows)
    fitted = [rows[k] for k in usable.tolist()]
    group = groups(fitted, drawn_by(fitted, by))
    _, group = np.unique(group, return_inverse=True)
    grid = _grid()
    by_group = np.stack([np.bincount(group, losses[:, t]) for t in range(len(grid))], axis=1)
    drawn = np.concatenate(
        [_lowest(block @ by_group) for block in resample_weights(len(by_group), resamples, seed)]
    )
    G = len(by_group)
    low, high = percentiles(drawn, expanded_level(level, G)) if G > 1 else (math.nan, math.nan)
    value = float(_lowest(losses.sum(0)[None])[0])
    at_value = tempered(fitted, value).log_gold
    return Temperature(
        value=value,
        low=low,
        high=high,
        loss=-float(at_value.mean()),
        loss_at_one=float(losses[:, int(np.abs(grid).argmin())].mean()),
        used=len(usable),
        left_out=len(columns(rows)) - len(usable),
    )


def cross_fitted_temperatures(
    rows: Sequence[ExampleRow], *, folds: int = 5, by: By | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Fit for each row a temperature on the rows of all other folds, so that no row judges itself.

    Parameters
    ----------
    rows : sequence of ExampleRow
        N rows; those that cannot be fitted to take the temperature of their fold as well.
    folds : int, default 5
        The number of folds.
    by : By or None, default None
        What stays in one fold, as in `fit_temperature`.
    seed : int, default 0
        Draws the folds.

    Returns
    -------
    ndarray of float64
        (N,).

    Raises
    ------
    InputError
        For fewer groups than folds.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada", strength=3)
    >>> rows = [example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)] * 4
    >>> cross_fitted_temperatures(rows, folds=2, by="question").tolist()
    [8.0, 8.0, 8.0, 8.0]
    """
    fold = fold_of_groups(groups(rows, drawn_by(rows, by)), folds, seed)
    usable, losses = _losses(rows)
    found = np.empty(len(rows))
    for k in range(folds):
        others = fold[usable] != k
        if not others.any():
            raise InputError(f"Without fold {k} no row is left to fit a temperature to; take fewer folds.")
        found[fold == k] = _lowest(losses[others].sum(0)[None])[0]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What N rows know, relative to their best span: log masses and mean scores (N, K), margins (N,), gold scores (N, G).

    `read` (N,): whether the text could be read; `has` (N,): whether it has a span; `known` (N,): whether a gold answer is
    known, `answerable` (N,): and that there is one.
    """

    mass: NDArray[np.float64]
    near: NDArray[np.float64]
    mean: NDArray[np.float64]
    margin: NDArray[np.float64]
    gold: NDArray[np.float64]
    read: NDArray[np.bool_]
    has: NDArray[np.bool_]
    known: NDArray[np.bool_]
    answerable: NDArray[np.bool_]


def _table(rows: Sequence[ExampleRow]) -> _Table:
    N, K = len(rows), len(TEMPERATURES)
    # Where every span is masked, all lies on no answer, as in a text without a span.
    has = np.array([not row.failed and row.score is not None and row.score > -math.inf for row in rows], bool)
    (mass, near, mean), margin = np.zeros((3, N, K)), np.full(N, np.inf)
    gold = np.full((N, max([1, *(len(row.gold_scores) for row in rows)])), -np.inf)
    for k, row in enumerate(rows):
        if has[k]:
            mass[k], near[k], mean[k] = row.masses, row.cluster_masses, row.mean_scores
            margin[k] = row.margin
            gold[k, : len(row.gold_scores)] = np.array(row.gold_scores) - row.score
    return _Table(
        mass,
        near,
        mean,
        margin,
        gold,
        read=np.array([not row.failed for row in rows], bool),
        has=has,
        known=np.array([row.golds is not None for row in rows], bool),
        answerable=np.array([bool(row.golds) for row in rows], bool),
    )


def _tempered(table: _Table, T: NDArray[np.float64]) -> Tempered:
    weights = _spline(np.log(T))
    # Mean scores grow about as T does, so they are smooth once divided by it.
    known = (table.mass, table.near, table.mean / np.array(TEMPERATURES))
    mass, near, mean = ((array * weights).sum(1) for array in known)
    # Everything relative to the best span, in nats; without a span all lies on no answer.
    null = np.where(table.has, table.margin, 0.0) / T
    total = np.where(table.has, np.logaddexp(mass, null), 0.0)
    p_null = np.exp(np.minimum(null - total, 0.0))
    with np.errstate(invalid="ignore"):
        # H = log Z − E[score] / T; what has no chance has no share in the mean, at whatever score.
        expected = (1 - p_null) * mean + np.where(p_null > 0, p_null * null, 0.0)
        entropy = np.where(null < np.inf, np.maximum(0.0, total - expected) / math.log(2), 0.0)
        right = np.logaddexp.reduce(table.gold / T[:, None], axis=1) - total
    log_gold = np.where(table.answerable, right, null - total)
    named = {
        "probability": np.where(table.has, np.exp(-total), 0.0),
        "no_answer_probability": p_null,
        "cluster_probability": np.where(table.has, np.exp(np.minimum(near - total, 0.0)), 0.0),
        "entropy": entropy,
        "log_gold": np.where(table.known, np.minimum(log_gold, 0.0), np.nan),
    }
    return Tempered(**{name: np.where(table.read, array, np.nan) for name, array in named.items()})


def _losses(rows: Sequence[ExampleRow]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows that a temperature can be fitted to, and for them −log P of what is right on a grid of temperatures."""
    scored = columns(rows).index
    table = _table([rows[k] for k in scored.tolist()])
    losses = np.stack(
        [-_tempered(table, np.full(len(scored), math.exp(x))).log_gold for x in _grid()], axis=1
    )
    known = np.isfinite(losses).all(1)
    if not known.any():
        raise InputError(
            "There is no row in which the model could have said what is right, so no temperature fits."
        )
    return scored[known], losses[known]


@functools.cache
def _grid() -> NDArray[np.float64]:
    """log T in even steps, 0 among them."""
    low, high = math.log(TEMPERATURES[0]), math.log(TEMPERATURES[-1])
    grid = np.linspace(low, high, (len(TEMPERATURES) - 1) * _STEPS + 1)
    grid.flags.writeable = False
    return grid


def _lowest(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(b,): the temperature with the least loss, from losses (b, grid); a parabola through the three lowest places."""
    grid = _grid()
    at = losses.argmin(1)
    inner = np.clip(at, 1, len(grid) - 2)
    rows = np.arange(len(losses))
    before, here, after = (losses[rows, inner + k] for k in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(len(at)), where=bend > 0)
    refined = grid[inner] + np.clip(shift, -1, 1) * (grid[1] - grid[0])
    # At an end of the grid the least loss may lie beyond it.
    ends = np.where(at == 0, TEMPERATURES[0], TEMPERATURES[-1])
    return np.where(at == inner, np.exp(refined), ends)


def _spline(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K): the weights of K knots in the value of a natural cubic spline at x (N,)."""
    knots, curvature = _knots()
    step = knots[1] - knots[0]
    i = np.clip(((x - knots[0]) / step).astype(int), 0, len(knots) - 2)
    b = ((x - knots[i]) / step)[:, None]
    a = 1 - b
    left, right, bend_left, bend_right = (
        table[i + k] for table in (np.eye(len(knots)), curvature) for k in (0, 1)
    )
    return a * left + b * right + ((a**3 - a) * bend_left + (b**3 - b) * bend_right) * step**2 / 6


@functools.cache
def _knots() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The knots in log T, and (K, K): the second derivatives at the knots for a 1 at each of them."""
    knots = np.log(np.array(TEMPERATURES))
    K, step = len(knots), knots[1] - knots[0]
    left, right = np.eye(K), np.zeros((K, K))
    for k in range(1, K - 1):
        left[k, k - 1 : k + 2] = step / 6, 2 * step / 3, step / 6
        right[k, k - 1 : k + 2] = 1 / step, -2 / step, 1 / step
    return knots, np.linalg.solve(left, right).astype(np.float64)
