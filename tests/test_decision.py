"""From a distribution to an answer, or to none."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.spans.decision import check_threshold, decide
from qalens.spans.distribution import SpanDistribution, span_distribution
from qalens.testing import planted_logits

CONTEXT = "Ada kept the lamp."


def spans_with(*, best: float, null: float) -> SpanDistribution:
    """A distribution whose best span, "Ada", has one score and no answer another."""
    return span_distribution(planted_logits(CONTEXT, answer="Ada", strength=best / 2, null=null / 2))


@pytest.mark.parametrize(
    ("best", "null", "threshold", "answers"),
    [
        (8, 0, 0, True),
        (8, 16, 0, False),
        (8, 8, 0, True),  # equally good: the margin is not above the threshold
        (8, 11, 3, True),
        (8, 11.5, 3, False),
        (8, 5, -3, True),
        (8, 5, -3.5, False),
        (8, 16, math.inf, True),
        (8, 0, -math.inf, False),
        (8, 11, np.float32(3), True),
        (8, 11, np.int64(2), False),
        (8, 11, Fraction(3), True),
    ],
)
def test_an_answer_is_given_up_to_the_threshold_and_not_above_it(best, null, threshold, answers):
    spans = spans_with(best=best, null=null)
    decision = decide(spans, threshold=threshold)
    assert decision.margin == null - best
    assert decision.threshold == threshold
    assert type(decision.threshold) is float
    assert decision.best == spans.top(1)[0]
    assert decision.best.text == "Ada"
    assert decision.answer == (decision.best if answers else None)


def test_the_threshold_is_0_by_default():
    spans = spans_with(best=8, null=8.5)
    assert decide(spans) == decide(spans, threshold=0.0)
    assert decide(spans).answer is None


@settings(deadline=None, max_examples=60)
@given(st.integers(-50, 50), st.integers(-50, 50), st.lists(st.floats(allow_nan=False), min_size=1))
def test_a_higher_threshold_never_takes_an_answer_back(best, null, thresholds):
    spans = spans_with(best=max(best, 1), null=null)
    taken = [decide(spans, threshold=t).answer is not None for t in sorted(thresholds)]
    assert taken == sorted(taken)


@pytest.mark.parametrize("threshold", [-math.inf, -1e9, 0.0, 1e9, math.inf])
def test_a_text_without_spans_has_no_answer_at_any_threshold(threshold):
    decision = decide(span_distribution(planted_logits("\x00", answer=None)), threshold=threshold)
    assert (decision.answer, decision.best, decision.margin) == (None, None, math.inf)


def masked_null() -> SpanDistribution:
    logits = planted_logits(CONTEXT, answer="Ada", null=-math.inf)
    return span_distribution(logits)


@pytest.mark.parametrize(("threshold", "answers"), [(-math.inf, False), (-1e9, True), (0, True)])
def test_a_masked_null_token_leaves_every_threshold_but_minus_infinity_to_the_answer(threshold, answers):
    decision = decide(masked_null(), threshold=threshold)
    assert decision.margin == -math.inf
    assert (decision.answer is not None) == answers


@pytest.mark.parametrize(
    "threshold", [math.nan, "0", None, True, False, [0.0], 1j, np.float32("nan"), np.bool_(True)]
)
def test_a_threshold_that_is_no_number_is_refused(threshold):
    message = r"^threshold has to be a number of logits, but is "
    with pytest.raises(InputError, match=message):
        check_threshold(threshold)
    with pytest.raises(InputError, match=message):
        decide(spans_with(best=8, null=0), threshold=threshold)


def test_a_decision_is_a_value():
    spans = spans_with(best=8, null=0)
    assert len({decide(spans), decide(spans), decide(spans, threshold=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        decide(spans).margin = 0.0
