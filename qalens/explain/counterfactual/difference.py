"""Two readings side by side, in characters: of a text before and after a change, or of one text by two models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.explain.counterfactual.alignment import align
from qalens.readings.reading import FailedReading, Reading, no_reading
from qalens.records import Shown, read_only
from qalens.spans.distribution import Answer, SpanDistribution, normalize_answer
from qalens.text.examples import NO_ANSWER, CharSpan

AnswerChange = Literal["same_span", "same_text", "other", "appeared", "gone", "none"]


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class ReadingDiff(Shown):
    """The difference between two readings, in characters.

    Tokens are not compared, so the two readings may be of models with different tokenizers. Changes are after −
    before.

    Attributes
    ----------
    before, after : Reading
        The two readings; each knows its question, its text and its model.
    alignment : ndarray of int64
        (C,): for each character of `before.context` its position in `after.context`, −1 if it is gone; positions
        increase.

    Raises
    ------
    InputError
        For an alignment that does not fit the two texts.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> compare(one, other)
    ReadingDiff('Ada' → no answer, P(no answer) +1.000)
    """

    before: Reading
    after: Reading
    alignment: NDArray[np.int64]

    def __post_init__(self) -> None:
        C, there = len(self.before.context), len(self.after.context)
        if self.alignment.shape != (C,) or self.alignment.dtype.kind != "i":
            raise InputError(
                f"A text of {C} characters needs an alignment of {C} whole numbers, not {self.alignment.dtype} of "
                f"shape {self.alignment.shape}."
            )
        places = self.alignment[self.alignment >= 0]
        if (self.alignment < -1).any() or (places >= there).any() or (np.diff(places) <= 0).any():
            raise InputError(
                f"An alignment holds -1 or rising places from 0 to {there - 1} in the text after the change."
            )
        self.alignment.flags.writeable = False

    # --- no answer ----------------------------------------------------------------------------------------------------

    @property
    def no_answer_change(self) -> float:
        """Change of P(∅), the probability that the text holds no answer."""
        return self.after.no_answer_probability - self.before.no_answer_probability

    @property
    def margin_change(self) -> float:
        """Change of the null margin (null score − best score), in logits; nan if neither text has a span.

        Logits of two models have no common scale, so between models it has little meaning.
        """
        return self.after.margin - self.before.margin

    # --- the answer ---------------------------------------------------------------------------------------------------

    @property
    def answer_change(self) -> AnswerChange:
        """How the answer changed, each reading decided at its own threshold.

        "same_span": the same characters. "same_text": other characters with the same text, ignoring case, punctuation
        and articles. "other": another answer. "appeared", "gone": only after, only before. "none": neither.
        """
        old, new = self.before.answer, self.after.answer
        if old is None or new is None:
            return "none" if old is new else "appeared" if old is None else "gone"
        if self.follow(old.span) == new.span:
            return "same_span"
        return "same_text" if same_text(old.text, new.text) else "other"

    @property
    def answer_changed(self) -> bool:
        """Whether the answer is another one, appeared or is gone."""
        return self.answer_change in ("other", "appeared", "gone")

    def follow(self, span: CharSpan) -> CharSpan | None:
        """Where a span of the text before is in the text after.

        Parameters
        ----------
        span : CharSpan
            A span of the text before.

        Returns
        -------
        CharSpan or None
            None if a character is gone or a new one is in between.

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> before = planted_reading("Who?", "Ada kept the lamp.", answer="Ada")
        >>> compare(before, planted_reading("Who?", "So Ada kept a lamp.", answer="Ada")).follow(CharSpan(0, 8))
        CharSpan(start=3, end=11)
        """
        places = self.alignment[span.start : span.end]
        whole = 0 < len(places) == len(span) and places[0] >= 0 and (np.diff(places) == 1).all()
        return CharSpan(int(places[0]), int(places[-1]) + 1) if whole else None

    def candidate(self, span: CharSpan) -> Answer | None:
        """A span of the text before as an answer of the reading after.

        Parameters
        ----------
        span : CharSpan
            A span of the text before.

        Returns
        -------
        Answer or None
            None if it is not a legal span there.
        """
        there = self.follow(span)
        return None if there is None else self.after.spans.find(there.start, there.end)

    # --- characters ---------------------------------------------------------------------------------------------------

    @property
    def gone(self) -> NDArray[np.bool_]:
        """(C,): the characters of the text before that the text after does not have."""
        return self.alignment < 0

    @property
    def new(self) -> NDArray[np.bool_]:
        """The characters of the text after that the text before does not have, one for each."""
        new = np.ones(len(self.after.context), bool)
        new[self.alignment[~self.gone]] = False
        return new

    def inclusion_change(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """For each character of the text before, the change of the probability that the answer holds it.

        A character that is gone loses all its probability. Together with `new_inclusion` this is complete: the two
        sums are the change of the expected length of the answer.

        Parameters
        ----------
        given_answer : bool, default False
            Condition both readings on there being an answer.

        Returns
        -------
        ndarray of float64
            (C,).
        """
        change = -self.before.spans.inclusion(given_answer=given_answer)
        change[~self.gone] += self.after.spans.inclusion(given_answer=given_answer)[
            self.alignment[~self.gone]
        ]
        return change

    def new_inclusion(self, *, given_answer: bool = False) -> NDArray[np.float64]:
        """For each new character of the text after, the probability that the answer holds it; 0 for the others (see
        `new`).

        Parameters
        ----------
        given_answer : bool, default False
            Condition the reading on there being an answer.

        Returns
        -------
        ndarray of float64
        """
        return np.where(self.new, self.after.spans.inclusion(given_answer=given_answer), 0.0)

    # --- the whole distribution ---------------------------------------------------------------------------------------

    @property
    def gone_probability(self) -> float:
        """Before: the probability of all spans that are not in the text after."""
        return float(self.before.spans.probabilities()[~self._kept(self.alignment, self.before.spans)].sum())

    @property
    def new_probability(self) -> float:
        """After: the probability of all spans that are not in the text before."""
        return float(self.after.spans.probabilities()[~self._kept(self._backward(), self.after.spans)].sum())

    @property
    def distance(self) -> float:
        """Jensen–Shannon distance of the two distributions over spans and no-answer: 0 for equal ones, 1 for disjoint.

        The square root of the Jensen–Shannon divergence to base 2, a metric. Spans are matched by characters and
        no-answer with no-answer; spans that the other text cannot have go to two bins of their own, "gone" and "new".

        Sources: Lin 1991 (the divergence); Endres & Schindelin 2003 (its root is a metric).
        """
        p, q = self._matched_probabilities()
        mean = (p + q) / 2
        divergence = (_bits(p, mean) + _bits(q, mean)) / 2
        return math.sqrt(min(1.0, max(0.0, divergence)))

    def _matched_probabilities(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities before and after of the same events: no-answer, the spans of both, and of one alone."""
        forward, old, new = self.alignment, self.before.spans, self.after.spans
        old_kept, new_kept = self._kept(forward, old), self._kept(self._backward(), new)
        p, q = old.probabilities(), new.probabilities()
        # Kept characters keep their order, so both lists of keys rise as the spans do.
        wide = len(self.after.context) + 1
        old_keys = forward[old.start[old_kept]] * wide + forward[old.end[old_kept] - 1] + 1
        new_keys = new.start[new_kept] * wide + new.end[new_kept]
        place = np.minimum(np.searchsorted(new_keys, old_keys), max(0, len(new_keys) - 1))
        both = new_keys[place] == old_keys if len(new_keys) else np.zeros(len(old_keys), bool)
        p_both, q_both = p[old_kept][both], q[new_kept][place[both]]
        # What one side alone has counts with all its mass whether in one bin or in many.
        p_alone, q_alone = max(0.0, p.sum() - p_both.sum()), max(0.0, q.sum() - q_both.sum())
        return (
            np.concatenate([p_both, [old.null_probability, p_alone, 0.0]]),
            np.concatenate([q_both, [new.null_probability, 0.0, q_alone]]),
        )

    def _backward(self) -> NDArray[np.int64]:
        """For each character of the text after its place in the text before, -1 where it is new."""
        backward = np.full(len(self.after.context), -1)
        backward[self.alignment[~self.gone]] = np.flatnonzero(~self.gone)
        return backward

    @staticmethod
    def _kept(places: NDArray[np.int64], spans: SpanDistribution) -> NDArray[np.bool_]:
        """(S,): the spans all of whose characters are in the other text, side by side."""
        if not len(spans):
            return np.zeros(0, bool)
        run = np.cumsum((places < 0) | (np.diff(places, prepend=-2) != 1))
        return (places[spans.start] >= 0) & (run[spans.start] == run[spans.end - 1])

    def __repr__(self) -> str:
        said = " → ".join(
            NO_ANSWER if r.answer is None else repr(r.answer.text) for r in (self.before, self.after)
        )
        return f"ReadingDiff({said}, P(no answer) {self.no_answer_change:+.3f})"


