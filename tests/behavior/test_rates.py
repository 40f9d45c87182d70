"""Failure rates with their intervals: known values, invariants, and how often the intervals hold."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from qalens.behavior.rates import Bound, clustered_rate, wilson
from qalens.errors import InputError


@pytest.mark.parametrize(
    ("failures", "count", "low", "high"),
    # Newcombe 1998, table I, method 3 (score without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_that_were_published(failures, count, low, high) -> None:
    rate = wilson(failures, count)
    assert (rate.value, rate.failures, rate.count) == (failures / count, failures, count)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


@pytest.mark.parametrize("count", [2, 7, 40])
def test_intervals_stay_on_the_scale_and_hold_the_value(count: int) -> None:
    for failures in range(count + 1):
        rate, other = wilson(failures, count), wilson(count - failures, count)
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.low == pytest.approx(1 - other.high)


def test_clusters_of_one_case_are_independent_cases() -> None:
    assert clustered_rate([(1, 1)] * 3 + [(0, 1)] * 9) == wilson(3, 12)


def test_cases_that_agree_within_their_text_say_less() -> None:
    alike = clustered_rate([(5, 5)] * 8 + [(0, 5)] * 8)
    mixed = clustered_rate([(3, 5), (2, 5)] * 8)
    assert alike.high - alike.low > 1.5 * (mixed.high - mixed.low)
    # Where all agree, each text is one case.
    assert clustered_rate([(0, 5)] * 8).high == wilson(0, 8).high


def test_without_a_case_there_is_no_rate() -> None:
    rate = wilson(0, 0)
    assert math.isnan(rate.value)
    assert str(rate) == "no case"


@pytest.mark.parametrize(("size", "alike", "share"), [(1, 0.0, 0.1), (5, 0.5, 0.2), (10, 0.3, 0.1)])
def test_intervals_hold_as_often_as_they_say(size: int, alike: float, share: float) -> None:
    rng = np.random.default_rng(0)
    texts, trials, held = 40, 600, 0
    for _ in range(trials):
        scale = (1 - alike) / alike if alike else None
        chance = rng.beta(share * scale, (1 - share) * scale, texts) if scale else np.full(texts, share)
        failed = rng.binomial(size, chance)
        rate = clustered_rate([(int(one), size) for one in failed])
        held += rate.low <= share <= rate.high
    assert held / trials > 0.92


def test_a_bound_is_a_float_that_survives_a_pickle() -> None:
    bound = pickle.loads(pickle.dumps(Bound(0.5, "three cases")))
    assert (bound, bound.quoted, repr(bound)) == (0.5, "three cases", "0.5")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson(3, 2), "There cannot be 3 failures among 2 cases"),
        (lambda: wilson(1, 2, level=1.0), "level has to lie between 0 and 1"),
        (lambda: clustered_rate([(3, 2)]), "cannot have fewer than no failures"),
    ],
)
def test_what_cannot_be_is_refused(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
