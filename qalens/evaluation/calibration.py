"""Does confidence mean anything: reliability, risk against coverage, and answerability, for several confidences at once.

A confidence is a number for each question that should be high where the model is right. Two things can be right: the
decision (an answer or none), and the best span, taken or not. The second ranks all questions by how sure a span is, as in
selective answering, where a model keeps silent where it is not sure enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.evaluation.columns import By, Columns, columns
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.temperature import Tempered, cross_fitted_temperatures, tempered
from qalens.records import read_only

Event = Literal["decision", "best span"]
ConfidenceName = Literal["probability", "cluster", "given answer", "margin", "entropy", "product"]
DEFAULT_BINS = 10


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """B bins of questions by confidence: how sure the model was in each, and how often it was right.

    - `confidence`, `accuracy`, (B,): means, nan in an empty bin; `count` (B,); `edges` (B + 1,): where bins begin and end
    - `error`: the expected calibration error, Σ count / N · |accuracy − confidence|
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]
    error: float

    def __post_init__(self) -> None:
        for field in fields(self)[:-1]:
            getattr(self, field.name).flags.writeable = False


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """What share of mistakes is among the surest questions, for every coverage.

    - `coverage` (N,): the share of questions that is covered, surest first, from 1 / N to 1
    - `risk` (N,): the share of mistakes among them; questions with equal confidence count as in a mean random order
    - `area`: the mean of `risk`, AURC; `least`: that of a confidence that ranks all mistakes last
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float
    least: float

    def __post_init__(self) -> None:
        self.coverage.flags.writeable = False
        self.risk.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceReport:
    """One confidence on N questions.

    - `name`, `temperature`: mean temperature over the questions, None for the model as it is
    - `by_width`, `by_mass`: `Reliability` in bins of equal width, and of equal numbers of questions
    - `brier`: mean squared distance of the confidence from what happened
    - `risk_coverage`; `separation`: the chance that a right question is surer than a wrong one (AUROC), nan where
      all are right or all wrong
    """

    name: ConfidenceName
    temperature: float | None
    by_width: Reliability
    by_mass: Reliability
    brier: float
    risk_coverage: RiskCoverage
    separation: float

    @property
    def label(self) -> str:
        """The name, and the temperature where there is one."""
        return self.name if self.temperature is None else f"{self.name}, T = {self.temperature:.2f}"


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Several confidences side by side on the same N questions.

    - `event`: what is right or wrong: "decision" or "best span"; `accuracy`: the share that is right
    - `rows`: one `ConfidenceReport` for each confidence, without and with a temperature
    - `answerability`: the chance that an unanswerable question gets a higher value than an answerable one (AUROC), by the
      name of the value: "margin", "P(no answer)" with a temperature and without, "product"
    """

    event: Event
    count: int
    accuracy: float
    rows: tuple[ConfidenceReport, ...]
    answerability: dict[str, float]

    def __getitem__(self, label: str) -> ConfidenceReport:
        """The confidence of that name or label; "probability, T" is the one with a temperature, whichever it is."""
        for row in self.rows:
            if label in (row.label, row.name if row.temperature is None else f"{row.name}, T"):
                return row
        known = "; ".join(row.label for row in self.rows)
        raise InputError(f"There is no confidence {label!r}; there are {known}.")

    def __str__(self) -> str:
        head = f"{'confidence':<24}{'ECE':>8}{'equal mass':>12}{'Brier':>8}{'AURC':>8}{'AUROC':>8}"
        lines = [
            f"{row.label:<24}{row.by_width.error:>8.4f}{row.by_mass.error:>12.4f}{row.brier:>8.4f}"
            f"{row.risk_coverage.area:>8.4f}{row.separation:>8.4f}"
            for row in self.rows
        ]
        return "\n".join(
            [f"{self.count:,} questions, {self.event} right in {self.accuracy:.1%}", head, *lines]
        )

    def _repr_html_(self) -> str:
        from qalens.views.evaluation_confidence import calibration_html

        return calibration_html(self)


