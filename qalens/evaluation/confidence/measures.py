"""Measures of a confidence (N,) against what was right (N,), 1 or 0, each with its interval over groups.

Every measure but the calibration error is smooth, so the influence of each question is known in closed form, and both the
interval of one confidence and that of a difference of two follow from sums of influences by group.

Sources: DeLong et al. 1988 and Obuchowski 1997 (AUROC, with groups); Geifman et al. 2019 (AURC and its excess, E-AURC);
Traub et al. 2024 (AUGRC); Guo et al. 2017 (ECE); Efron 1982 (infinitesimal jackknife).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed, is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.intervals import Estimate, clustered_variance, measure, t_quantile
from qalens.records import brief, read_only

MeasureName = Literal["brier", "aurc", "excess_aurc", "augrc", "auroc"]
MEASURES: tuple[MeasureName, ...] = ("brier", "aurc", "excess_aurc", "augrc", "auroc")
DEFAULT_BINS = 10
_DRAWS = 2000
_HALVINGS = 20
_FEW_GROUPS = 100


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """B bins of questions by confidence: mean confidence and accuracy in each.

    Attributes
    ----------
    edges : ndarray of float64
        (B + 1,): the limits of the bins.
    confidence, accuracy : ndarray of float64
        (B,): means, nan in an empty bin.
    count : ndarray of int64
        (B,): the number of questions.
    error : float
        The plain expected calibration error, `Σ count / N · |accuracy − confidence|`. Few questions raise it: see
        `if_calibrated`.
    if_calibrated : float
        The mean error of a perfectly calibrated model with these confidences.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]
    error: float
    if_calibrated: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """The share of mistakes among the most confident questions, for every coverage.

    Attributes
    ----------
    coverage : ndarray of float64
        (N,): the share of questions that is covered, most confident first, from 1 / N to 1.
    risk : ndarray of float64
        (N,): the share of mistakes among them; questions with equal confidence count as in the mean over random
        orders.
    area : float
        The mean of `risk`, AURC.
    least : float
        The area of a confidence that ranks all mistakes last.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float
    least: float

    def __post_init__(self) -> None:
        self.coverage.flags.writeable = False
        self.risk.flags.writeable = False

    @property
    def excess(self) -> float:
        """`area` − `least`, E-AURC: the part of the area that is due to the ranking of the mistakes."""
        return self.area - self.least


def reliability(
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    *,
    bins: int = DEFAULT_BINS,
    equal: str = "width",
) -> Reliability:
    """Bin questions by confidence and compare it with the accuracy.

    Parameters
    ----------
    confidence : ndarray of float64
        (N,), from 0 to 1.
    right : ndarray of float64
        (N,), 0 or 1.
    bins : int, default DEFAULT_BINS
        The number of bins.
    equal : str, default "width"
        "width" divides 0 … 1 into equal parts, "mass" sorts the questions into parts of about equal numbers, never
        between equal confidences.

    Returns
    -------
    Reliability

    Raises
    ------
    InputError
        For another `equal`, for no questions, and for a confidence outside 0 … 1.

    References
    ----------
    Guo et al. 2017, On Calibration of Modern Neural Networks.

    Examples
    --------
    >>> reliability(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0.0, 0.0])).error
    0.3
    """
    check_bins(bins)
    if not len(confidence) or not ((confidence >= 0) & (confidence <= 1)).all():
        raise InputError("A reliability curve needs at least one question, and confidences from 0 to 1.")
    edges = _edges(confidence, bins, equal)
    place, B = _place(confidence, edges), len(edges) - 1
    count = np.bincount(place, minlength=B)
    sums = [np.bincount(place, x, B) for x in (confidence, right)]
    means = [np.divide(x, count, out=np.full(B, np.nan), where=count > 0) for x in sums]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(confidence))
    # The mean of |x| for a normal x: so far each bin strays for a calibrated confidence.
    stray = np.sqrt(2 / math.pi * np.bincount(place, confidence * (1 - confidence), B)).sum() / len(
        confidence
    )
    return Reliability(edges, means[0], means[1], count, round(error, 12), float(stray))


def corrected_error(
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    bins: int = DEFAULT_BINS,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The expected calibration error in bins of equal width without what few questions add to it, with its interval.

    Parameters
    ----------
    confidence, right
        (N,): from 0 to 1, and 0 or 1.
    group
        (N,): what is drawn together.
    bins
        Of equal width.
    level
        Of the interval.
    seed
        Draws 2,000 sets of gaps.

    Returns
    -------
    Estimate
        The error that the counted one is the median of, and an interval. 0 where a calibrated model counts as much in more
        than half of the draws. Ends of nan for one group.

    Notes
    -----
    The gaps (accuracy − confidence) · share of all bins are jointly about normal, with a covariance by groups, and what is
    counted, the sum of their magnitudes, is a test of every true error, which is inverted. How much chance adds depends on
    where the error sits: the value takes it to be spread over the bins as the gaps seen are; the low end as in those bins
    alone that exceed chance (as James and Stein shrink them), where chance adds most; the high end as even.
    """
    place = _place(confidence, _edges(confidence, bins, "width"))
    gaps = np.bincount(place, right - confidence, bins) / len(confidence)
    covariance, groups = _gap_covariance(place, right - confidence, gaps, group)
    seen = float(np.abs(gaps).sum())
    if groups < 2 or not seen:
        return Estimate(seen, math.nan, math.nan, len(right))
    draws = _gap_draws(covariance, groups, seed)
    kept = np.maximum(0.0, 1 - np.divide(covariance.diagonal(), gaps**2, out=np.ones(bins), where=gaps != 0))
    apart = gaps * kept if kept.any() else gaps
    even = np.bincount(place, minlength=bins).astype(float)
    tail = (1 - level) / 2
    value, low, high = (
        _true_error(among, draws, seen, share)
        for among, share in ((gaps, 0.5), (apart, tail), (even, 1 - tail))
    )
    return Estimate(value, min(low, value), min(1.0, max(value, high)), len(right))


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.float64]) -> RiskCoverage:
    """Compute the share of mistakes among the most confident questions, by coverage.

    Parameters
    ----------
    confidence : ndarray of float64
        (N,): any finite numbers.
    right : ndarray of float64
        (N,), 0 or 1.

    Returns
    -------
    RiskCoverage

    References
    ----------
    Geifman and El-Yaniv 2017.

    Examples
    --------
    >>> risk_coverage(np.array([3.0, 2.0, 1.0]), np.array([1.0, 1.0, 0.0])).risk.round(3).tolist()
    [0.0, 0.0, 0.333]
    """
    N = len(confidence)
    if not N:
        raise InputError("A risk–coverage curve needs at least one question.")
    ranks = _Ranks.of(confidence)
    risk, least = _risks(ranks, 1.0 - right[ranks.order])
    return RiskCoverage(np.arange(1, N + 1) / N, np.clip(risk, 0, 1), float(risk.mean()), float(least.mean()))


