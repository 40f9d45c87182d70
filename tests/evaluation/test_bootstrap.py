"""Resamples of whole groups, and the percentiles of what comes of them."""

from __future__ import annotations

import numpy as np
import pytest

from qalens.errors import InputError
from qalens.evaluation.bootstrap import check_bootstrap, expanded_level, percentiles, resample_weights


def test_every_resample_draws_as_many_groups_as_there_are():
    whole = np.concatenate(list(resample_weights(50, 40, 1)))
    assert whole.shape == (40, 50)
    assert (whole.sum(1) == 50).all()
    assert whole.std() == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_draws_the_same_and_another_one_others():
    first, again, other = (np.concatenate(list(resample_weights(40, 30, seed))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("resamples", "level"), [(0, 0.95), (2.0, 0.95), (True, 0.95), (10, 0), (10, 1), (10, "0.95")]
)
def test_options_that_give_no_interval_are_refused(resamples, level):
    with pytest.raises(InputError, match="has to"):
        check_bootstrap(resamples, level)


def test_percentiles_leave_out_what_is_no_number():
    assert percentiles(np.array([1.0, np.nan, 3.0]), 0.5) == (1.5, 2.5)
    assert np.isnan(percentiles(np.array([np.nan]), 0.5)).all()


def test_expanded_percentiles_hold_the_mean_of_few_groups_more_often():
    rng = np.random.default_rng(0)
    (weights,) = resample_weights(6, 1000, 0)
    held = {0.95: 0, expanded_level(0.95, 6): 0}
    for _ in range(400):
        means = weights @ rng.normal(size=6) / 6
        for level in held:
            low, high = percentiles(means, level)
            held[level] += low <= 0 <= high
    plain, expanded = (count / 400 for count in held.values())
    assert plain < 0.89
    assert 0.9 < expanded < 0.99


def test_with_many_groups_percentiles_stay_where_they_are():
    levels = [expanded_level(0.9, groups) for groups in (2, 3, 10, 100, 10**6)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == pytest.approx(0.9, abs=1e-5)