def calibration(
    rows: Sequence[ExampleRow],
    *,
    event: Event = "decision",
    temperature: float | Literal["cross-fitted"] | None = "cross-fitted",
    bins: int = DEFAULT_BINS,
    folds: int = 5,
    by: By = "text",
    seed: int = 0,
) -> Calibration:
    """Hold several confidences against what was right.

    - `event`: "decision": was the decision an exact match; "best span": is the best span, taken or not
    - `temperature`: None leaves temperatures out; a number takes that one, fitted elsewhere; "cross-fitted" fits one for
      each of `folds` parts on all others, so that none is judged by what it was fitted to, with groups as `by` tells
    - `bins`: B; `seed` draws the folds

    Rows without known gold answers, and texts that could not be read, are left out. Raises `InputError` where none is left.

    Sources: Guo et al. 2017 (reliability, temperature); Geifman and El-Yaniv 2017, Kamath et al. 2020 (risk and coverage).

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> calibration([row], temperature=None)["probability"].by_width.error > 0.99
    True
    """
    if event not in get_args(Event):
        raise InputError(f'event has to be "decision" or "best span", but is {event!r}.')
    _check_bins(bins)
    whole = columns(rows)
    table = whole.take(~whole.failed)
    if not len(table):
        raise InputError("None of the texts could be read, so there is no confidence to judge.")
    kept = [rows[k] for k in table.index.tolist()]
    T = _temperatures(kept, temperature, folds, by, seed)
    right = (table.exact if event == "decision" else _best_right(table)).astype(float)
    reports = [
        _judge(name, t, values, right, bins) for name, t, values in _confidences(kept, table, event, T)
    ]
    return Calibration(event, len(table), float(right.mean()), tuple(reports), _answerability(kept, table, T))


def reliability(
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    *,
    bins: int = DEFAULT_BINS,
    equal: str = "width",
) -> Reliability:
    """Questions in bins by confidence (N,), from 0 to 1, against what was right (N,).

    - `equal`: "width" cuts 0 … 1 into `bins` equal parts, "mass" sorts the questions into parts of about equal size, never
      between equal confidences

    Raises `InputError` for another `equal`, for no question, and for a confidence that is none.

    >>> reliability(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0.0, 0.0])).error
    0.3
    """
    _check_bins(bins)
    if not len(confidence) or not ((confidence >= 0) & (confidence <= 1)).all():
        raise InputError("A reliability curve needs at least one question, and confidences from 0 to 1.")
    if equal == "width":
        edges = np.linspace(0, 1, bins + 1)
    elif equal == "mass":
        cuts = np.sort(confidence)[(np.arange(1, bins) * len(confidence)) // bins]
        edges = np.concatenate([[0.0], np.unique(cuts[(cuts > 0) & (cuts < 1)]), [1.0]])
    else:
        raise InputError(f'equal has to be "width" or "mass", but is {equal!r}.')
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, len(edges) - 2)
    B = len(edges) - 1
    count = np.bincount(place, minlength=B)
    sums = [np.bincount(place, x, B) for x in (confidence, right)]
    means = [np.divide(x, count, out=np.full(B, np.nan), where=count > 0) for x in sums]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(confidence))
    return Reliability(edges, means[0], means[1], count, round(error, 12))


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.float64]) -> RiskCoverage:
    """The share of mistakes among the surest questions, by how many are covered; both (N,), any finite numbers.

    Source: Geifman and El-Yaniv 2017.

    >>> risk_coverage(np.array([3.0, 2.0, 1.0]), np.array([1.0, 1.0, 0.0])).risk.round(3).tolist()
    [0.0, 0.0, 0.333]
    """
    N = len(confidence)
    if not N:
        raise InputError("A risk–coverage curve needs at least one question.")
    order = np.argsort(-confidence, kind="stable")
    wrong = 1.0 - right[order]
    # Within a run of equal confidences mistakes come evenly: the mean over all orders.
    first = np.flatnonzero(np.diff(confidence[order], prepend=np.nan) != 0)
    size = np.diff(np.append(first, N))
    even = np.repeat(np.add.reduceat(wrong, first) / size, size)
    number = np.arange(1, N + 1)
    risk = np.cumsum(even) / number
    least = np.cumsum(np.sort(wrong)) / number
    return RiskCoverage(number / N, np.clip(risk, 0, 1), float(risk.mean()), float(least.mean()))