def compare(before: Reading, after: Reading) -> ReadingDiff:
    """Compare two readings, by any models, of any questions, of the same or of two texts.

    Equal texts are aligned character by character; for others, the characters that are kept are found by a diff of
    words (`alignment.align`).

    Parameters
    ----------
    before, after : Reading
        The readings.

    Returns
    -------
    ReadingDiff

    Raises
    ------
    InputError
        For anything but a reading.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> diff = compare(one, other)
    >>> diff.answer_change, round(diff.distance, 3)
    ('gone', 1.0)
    """
    for reading in (before, after):
        if isinstance(reading, FailedReading):
            raise InputError(f"A text that could not be read cannot be compared: {reading.error}")
        if not isinstance(reading, Reading):
            raise no_reading(reading)
    return ReadingDiff(before, after, align(before.context, after.context))


def same_text(a: str, b: str) -> bool:
    """Whether two answers are equal as SQuAD compares them; those of punctuation and articles alone are compared
    literally.

    Parameters
    ----------
    a, b : str
        The texts.

    Returns
    -------
    bool

    Examples
    --------
    >>> same_text("The lamp", "lamp!"), same_text("!", "?")
    (True, False)
    """
    return (normalize_answer(a) or a) == (normalize_answer(b) or b)


def _bits(p: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    """Kullback–Leibler divergence Σ p log2(p / mean) in bits."""
    some = p > np.finfo(np.float64).tiny
    return float((p[some] * np.log2(p[some] / mean[some])).sum())
