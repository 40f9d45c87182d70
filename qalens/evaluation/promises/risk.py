"""A no-answer threshold that keeps a risk with known certainty, or why none can be promised; and the risk at all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed, is_number
from qalens.errors import InputError, shown
from qalens.evaluation.columns import By, Columns, columns, groups
from qalens.evaluation.rows import ExampleRow
from qalens.readings.documents import DocumentsReading, one_reading
from qalens.readings.reading import Reading, Source, check_source
from qalens.records import Shown, brief, read_only
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER

_FIRST = 0.1  # of the questions are answered by the first threshold
_STEPS = 100  # thresholds that are tried, from the one that answers least to the one that answers everything
_NO_NUMBER = 1e300  # a margin beyond this, on either side, means infinity
_MOST = 1_000_000  # questions; what would take more is called hopeless


@brief
@dataclass(frozen=True, slots=True)
class RiskControl(Shown):
    """The threshold that controls a risk, or the reason why there is none.

    Attributes
    ----------
    threshold : float or None
        The no-answer threshold in logits, None if nothing can be guaranteed.
    risk : float
        The largest share of the answered questions that may be wrong.
    confidence : float
        The probability with which that holds, over the questions that the threshold was found on.
    answered, wrong : int
        At this threshold, or without one at the threshold that answers least.
    questions : int
        The number of questions that it was found on.
    by : By
        What was taken as independent.
    reason : str or None, default None
        Why there is no threshold, or None.
    more : int or None, default None
        How many more questions like these are needed, if they go as these did; None if more would not help.
    source : Source or None, default None
        The model that read; a reading of another one is refused.
    """

    threshold: float | None
    risk: float
    confidence: float
    answered: int
    wrong: int
    questions: int
    by: By
    reason: str | None = None
    more: int | None = None
    source: Source | None = None

    def decide(self, reading: Reading | DocumentsReading) -> ControlledDecision:
        """Decide a reading at the promised threshold; without one it keeps its own decision, of which nothing is promised.

        Parameters
        ----------
        reading : Reading or DocumentsReading
            A reading of one text or of many documents.

        Returns
        -------
        ControlledDecision

        Raises
        ------
        InputError
            For anything else, and for a reading of another model than the threshold was found with.
        """
        reading = one_reading(reading)
        check_source(reading, self.source, "threshold")
        decided = reading if self.threshold is None else reading.with_threshold(self.threshold)
        return ControlledDecision(decided, self)

    def __str__(self) -> str:
        promise = (
            f"at most {self.risk:.1%} of what is answered is wrong, with {self.confidence:.0%} certainty"
        )
        if self.threshold is None:
            return f"Cannot promise that {promise}: {self.reason}"
        seen = f"{self.wrong:,} of {self.answered:,} wrong among {self.questions:,} questions"
        return f"Threshold {self.threshold:.3f}: {promise} ({seen})."


@dataclass(frozen=True, slots=True)
class ControlledDecision(Shown):
    """A reading that is decided at a threshold that controls a risk.

    Attributes
    ----------
    reading : Reading
        The reading, decided at the threshold of `control` where it has one.
    control : RiskControl
        What is promised of such decisions, or why nothing is.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> control = RiskControl(-1.5, 0.1, 0.9, answered=50, wrong=1, questions=80, by="question")
    >>> control.decide(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    ControlledDecision('Ada'; Threshold -1.500: at most 10.0% of what is answered is wrong, with 90% certainty (1 of 50 wrong among 80 questions).)
    """

    reading: Reading
    control: RiskControl

    @property
    def answer(self) -> Answer | None:
        """The answer, or None where the model abstains."""
        return self.reading.answer

    def __repr__(self) -> str:
        said = NO_ANSWER if self.answer is None else repr(self.answer.text[:60])
        return f"ControlledDecision({said}; {self.control})"


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class RiskCurve(Shown):
    """How often answered questions are wrong at each no-answer threshold, with bounds on what that says of other questions.

    All arrays are (K,) and read-only, one entry for each threshold at which further questions are answered, rising.

    Attributes
    ----------
    threshold : ndarray of float64
        The no-answer thresholds, in logits.
    answered, wrong : ndarray of int64
        How many questions are answered at each, and how many of them wrongly.
    low, high : ndarray of float64
        The risk lies above `low`, and below `high`, each with the probability `confidence`, at any one threshold.
    confidence : float
        Of each bound.
    questions : int
        The number of questions, those that are never answered among them.
    by : By
        What was taken as independent.
    """

    threshold: NDArray[np.float64]
    answered: NDArray[np.int64]
    wrong: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    confidence: float
    questions: int
    by: By

    def __post_init__(self) -> None:
        for name in ("threshold", "answered", "wrong", "low", "high"):
            array = getattr(self, name)
            if array.shape != self.threshold.shape:
                raise InputError(f"{len(self)} thresholds cannot have {name} of shape {array.shape}.")
            array.flags.writeable = False

    def __len__(self) -> int:
        """K, the number of thresholds."""
        return len(self.threshold)

    @property
    def risk(self) -> NDArray[np.float64]:
        """(K,): the share of answered questions that are wrong."""
        return self.wrong / self.answered


def risk_curve(
    rows: Sequence[ExampleRow], *, confidence: float = 0.9, by: By = "question", seed: int = 0
) -> RiskCurve:
    """Count the wrong answers at every no-answer threshold, with a bound on the risk from either side.

    The bounds are those of Clopper and Pearson for one threshold. `risk_control` tests several in a fixed order and takes
    the last one before `high` first exceeds the risk, so that its promise holds for the threshold that it chooses; a
    threshold that is picked from this curve by eye has no promise.

    Parameters
    ----------
    rows
        Rows of questions with known gold answers that the model was not trained on or chosen by.
    confidence
        Of each bound, between 0 and 1.
    by, seed
        As in `risk_control`.

    Raises
    ------
    InputError
        For a confidence that is no probability, and where no row can be scored or answered.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import CharSpan, Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> curve = risk_curve([example_row(Example("Who kept it?", "Ada kept it.", gold=(CharSpan(0, 3),)), said)])
    >>> curve.risk.tolist(), curve.high.round(2).tolist()
    ([0.0], [0.9])
    """
    from scipy.stats import beta

    _check_shares(confidence=confidence)
    table = _independent(rows, by, seed)
    order = np.argsort(table.margin, kind="stable")
    margin, mistakes = table.margin[order], np.cumsum(1 - table.best_exact[order])
    ends = np.flatnonzero(np.append(np.diff(margin) > 0, True) & (np.abs(margin) < _NO_NUMBER))
    if not len(ends):
        raise InputError("No threshold turns the decision of a question, so there is no risk to show.")
    n, wrong = ends + 1, mistakes[ends].round().astype(np.int64)
    low = np.where(wrong > 0, beta.ppf(1 - confidence, np.maximum(wrong, 1), n - wrong + 1), 0.0)
    high = np.where(wrong < n, beta.ppf(confidence, wrong + 1, np.maximum(n - wrong, 1)), 1.0)
    return RiskCurve(margin[ends], n, wrong, low, high, confidence, len(table), by)


def risk_control(
    rows: Sequence[ExampleRow],
    *,
    risk: float = 0.1,
    confidence: float = 0.9,
    by: By = "question",
    seed: int = 0,
    source: Source | None = None,
) -> RiskControl:
    """Find the largest no-answer threshold that keeps a risk, by Learn then Test.

    Thresholds are tried from the one that answers least to the one that answers everything. Each is tested by the binomial
    tail, "were the risk larger than stated, so few wrong answers would come with probability p", and the last one before p
    first exceeds 1 − confidence is taken: a fixed sequence, so that no correction for their number is needed.

    Sources: Angelopoulos, Bates, Candès, Jordan and Lei 2021, "Learn then Test"; the binomial bound as in Geifman and
    El-Yaniv 2017 for selective classification.

    Parameters
    ----------
    rows
        Rows of questions with known gold answers that the model was not trained on or chosen by.
    risk
        The share of answered questions that may be wrong (not an exact match), between 0 and 1.
    confidence
        How certain that has to be, between 0 and 1.
    by
        What is independent. "question" (the default) promises for further questions about texts like these. With "text" or
        "title" one question of each text or article is drawn, and the promise holds for new ones, at the price of the others.
    seed
        Of that draw.
    source
        The model that read.

    Raises
    ------
    InputError
        For a risk or confidence that is no probability, and where no row can be scored.
    """
    _check_shares(risk=risk, confidence=confidence)
    table = _independent(rows, by, seed)
    margin = np.sort(table.margin)
    wrong = np.concatenate([[0], np.cumsum(1 - table.best_exact[np.argsort(table.margin, kind="stable")])])
    readable = int((margin < np.inf).sum())
    sizes = _answered(margin[:readable], risk, confidence)
    found, at = None, int(sizes[0]) if len(sizes) else readable
    for n in sizes.tolist():
        if _binomial(int(wrong[n]), n, risk) > 1 - confidence:
            break
        found = at = n
    reason, more = (None, None) if found else _why_not(at, int(wrong[at]), risk, confidence, len(table))
    return RiskControl(
        threshold=None if found is None else float(margin[found - 1]),
        risk=risk,
        confidence=confidence,
        answered=at,
        wrong=int(wrong[at]),
        questions=len(table),
        by=by,
        reason=reason,
        more=more,
        source=source,
    )


def _check_shares(**given: float) -> None:
    for name, value in given.items():
        if not is_number(value) or not 0 < value < 1:
            raise InputError(f"{name} has to lie between 0 and 1, as 0.1, but is {shown(value)}.")


def _binomial(wrong: NDArray[np.float64] | int, sizes: NDArray[np.int64] | int, risk: float) -> Any:
    """The chance of so many mistakes or fewer among so many answers, each wrong with the chance `risk`."""
    from scipy.stats import binom

    return binom.cdf(wrong, sizes, risk)


def _independent(rows: Sequence[ExampleRow], by: By, seed: int) -> Columns:
    table = columns(rows)
    if by == "question":
        return table
    group = groups([rows[k] for k in table.index.tolist()], by)
    shuffled = np.random.default_rng(check_seed(seed)).permutation(len(group))
    _, first = np.unique(group[shuffled], return_index=True)
    return table.take(np.sort(shuffled[first]))


def _answered(margin: NDArray[np.float64], risk: float, confidence: float) -> NDArray[np.int64]:
    """How many questions each threshold that is tried answers; known from margins alone, so that the tests stay valid.

    It begins with a tenth of the questions, or where a test has a fair chance. Equal margins are answered together.
    """
    start = max(_fair(risk, confidence), math.ceil(_FIRST * len(margin)))
    if len(margin) < math.ceil(math.log(1 - confidence) / math.log(1 - risk)):
        return np.zeros(0, np.int64)
    wanted = np.unique(np.linspace(min(start, len(margin)), len(margin), _STEPS).round().astype(np.int64))
    return np.unique(np.searchsorted(margin, margin[wanted - 1], side="right"))


def _fair(risk: float, confidence: float) -> int:
    """How many answers tell a risk half as large as the stated one from it in four of five cases."""
    from scipy.stats import norm

    half = risk / 2
    spread = norm.ppf(confidence) * math.sqrt(risk * (1 - risk)) + norm.ppf(0.8) * math.sqrt(
        half * (1 - half)
    )
    fewest = math.ceil(math.log(1 - confidence) / math.log(1 - risk))
    return max(fewest, math.ceil((max(spread, 0.0) / half) ** 2))


def _why_not(n: int, wrong: int, risk: float, confidence: float, total: int) -> tuple[str, int | None]:
    """The reason in words, and how many more questions would do."""
    share = wrong / n if n else 0.0
    if n and share >= risk:
        return f"{wrong:,} of the {n:,} questions with the lowest margin are wrong ({share:.1%}).", None
    sizes = np.unique(np.geomspace(max(n, 1), _MOST, 2000).astype(np.int64))
    enough = sizes[_binomial(np.ceil(share * sizes), sizes, risk) <= 1 - confidence]
    if not len(enough):
        return f"{wrong:,} of {n:,} wrong is too close to {risk:.1%} to tell them apart.", None
    # Beyond a fair number of answers the first threshold that is tried answers a tenth of all questions.
    asked = enough[0] if enough[0] <= _fair(risk, confidence) else math.ceil(enough[0] / _FIRST)
    more = max(1, int(asked) - total)
    return f"{n:,} answered questions are too few to tell; some {more:,} more would do.", more