def separation(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The chance that a positive one of two drawn has the higher value, equal ones half: the area under the ROC curve.

    nan where there is no positive, or no other.

    >>> separation(np.array([0.9, 0.2, 0.2]), np.array([True, True, False]))
    0.75
    """
    P = int(positive.sum())
    if not 0 < P < len(values):
        return math.nan
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[positive].sum() - P * (P + 1) / 2) / (P * (len(values) - P)))


def _temperatures(
    kept: Sequence[ExampleRow],
    temperature: float | Literal["cross-fitted"] | None,
    folds: int,
    by: By,
    seed: int,
) -> NDArray[np.float64] | None:
    if temperature is None:
        return None
    if temperature == "cross-fitted":
        return cross_fitted_temperatures(kept, folds=folds, by=by, seed=seed)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise InputError(f'temperature has to be a number, None or "cross-fitted", but is {temperature!r}.')
    return np.full(len(kept), float(temperature))


def _best_right(table: Columns) -> NDArray[np.float64]:
    # Where there is no answer, every span is wrong, even one that normalises to nothing.
    return np.where(table.answerable, table.best_exact, 0.0)


def _confidences(
    kept: Sequence[ExampleRow], table: Columns, event: Event, T: NDArray[np.float64] | None
) -> Iterator[tuple[ConfidenceName, float | None, NDArray[np.float64]]]:
    """Name, mean temperature and values (N,) of each confidence, as it is and with temperatures."""
    threshold = np.array([row.threshold for row in kept], np.float64)
    answered = table.answered | (event == "best span")
    distance = table.margin - (threshold if event == "decision" else 0.0)
    for temperatures in (None,) if T is None else (None, T):
        said = tempered(kept, 1.0 if temperatures is None else temperatures)
        mean = None if temperatures is None else float(temperatures.mean())
        scaled = distance / (1.0 if temperatures is None else temperatures)
        none = said.no_answer_probability
        values: dict[ConfidenceName, NDArray[np.float64]] = {
            "probability": np.where(answered, said.probability, none),
            "cluster": np.where(answered, said.cluster_probability, none),
            "margin": _sigmoid(np.where(answered, -scaled, scaled)),
        }
        if event == "decision":
            # Of a span it says nothing: a model that is sure of no answer has little entropy too.
            values["entropy"] = np.exp2(-said.entropy)
        if temperatures is None:
            product, null = (
                np.array([getattr(row, name) for row in kept]) for name in ("product", "null_product")
            )
            values["product"] = np.where(answered, product, null)
            if event == "best span":
                values["given answer"] = np.array([row.given_answer for row in kept], np.float64)
        for name, array in values.items():
            yield name, mean, np.clip(array, 0.0, 1.0)


def _judge(
    name: ConfidenceName,
    temperature: float | None,
    values: NDArray[np.float64],
    right: NDArray[np.float64],
    bins: int,
) -> ConfidenceReport:
    return ConfidenceReport(
        name=name,
        temperature=temperature,
        by_width=reliability(values, right, bins=bins),
        by_mass=reliability(values, right, bins=bins, equal="mass"),
        brier=float(((values - right) ** 2).mean()),
        risk_coverage=risk_coverage(values, right),
        separation=separation(values, right > 0),
    )


def _answerability(
    kept: Sequence[ExampleRow], table: Columns, T: NDArray[np.float64] | None
) -> dict[str, float]:
    unanswerable = ~table.answerable
    said: dict[str, Tempered] = {"P(no answer)": tempered(kept)}
    if T is not None:
        said[f"P(no answer), T = {T.mean():.2f}"] = tempered(kept, T)
    found = {"margin": separation(table.margin, unanswerable)}
    found |= {name: separation(one.no_answer_probability, unanswerable) for name, one in said.items()}
    product = np.array([row.null_product for row in kept], np.float64)
    return found | {"product": separation(product, unanswerable)}


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -x))


def _check_bins(bins: int) -> None:
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise InputError(f"bins has to be a whole number from 1 on, but is {bins!r}.")
