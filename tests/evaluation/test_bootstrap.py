"""Intervals from resamples: against drawing row by row, against formulas, and with groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qalens.errors import InputError
from qalens.evaluation.bootstrap import (
    bootstrap_ratios,
    check_bootstrap,
    estimates,
    percentiles,
    resample_weights,
)


def test_each_resample_is_a_ratio_over_the_groups_that_were_drawn():
    rng = np.random.default_rng(0)
    above, below = rng.random((30, 2)), rng.integers(0, 3, (30, 2)).astype(float)
    group = rng.integers(0, 8, 30)
    group[:8] = np.arange(8)
    found = bootstrap_ratios(above, below, group, resamples=5, seed=4)
    weights = np.concatenate(list(resample_weights(8, 5, 4)))
    for b in range(5):
        rows = [k for k in range(30) for _ in range(int(weights[b, group[k]]))]
        for f in range(2):
            assert found[b, f] == pytest.approx(
                sum(above[k, f] for k in rows) / sum(below[k, f] for k in rows)
            )


def test_every_resample_draws_as_many_groups_as_there_are():
    whole = np.concatenate(list(resample_weights(50, 40, 1)))
    assert whole.shape == (40, 50)
    assert (whole.sum(1) == 50).all()
    assert whole.std() == pytest.approx(1.0, abs=0.1)


def test_the_interval_of_a_share_is_that_of_its_formula():
    right = np.zeros((400, 1))
    right[:300] = 1
    (found,) = estimates(right, np.ones((400, 1)), np.arange(400), resamples=4000)
    error = 100 * math.sqrt(0.75 * 0.25 / 400)
    assert found.value == 75.0
    assert found.count == 400
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.06)
    assert (found.high + found.low) / 2 == pytest.approx(75.0, abs=0.4)


def test_rows_that_always_come_together_widen_the_interval():
    right = np.repeat(np.array([1.0, 0.0] * 20), 10)[:, None]
    alone, together = (
        estimates(right, np.ones((400, 1)), group, resamples=1000)[0]
        for group in (np.arange(400), np.arange(400) // 10)
    )
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_the_same_seed_draws_the_same_and_another_one_others():
    x = np.random.default_rng(0).random((40, 1))
    first, again, other = (bootstrap_ratios(x, np.ones((40, 1)), np.arange(40), seed=s) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_a_part_without_a_question_has_no_figure():
    (found,) = estimates(np.zeros((3, 1)), np.zeros((3, 1)), np.arange(3), resamples=10)
    assert all(math.isnan(x) for x in (found.value, found.low, found.high))
    assert found.count == 0


@pytest.mark.parametrize(
    ("resamples", "level"), [(0, 0.95), (2.0, 0.95), (True, 0.95), (10, 0), (10, 1), (10, "0.95")]
)
def test_options_that_give_no_interval_are_refused(resamples, level):
    with pytest.raises(InputError, match="has to"):
        check_bootstrap(resamples, level)


def test_percentiles_leave_out_what_is_no_number():
    assert percentiles(np.array([1.0, np.nan, 3.0]), 0.5) == (1.5, 2.5)
    assert np.isnan(percentiles(np.array([np.nan]), 0.5)).all()