def separation(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The area under the ROC curve: the probability that a positive has a higher value than a negative, ties counting
    half.

    Parameters
    ----------
    values : ndarray of float64
        (N,).
    positive : ndarray of bool
        (N,).

    Returns
    -------
    float
        nan without a positive or without a negative.

    Examples
    --------
    >>> separation(np.array([0.9, 0.2, 0.2]), np.array([True, True, False]))
    0.75
    """
    P = int(positive.sum())
    if not 0 < P < len(values):
        return math.nan
    rank = _mid_ranks(values)
    return float((rank[positive].sum() - P * (P + 1) / 2) / (P * (len(values) - P)))


def influence(
    name: MeasureName, values: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """A measure and its influence function, the amount by which each question moves it.

    Parameters
    ----------
    name : MeasureName
        "brier", "aurc", "excess_aurc", "augrc" or "auroc".
    values : ndarray of float64
        (N,): the confidence.
    right : ndarray of float64
        (N,), 0 or 1.

    Returns
    -------
    tuple of (float, ndarray of float64)
        The measure, and (N,) influences that sum to 0; nan if it has no value.

    Examples
    --------
    >>> influence("brier", np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    (0.5, array([-0.25,  0.25]))
    """
    value, raw = _INFLUENCE[name](values, right)
    return value, (raw - raw.mean()) / len(values)


def measured(
    name: MeasureName,
    values: NDArray[np.float64],
    right: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    level: float = 0.95,
) -> Estimate:
    """A measure with its interval over groups.

    Parameters
    ----------
    name, values, right
        As in `influence`.
    group : ndarray of int64
        (N,): the group of each question.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> right = np.array([1.0, 1.0, 0.0, 0.0])
    >>> print(measured("auroc", np.array([4.0, 3.0, 2.0, 1.0]), right, np.arange(4)))
    1.00 [0.16, 1.00]
    """
    value, moved, drawn = _deviations(name, values, right, group)
    few = float(min(right.sum(), (1 - right).sum())) if name == "auroc" else float(len(np.unique(group)))
    found = measure(value, moved, drawn, level=level, least_size=few)
    return replace(found, count=len(right))


def measured_difference(
    name: MeasureName,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    right: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    level: float = 0.95,
) -> Estimate:
    """A measure of one confidence minus that of another on the same questions.

    Parameters
    ----------
    name : MeasureName
        As in `influence`.
    first, second : ndarray of float64
        (N,): the two confidences.
    right : ndarray of float64
        (N,), 0 or 1.
    group : ndarray of int64
        (N,): the group of each question.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Estimate
        With Student's t interval over groups.
    """
    (a, x, drawn), (b, y, _) = (_deviations(name, values, right, group) for values in (first, second))
    variance, groups = clustered_variance(x - y, drawn)
    if groups < 2:
        return Estimate(a - b, math.nan, math.nan, len(right))
    half = t_quantile(level, groups - 1) * math.sqrt(variance)
    return Estimate(a - b, a - b - half, a - b + half, len(right))


def _deviations(
    name: MeasureName, values: NDArray[np.float64], right: NDArray[np.float64], group: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64], NDArray[np.int64]]:
    """A measure, by how much questions or groups move it, and what is drawn of them.

    The areas under risk curves are so bent that influences understate them with few questions; there each of few groups is
    really left out (the jackknife).
    """
    value, moved = influence(name, values, right)
    known, number = np.unique(group, return_inverse=True)
    G = len(known)
    if name not in ("aurc", "excess_aurc") or not 2 <= G <= _FEW_GROUPS:
        return value, moved, group
    without = _areas_without(values, right, number, excess=name == "excess_aurc")
    return value, (without.mean() - without) * (G - 1) / G, np.arange(G)


def _areas_without(
    values: NDArray[np.float64], right: NDArray[np.float64], number: NDArray[np.int64], *, excess: bool
) -> NDArray[np.float64]:
    """(G,): the area under the risk curve, or its excess, without each group. Sorted once: the others keep their order."""
    ranks = _Ranks.of(values)
    wrong, place = 1.0 - right[ranks.order], number[ranks.order]
    found = []
    for g in range(int(number.max()) + 1):
        kept = place != g
        risk, least = _risks(_Ranks(ranks.order[kept], ranks.run[kept]), wrong[kept])
        found.append(risk.mean() - least.mean() if excess else risk.mean())
    return np.array(found)


def _risks(ranks: _Ranks, wrong: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) each: the share of mistakes among the surest, and that of an order that puts all mistakes last."""
    number = np.arange(1, len(wrong) + 1)
    # Within a run of equal confidences mistakes come evenly: the mean over all orders.
    risk = np.cumsum(ranks.mean(wrong)) / number
    return risk, np.maximum(0.0, number - (len(wrong) - wrong.sum())) / number


def check_bins(bins: int) -> None:
    """Check a number of bins.

    Parameters
    ----------
    bins : int
        A whole number from 1 on.

    Raises
    ------
    InputError
        For anything else.
    """
    if not is_whole(bins, least=1):
        raise InputError(f"bins has to be a whole number from 1 on, but is {shown(bins)}.")


@dataclass(frozen=True, slots=True, eq=False)
class _Ranks:
    """Questions in the order of confidence, surest first, with runs of equal ones: `order` (N,), `run` (N,) of each place."""

    order: NDArray[np.int64]
    run: NDArray[np.int64]

    @classmethod
    def of(cls, confidence: NDArray[np.float64]) -> _Ranks:
        order = np.argsort(-confidence, kind="stable")
        return cls(order, np.cumsum(np.diff(confidence[order], prepend=np.nan) != 0) - 1)

    def mean(self, placed: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,): for each place the mean over its run."""
        return (np.bincount(self.run, placed) / np.maximum(1, np.bincount(self.run)))[self.run]

    def from_run_on(self, placed: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,): for each place the sum over its run and all later ones."""
        sums = np.bincount(self.run, placed).astype(np.float64)
        return np.cumsum(sums[::-1])[::-1][self.run]

    def back(self, placed: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,): from places to questions."""
        found = np.empty(len(placed))
        found[self.order] = placed
        return found


def _edges(confidence: NDArray[np.float64], bins: int, equal: str) -> NDArray[np.float64]:
    if equal == "width":
        return np.linspace(0, 1, bins + 1)
    if equal == "mass":
        cuts = np.sort(confidence)[(np.arange(1, bins) * len(confidence)) // bins]
        return np.concatenate([[0.0], np.unique(cuts[(cuts > 0) & (cuts < 1)]), [1.0]])
    raise InputError(f'equal has to be "width" or "mass", but is {shown(equal)}.')


def _place(confidence: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, len(edges) - 2)


def _gap_covariance(
    place: NDArray[np.int64],
    distance: NDArray[np.float64],
    gaps: NDArray[np.float64],
    group: NDArray[np.int64],
) -> tuple[NDArray[np.float64], int]:
    """(B, B): the covariance of the gaps when whole groups are drawn, and how many groups there are."""
    _, number = np.unique(group, return_inverse=True)
    G, B, N = int(number.max()) + 1, len(gaps), len(place)
    sums = np.bincount(number * B + place, distance, G * B).reshape(G, B) / N
    sums -= np.bincount(number)[:, None] * gaps / N
    return sums.T @ sums * G / max(1, G - 1), G


def _gap_draws(covariance: NDArray[np.float64], groups: int, seed: int) -> NDArray[np.float64]:
    """(draws, B): how the gaps stray; with few groups the covariance itself is uncertain, hence t and not normal."""
    rng = np.random.default_rng(check_seed(seed))
    heavy = np.sqrt((groups - 1) / rng.chisquare(groups - 1, (_DRAWS, 1)))
    return heavy * rng.multivariate_normal(np.zeros(len(covariance)), covariance, _DRAWS, method="eigh")


def _true_error(among: NDArray[np.float64], draws: NDArray[np.float64], seen: float, share: float) -> float:
    """The error that, divided as `among` (B,), is counted as `seen` or more in a `share` of the draws."""
    part = among / np.abs(among).sum()

    def reached(error: float) -> float:
        return float((np.abs(error * part + draws).sum(1) >= seen).mean())

    if reached(0.0) >= share:
        return 0.0
    low, high = 0.0, seen
    while reached(high) < share:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < share else (low, middle)
    return high


def _mid_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,): ranks from 1 on, lowest value first; equal ones share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def _brier(values: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    squares = (values - right) ** 2
    return float(squares.mean()), squares


def _aurc(values: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """E[wrong · −log G], with G the share of questions that are as sure or surer."""
    ranks, number = _Ranks.of(values), np.arange(1, len(values) + 1)
    wrong = 1.0 - right[ranks.order]
    weight = ranks.mean(np.cumsum(1 / number[::-1])[::-1])
    # A question also moves G for all that are no surer than it.
    moved = wrong * weight - ranks.from_run_on(wrong * ranks.mean(1 / number))
    return risk_coverage(values, right).area, ranks.back(moved)


def _excess_aurc(
    values: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    _, moved = _aurc(values, right)
    # The least area is R + (1 − R) log(1 − R) for a share R of mistakes, with the slope −log(1 − R).
    slope = -math.log(max(float(right.mean()), 0.5 / len(right)))
    return risk_coverage(values, right).excess, moved - slope * (1.0 - right)


def _augrc(values: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """E[wrong · F], with F the share of questions that are no surer: the mean over coverages of mistakes / N."""
    N, ranks = len(values), _Ranks.of(values)
    wrong = 1.0 - right[ranks.order]
    share = ranks.mean(np.arange(N, 0, -1) / N)
    # A question moves F for all that are as sure as it or surer.
    surer = wrong.sum() - ranks.from_run_on(wrong) + ranks.mean(wrong) * np.bincount(ranks.run)[ranks.run]
    return float((wrong * share).mean()), ranks.back(wrong * share + surer / N)


def _auroc(values: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """For a right question the share of wrong ones below it, and for a wrong one that of right ones above it."""
    positive, N = right > 0, len(values)
    area = separation(values, positive)
    if math.isnan(area):
        return area, np.full(N, np.nan)
    rank, moved = _mid_ranks(values), np.empty(N)
    for some, sign in ((positive, 1.0), (~positive, -1.0)):
        P = int(some.sum())
        below = (rank[some] - _mid_ranks(values[some])) / (N - P)
        moved[some] = ((below if sign > 0 else 1 - below) - area) * N / P
    return area, moved


_INFLUENCE = {
    "brier": _brier,
    "aurc": _aurc,
    "excess_aurc": _excess_aurc,
    "augrc": _augrc,
    "auroc": _auroc,
}
