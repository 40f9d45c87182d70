"""Does confidence mean anything: reliability, risk against coverage, and answerability, for several confidences at once.

A confidence is a number for each question that should be high where the model is right. What is right can be the decision
(an answer or none), its place (a cluster of spans claims no more), or the best span, taken or not. The last ranks all
questions by how sure a span is, as in selective answering, where a model keeps silent where it is not sure enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.evaluation.columns import DRAWN, By, Columns, columns, drawn_by, groups
from qalens.evaluation.confidence.measures import (
    DEFAULT_BINS,
    MEASURES,
    MeasureName,
    Reliability,
    RiskCoverage,
    check_bins,
    corrected_error,
    measured,
    measured_difference,
    reliability,
    risk_coverage,
)
from qalens.evaluation.confidence.temperature import Tempered, cross_fitted_temperatures, tempered
from qalens.evaluation.intervals import Estimate, check_level
from qalens.evaluation.rows import ExampleRow
from qalens.records import Shown, brief, read_only

Event = Literal["decision", "place", "best span"]
ConfidenceName = Literal["probability", "cluster", "given answer", "margin", "entropy", "product"]
# These rank questions, and are not meant as chances of being right.
_NO_PROBABILITY = ("margin", "entropy")


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceReport:
    """One confidence on N questions, with all its measures and their intervals.

    - `name`; `temperature`: mean temperature over the questions, None for the model as it is
    - `event`: what it was judged by; a cluster is judged by its place, too
    - `values` (N,): the confidence; `right` (N,): 1 or 0
    - `by_width`, `by_mass`: `Reliability` in bins of equal width, and of equal numbers of questions. None for the margin
      and the entropy, which are no probabilities
    - `ece`: the expected calibration error in bins of equal width, corrected for what few questions add to it; `brier`:
      the mean squared distance of the confidence from what happened. None as well for what is no probability
    - `risk_coverage`; `aurc`: its area; `excess_aurc`: without that of the best possible ranking (E-AURC); `augrc`: the
      area of mistakes among all questions by coverage
    - `auroc`: the chance that a right question is surer than a wrong one, nan where all are right or all wrong

    Attributes
    ----------
    name : ConfidenceName
        The confidence.
    temperature : float or None
        The mean temperature over the questions, None for the model without one.
    event : Event
        What counts as right; a cluster is judged by its place, too.
    values : ndarray of float64
        (N,): the confidence.
    right : ndarray of float64
        (N,): 1 or 0.
    by_width : Reliability or None
        `Reliability` in bins of equal width; None for the margin and the entropy, which are not probabilities.
    by_mass : Reliability or None
        `Reliability` in bins with equal numbers of questions, or None.
    ece : Estimate or None
        The expected calibration error in bins of equal width, corrected for the bias of few questions, or None.
    brier : Estimate or None
        The mean squared difference between confidence and outcome, or None.
    risk_coverage : RiskCoverage
        The risk by coverage.
    aurc : Estimate
        The area under the risk–coverage curve (AURC).
    excess_aurc : Estimate
        AURC − that of the best possible ranking (E-AURC).
    augrc : Estimate
        The area of mistakes among all questions by coverage (AUGRC).
    auroc : Estimate
        The probability that a right question has a higher confidence than a wrong one; nan if all are right or all
        wrong.
    """

    name: ConfidenceName
    temperature: float | None
    event: Event
    values: NDArray[np.float64]
    right: NDArray[np.float64]
    by_width: Reliability | None
    by_mass: Reliability | None
    ece: Estimate | None
    brier: Estimate | None
    risk_coverage: RiskCoverage
    aurc: Estimate
    excess_aurc: Estimate
    augrc: Estimate
    auroc: Estimate

    def __post_init__(self) -> None:
        self.values.flags.writeable = False
        self.right.flags.writeable = False

    @property
    def label(self) -> str:
        """The name, with the event if it is "place", and the temperature if there is one."""
        name = f"{self.name} (place)" if self.event == "place" else self.name
        return name if self.temperature is None else f"{name}, T = {self.temperature:.2f}"


@brief
@dataclass(frozen=True, slots=True)
class ConfidenceDifference:
    """Measures of one confidence minus those of another, on the same questions and for the same event.

    The intervals are paired. Less is better except for `auroc`.

    Attributes
    ----------
    first, second : str
        The two confidences.
    brier : Estimate or None
        None if one of the two is not a probability.
    aurc, excess_aurc, augrc, auroc : Estimate
        As in `ConfidenceReport`.
    by : By
        What the intervals resample.
    level : float
        Of the intervals.
    """

    first: str
    second: str
    brier: Estimate | None
    aurc: Estimate
    excess_aurc: Estimate
    augrc: Estimate
    auroc: Estimate
    by: By
    level: float

    def __str__(self) -> str:
        named = {"Brier": self.brier, "AURC": self.aurc, "AUGRC": self.augrc, "AUROC": self.auroc}
        lines = [f"{name:<8}{one:+.4f}" for name, one in named.items() if one is not None]
        head = f"{self.first} less {self.second}, {self.level:.0%} intervals over {DRAWN[self.by]}"
        return "\n".join([head, *lines])


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Calibration(Shown):
    """Several confidences side by side on the same N questions.

    Attributes
    ----------
    event : Event
        What is right or wrong: "decision", "place" or "best span".
    count : int
        N.
    accuracy : float
        The share of right questions.
    rows : tuple of ConfidenceReport
        One `ConfidenceReport` for each confidence, without and with a temperature; a cluster also by its place.
    answerability : dict of str to Estimate
        The AUROC of detecting unanswerable questions, by the name of the value: "margin", "P(no answer)" with and
        without a temperature, "product".
    group : ndarray of int64
        (N,): the group of each question.
    by : By
        What the intervals resample.
    level : float
        Of the intervals.
    """

    event: Event
    count: int
    accuracy: float
    rows: tuple[ConfidenceReport, ...]
    answerability: dict[str, Estimate]
    group: NDArray[np.int64]
    by: By
    level: float

    def __post_init__(self) -> None:
        self.group.flags.writeable = False

    def __getitem__(self, label: str) -> ConfidenceReport:
        """The confidence of that name or label; "probability, T" is the one with a temperature, whichever it is."""
        for row in self.rows:
            plain, _, tempered_label = row.label.partition(", T")
            name = row.name if row.event == self.event else plain
            if label in (row.label, f"{name}, T" if tempered_label else name):
                return row
        known = "; ".join(row.label for row in self.rows)
        raise InputError(f"There is no confidence {shown(label)}; there are {known}.")

    def compare(self, first: str, second: str) -> ConfidenceDifference:
        """One confidence minus another, with paired intervals.

        Parameters
        ----------
        first, second : str
            Names or labels.

        Returns
        -------
        ConfidenceDifference

        Raises
        ------
        InputError
            For an unknown name, and for two confidences that were judged by different events.

        Examples
        --------
        >>> from qalens.evaluation.rows import example_row
        >>> from qalens.testing import planted_reading
        >>> from qalens.text.examples import Example
        >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
        >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
        >>> calibration([row], temperature=None).compare("probability", "probability").aurc.value
        0.0
        """
        one, other = self[first], self[second]
        if one.event != other.event:
            raise InputError(
                f"{one.label} was judged by {shown(one.event)} and {other.label} by {shown(other.event)}; compare two of one event, "
                'as calibration(event="place") has them.'
            )
        found: dict[MeasureName, Estimate] = {
            name: measured_difference(name, one.values, other.values, one.right, self.group, level=self.level)
            for name in MEASURES
        }
        chances = one.brier is not None and other.brier is not None
        return ConfidenceDifference(
            one.label,
            other.label,
            brier=found["brier"] if chances else None,
            **{name: found[name] for name in MEASURES if name != "brier"},
            by=self.by,
            level=self.level,
        )

    def __str__(self) -> str:
        columns = ("counted ECE", "ECE", "Brier", "AURC", "AUROC")
        head = f"{'confidence':<24}{columns[0]:>12}" + "".join(f"  {name:<22}" for name in columns[1:])
        lines = [self._line(row) for row in self.rows]
        sure = self["probability"].by_width
        calibrated = math.nan if sure is None else sure.if_calibrated
        notes = (
            f"{self.level:.0%} intervals over {DRAWN[self.by]}; ECE is corrected: a calibrated model would count "
            f"{calibrated:.4f} with these questions"
        )
        told = f"{self.count:,} questions, {self.event} right in {self.accuracy:.1%}"
        return "\n".join([told, head.rstrip(), *lines, notes])

    def _line(self, row: ConfidenceReport) -> str:
        counted = "–" if row.by_width is None else f"{row.by_width.error:.4f}"
        cells = ("–" if one is None else f"{one:.3f}" for one in (row.ece, row.brier, row.aurc, row.auroc))
        return (f"{row.label:<24}{counted:>12}" + "".join(f"  {cell:<22}" for cell in cells)).rstrip()


def calibration(
    rows: Sequence[ExampleRow],
    *,
    event: Event = "decision",
    temperature: float | Literal["cross-fitted"] | None = "cross-fitted",
    bins: int = DEFAULT_BINS,
    folds: int = 5,
    by: By | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """Measure how well several confidences predict what was right.

    Parameters
    ----------
    rows : sequence of ExampleRow
        Rows of questions; those without known gold answers, and texts that could not be read, are left out.
    event : Event, default "decision"
        "decision": the decision is an exact match. "place": an answer overlaps a gold answer, or no answer is
        correct. "best span": the best span, taken or not, is an exact match.
    temperature : float, {"cross-fitted"} or None, default "cross-fitted"
        None uses no temperature; a number uses one that was fitted elsewhere; "cross-fitted" fits one for each of
        `folds` parts on all others, so that no part is judged by what it was fitted to.
    bins : int, default DEFAULT_BINS
        B, for reliability and ECE.
    folds, by, level
        As in `qalens.evaluation.confidence.thresholds.cross_fit`.
    seed : int, default 0
        Draws the folds, and the gaps for the interval of the ECE.

    Returns
    -------
    Calibration
        A cluster claims a place and no exact edges, so it is judged by both. Margin and entropy rank questions and are no
        probabilities, so they have neither ECE nor Brier score.

    Raises
    ------
    InputError
        If no row is left, and for options that cannot be.

    Notes
    -----
    Sources: Guo et al. 2017 (reliability, temperature); Geifman and El-Yaniv 2017, Kamath et al. 2020 (risk and coverage);
    those of the measures in `qalens.evaluation.confidence.measures`.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> calibration([row], temperature=None)["probability"].by_width.error > 0.99
    True
    """
    if event not in get_args(Event):
        raise InputError(f'event has to be "decision", "place" or "best span", but is {shown(event)}.')
    check_bins(bins)
    check_level(level)
    whole = columns(rows)
    table = whole.take(~whole.failed)
    if not len(table):
        raise InputError("None of the texts could be read, so there is no confidence to judge.")
    kept = [rows[k] for k in table.index.tolist()]
    by = drawn_by(kept, by)
    group, T = groups(kept, by), _temperatures(kept, temperature, folds, by, seed)
    judge = _Judge(group, bins, level, seed)
    right = {name: _right(name, kept, table, best=event == "best span") for name in (event, "place")}
    reports = []
    for name, t, values in _confidences(kept, table, event, T):
        reports.append(judge(name, t, event, values, right[event]))
        if name == "cluster" and event != "place":
            reports.append(judge(name, t, "place", values, right["place"]))
    return Calibration(
        event,
        len(table),
        float(right[event].mean()),
        tuple(reports),
        _answerability(kept, table, T, judge),
        group,
        by,
        level,
    )


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
    if not is_number(temperature):
        raise InputError(
            f'temperature has to be a number, None or "cross-fitted", but is {shown(temperature)}.'
        )
    return np.full(len(kept), float(temperature))


def _right(event: Event, kept: Sequence[ExampleRow], table: Columns, *, best: bool) -> NDArray[np.float64]:
    """(N,): 1 where the event happened; the place is that of the best span with `best`, else of the decision."""
    if event == "decision":
        return (table.exact == 1).astype(float)
    if event == "best span":
        # Where there is no answer, every span is wrong, even one that normalises to nothing.
        return np.where(table.answerable, table.best_exact, 0.0)
    return np.array([float(_right_place(row, best)) for row in kept])


def _right_place(row: ExampleRow, best: bool) -> bool:
    said, golds = row.best if best else row.answer, row.golds or ()
    if said is None:
        return not golds and not best
    return any(gold.start < said.end and said.start < gold.end for gold in golds)


def _confidences(
    kept: Sequence[ExampleRow], table: Columns, event: Event, T: NDArray[np.float64] | None
) -> Iterator[tuple[ConfidenceName, float | None, NDArray[np.float64]]]:
    """Name, mean temperature and values (N,) of each confidence, as it is and with temperatures."""
    threshold = np.array([row.threshold for row in kept], np.float64)
    answered = table.answered | (event == "best span")
    # Where there is no span at all the margin is infinite, and stays so beside an infinite threshold.
    shift = np.where(np.isfinite(table.margin) & (event != "best span"), threshold, 0.0)
    distance = table.margin - shift
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
        if event != "best span":
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


@dataclass(frozen=True, slots=True)
class _Judge:
    """What all confidences are judged with."""

    group: NDArray[np.int64]
    bins: int
    level: float
    seed: int

    def __call__(
        self,
        name: ConfidenceName,
        temperature: float | None,
        event: Event,
        values: NDArray[np.float64],
        right: NDArray[np.float64],
    ) -> ConfidenceReport:
        chance = name not in _NO_PROBABILITY
        found = {one: self.measured(one, values, right) for one in MEASURES}
        if not chance:
            del found["brier"]
        options = {"bins": self.bins, "level": self.level, "seed": self.seed}
        return ConfidenceReport(
            name=name,
            temperature=temperature,
            event=event,
            values=values,
            right=right,
            by_width=reliability(values, right, bins=self.bins) if chance else None,
            by_mass=reliability(values, right, bins=self.bins, equal="mass") if chance else None,
            ece=corrected_error(values, right, self.group, **options) if chance else None,
            risk_coverage=risk_coverage(values, right),
            **{"brier": None, **found},
        )

    def measured(
        self, name: MeasureName, values: NDArray[np.float64], right: NDArray[np.float64]
    ) -> Estimate:
        return measured(name, values, right, self.group, level=self.level)


def _answerability(
    kept: Sequence[ExampleRow], table: Columns, T: NDArray[np.float64] | None, judge: _Judge
) -> dict[str, Estimate]:
    unanswerable = (~table.answerable).astype(float)
    said: dict[str, Tempered] = {"P(no answer)": tempered(kept)}
    if T is not None:
        said[f"P(no answer), T = {T.mean():.2f}"] = tempered(kept, T)
    values = {"margin": table.margin}
    values |= {name: one.no_answer_probability for name, one in said.items()}
    values["product"] = np.array([row.null_product for row in kept], np.float64)
    return {name: judge.measured("auroc", array, unanswerable) for name, array in values.items()}


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -x))
