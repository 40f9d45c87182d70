"""From a distribution over spans to an answer, or to none."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

from qalens.errors import InputError
from qalens.spans import Answer, SpanDistribution


@dataclass(frozen=True, slots=True)
class Decision:
    """What the model decided at a threshold, and how close it was.

    - `answer`: the best span, or None for no answer
    - `best`: the best span whether it was taken or not; None where the text has no span at all
    - `margin`: null score minus the score of the best span, in logits; above the threshold there is no answer
    - `threshold`: the no-answer threshold, in logits

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> reading.decision.answer.text, reading.decision.margin
    ('Ada', -24.0)
    """

    answer: Answer | None
    best: Answer | None
    margin: float
    threshold: float


def decide(spans: SpanDistribution, *, threshold: float = 0.0) -> Decision:
    """Take the best span, or no answer where the margin is above the threshold.

    `threshold` is in logits; 0, the default, is what the SQuAD 2.0 scripts use. A higher one answers more often;
    `math.inf` answers wherever there is a span, `-math.inf` never. Raises `InputError` where it is no number.

    >>> from qalens.spans import span_distribution
    >>> from qalens.testing import planted_logits
    >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="Ada"))
    >>> decide(spans).answer.text, decide(spans, threshold=-50).answer
    ('Ada', None)
    """
    check_threshold(threshold)
    best = next(iter(spans.top(1)), None)
    margin = math.inf if best is None else spans.null_score - best.score
    taken = best if margin <= threshold and threshold > -math.inf else None
    return Decision(answer=taken, best=best, margin=margin, threshold=float(threshold))


def check_threshold(threshold: float) -> None:
    """Raise `InputError` for a threshold that is no number."""
    if isinstance(threshold, bool) or not isinstance(threshold, numbers.Real) or math.isnan(threshold):
        raise InputError(f"threshold has to be a number of logits, but is {threshold!r}.")
