"""Intervals in closed form: against scipy, against resampling, with groups, at the edges, and by what they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from qalens.errors import InputError
from qalens.evaluation.bootstrap import resample_weights
from qalens.evaluation.intervals import (
    Estimate,
    changes,
    check_level,
    clustered_variance,
    measure,
    shares,
    wilson,
)


def share(values, group=None, level=0.95):
    values = np.asarray(values, float)[:, None]
    (found,) = shares(
        values, np.ones_like(values), np.arange(len(values)) if group is None else group, level=level
    )
    return found


@pytest.mark.parametrize(("right", "count"), [(0, 3), (3, 3), (9, 10), (29, 30), (50, 66), (1, 2), (2, 7)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_right_and_wrong_questions_have_the_interval_of_wilson(right, count, level):
    found = share([1.0] * right + [0.0] * (count - right), level=level)
    ends = binomtest(right, count).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((100 * ends.low, 100 * ends.high))
    assert (found.value, found.count) == (pytest.approx(100 * right / count), count)


def test_three_of_three_right_are_not_certain():
    assert str(share([1, 1, 1])) == "100.00 [43.85, 100.00]"
    # Groups that are all right count as questions: what the others would be is not known.
    grouped = share([1] * 12, np.repeat(np.arange(3), 4))
    assert (grouped.low, grouped.count) == (share([1, 1, 1]).low, 12)


def test_few_values_that_are_equal_are_not_certain_either():
    found = share([0.5, 0.5, 0.5, 0.5])
    assert found.low < 30
    assert found.high > 70


@pytest.mark.parametrize("seed", range(3))
def test_a_linearised_variance_is_that_of_many_resamples(seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 60, 900)
    values = 0.5 * rng.random(900) + 0.5 * rng.random(60)[group]
    variance, groups = clustered_variance((values - values.mean()) / 900, group)
    weights = np.concatenate(list(resample_weights(60, 4000, seed)))
    above, below = (weights @ np.bincount(group, x) for x in (values, np.ones(900)))
    assert groups == 60
    assert math.sqrt(variance) == pytest.approx((above / below).std(), rel=0.08)


def test_rows_that_always_come_together_widen_the_interval():
    right = np.repeat([1.0, 0.0] * 20, 10)
    alone, together = share(right), share(right, np.arange(400) // 10)
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_one_group_says_nothing_and_a_part_without_a_question_has_no_figure():
    assert math.isnan(share([1, 0], np.zeros(2, int)).low)
    (found,) = shares(np.zeros((3, 1)), np.zeros((3, 1)), np.arange(3))
    assert all(math.isnan(x) for x in (found.value, found.low, found.high))
    assert found.count == 0
    (moved,) = changes(np.ones((2, 1)), np.ones((2, 1)), np.zeros(2, int))
    assert (moved.value, math.isnan(moved.low)) == (1.0, True)


def test_of_many_questions_a_change_has_the_interval_of_student():
    x = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 4000, p=[0.05, 0.85, 0.1])
    (found,) = changes(x[:, None], np.ones((4000, 1)), np.arange(4000))
    half = t.ppf(0.975, 3999) * x.std(ddof=1) / math.sqrt(4000)
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=2e-4)


def test_twenty_questions_without_a_change_leave_room_for_one():
    (found,) = changes(np.zeros((20, 1)), np.ones((20, 1)), np.arange(20))
    assert found.value == 0.0
    assert -0.2 < found.low < -0.05 < 0.05 < found.high < 0.2


@pytest.mark.parametrize(
    ("size", "groups", "effect"), [(12, 12, 0), (66, 66, 0), (66, 11, 0.5), (300, 20, 0.5)]
)
def test_nineteen_of_twenty_intervals_hold_the_share_of_all(size, groups, effect):
    rng = np.random.default_rng(size)
    everything = 1 / (1 + np.exp(-(0.8 + effect * rng.normal(size=200_000))))
    held = 0
    for _ in range(600):
        group = np.concatenate([np.arange(groups), rng.integers(0, groups, size - groups)])
        chance = 1 / (1 + np.exp(-(0.8 + effect * rng.normal(size=groups))))[group]
        found = share(rng.random(size) < chance, group)
        held += found.low <= 100 * everything.mean() <= found.high
    assert 0.92 < held / 600 < 0.99


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_wilson_holds_its_share_and_narrows_with_the_number_of_questions(value):
    widths = [high - low for low, high in (wilson(value, n) for n in (1, 5, 30, 3000))]
    assert widths == sorted(widths, reverse=True)
    assert all(low <= value <= high for low, high in (wilson(value, n) for n in (1, 5, 30, 3000)))


def test_a_measure_that_cannot_move_takes_the_least_number_of_questions():
    still = measure(1.0, np.zeros(8), np.arange(8), least_size=4)
    assert still.low < wilson(1.0, 4)[0]
    assert still.high == 1.0
    assert math.isnan(measure(0.5, np.zeros(1), np.zeros(1, int)).low)
    assert math.isnan(measure(math.nan, np.full(3, math.nan), np.arange(3)).low)


def test_an_estimate_writes_all_three_numbers_alike():
    assert f"{Estimate(0.12345, 0.1, 0.2, 9):.3f}" == "0.123 [0.100, 0.200]"
    assert f"{Estimate(0.5, math.nan, math.nan, 1):+.1f}" == "+0.5"


@pytest.mark.parametrize("level", [0, 1, "0.95", True, math.nan])
def test_levels_that_give_no_interval_are_refused(level):
    with pytest.raises(InputError, match="level has to lie between 0 and 1"):
        check_level(level)
