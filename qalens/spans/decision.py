"""From a distribution over spans to an answer, or to none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.records import brief
from qalens.spans.distribution import Answer, SpanDistribution


@brief
@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of a model at a threshold, and how close it was.

    Attributes
    ----------
    answer : Answer or None
        The best span, or None for no answer.
    best : Answer or None
        The best span whether it was taken or not; None if the text has no span.
    margin : float
        The null margin in logits, null score − score of the best span; above the threshold there is no answer.
    threshold : float
        The no-answer threshold, in logits.
    null_score : float
        The null score of the distribution that was decided on.
    log_normalizer : float
        Its log Z, so that P(∅) = exp(null score − log Z).

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> reading.decision.answer.text, reading.decision.margin
    ('Ada', -24.0)
    """

    answer: Answer | None
    best: Answer | None
    margin: float
    threshold: float
    null_score: float
    log_normalizer: float

    @property
    def no_answer_probability(self) -> float:
        """P(∅), the probability that the text holds no answer."""
        return math.exp(self.null_score - self.log_normalizer)

    def at(self, threshold: float) -> Decision:
        """The decision on the same distribution at another threshold.

        Parameters
        ----------
        threshold : float
            The no-answer threshold, in logits.

        Returns
        -------
        Decision

        Raises
        ------
        InputError
            For a threshold that is not a number.

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> planted_reading("Who?", "Ada kept the lamp.", answer="Ada").decision.at(-50).answer is None
        True
        """
        return decision_of(self.best, self.null_score, self.log_normalizer, threshold)


def decide(spans: SpanDistribution, *, threshold: float = 0.0) -> Decision:
    """Take the best span, or no answer if the null margin is above the threshold.

    Parameters
    ----------
    spans : SpanDistribution
        All spans of a text with no answer.
    threshold : float, default 0.0
        In logits; 0 is the default of the SQuAD 2.0 scripts. A higher one answers more often; `math.inf` always
        answers if there is a span, `-math.inf` never does.

    Returns
    -------
    Decision

    Raises
    ------
    InputError
        For a threshold that is not a number.

    Examples
    --------
    >>> from qalens.spans.distribution import span_distribution
    >>> from qalens.testing import planted_logits
    >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
    >>> decide(spans).answer.text, decide(spans, threshold=-50).answer
    ('Ada', None)
    """
    best = next(iter(spans.top(1)), None)
    return decision_of(best, spans.null_score, spans.log_normalizer, threshold)


def decision_of(best: Answer | None, null_score: float, log_normalizer: float, threshold: float) -> Decision:
    """The decision between the best span of a distribution and no answer.

    Parameters
    ----------
    best : Answer or None
        The best span; None if there is none.
    null_score, log_normalizer : float
        Those of the distribution.
    threshold : float
        As in `decide`.

    Returns
    -------
    Decision

    Raises
    ------
    InputError
        For a threshold that is not a number.

    Examples
    --------
    >>> decision_of(None, 0.0, 0.0, 0.0).margin
    inf
    """
    check_threshold(threshold)
    margin = math.inf if best is None else null_score - best.score
    taken = best if margin <= threshold and threshold > -math.inf else None
    return Decision(taken, best, margin, float(threshold), null_score, log_normalizer)


def check_threshold(threshold: float) -> None:
    """Check a no-answer threshold.

    Parameters
    ----------
    threshold : float
        In logits; infinity is allowed.

    Raises
    ------
    InputError
        For a threshold that is not a number.
    """
    if not is_number(threshold):
        raise InputError(f"threshold has to be a number of logits, but is {shown(threshold)}.")
