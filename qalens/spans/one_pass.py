"""Decisions of many readings in one pass over their logits, without the spans that no one asks for.

A decision needs the best span and the normaliser. Where a text has one window and each of its tokens has characters of its own,
every run of at most L tokens is a span, and both come from sums and maxima over the next L tokens: with start logits s and
end logits e, the best span is max over i of s[i] + max over j of e[j], and Σ exp(z) = Σ over i of exp(s[i]) · Σ over j of exp(e[j]),
j from i to i + L − 1. Any other reading is decided by its `SpanDistribution`, which for these is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qalens.spans.decision import Decision, decision_of
from qalens.spans.distribution import Answer, SpanLogits
from qalens.spans.plain_tokens import PlainTokens, Runs, plain_tokens, sum_up
from qalens.text.examples import CharSpan


def plain_decisions(
    logits: Sequence[SpanLogits], *, max_answer_length: int, threshold: float
) -> list[Decision | None]:
    """Decide all readings of a batch that need no distribution for it.

    Parameters
    ----------
    logits : sequence of SpanLogits
        The logits of each question.
    max_answer_length : int
        L, the longest answer in tokens.
    threshold : float
        The no-answer threshold, in logits.

    Returns
    -------
    list of Decision or None
        One item for each, as `decide` gives it for the distribution, probabilities up to rounding. None where the distribution
        is needed: for several windows, and for tokens that share characters, are white space alone or are masked.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> (decision,) = plain_decisions(
    ...     [planted_logits("Ada kept the lamp.", answer="Ada")], max_answer_length=30, threshold=0.0
    ... )
    >>> decision.answer.text
    'Ada'
    """
    found: list[Decision | None] = [None] * len(logits)
    kept, tokens = plain_tokens(logits)
    if tokens is not None:
        runs = sum_up(tokens.start, tokens.end, tokens.count, max_answer_length)
        null_score = tokens.null_score
        log_normalizer = np.logaddexp(null_score, runs.log_mass).tolist()
        for q, k in enumerate(kept):
            if runs.known[q]:
                best = _best(tokens, runs, q, log_normalizer[q])
                found[k] = decision_of(best, float(null_score[q]), log_normalizer[q], threshold)
    return found


def _best(tokens: PlainTokens, runs: Runs, q: int, log_normalizer: float) -> Answer:
    """The best span of one of the readings."""
    first, last = int(runs.first[q]), int(runs.last[q])
    span = CharSpan(int(tokens.offsets[first, 0]), int(tokens.offsets[last, 1]))
    score = float(runs.score[q])
    return Answer(
        text=tokens.logits[q].windows.context[span.start : span.end],
        span=span,
        score=score,
        probability=math.exp(score - log_normalizer),
        window=0,
        tokens=(int(tokens.place[first]), int(tokens.place[last])),
    )
