"""Intervals that hold at once, and ranks with honest ties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qalens.behavior.simultaneous import contrasts_of, pairs_of, ranks, simultaneous_estimates
from qalens.errors import InputError
from qalens.evaluation.intervals import Estimate


def _equal_models(rng, texts: int, size: int, models: int):
    """Right or wrong, (N, M), of models that are equally good on texts of different difficulty."""
    skill = rng.normal(0, 1, (texts, 1)) + rng.normal(0, 1, (texts, models))
    right = np.repeat(skill, size, axis=0) + rng.normal(0, 1, (texts * size, models)) > 0
    return right.astype(float), np.repeat(np.arange(texts), size)


@pytest.mark.parametrize(("texts", "size", "models"), [(30, 5, 5), (60, 3, 10)])
def test_equal_models_are_told_apart_in_at_most_a_twentieth_of_trials(texts, size, models) -> None:
    rng = np.random.default_rng(1)
    trials, claims, held = 300, 0, 0
    for trial in range(trials):
        right, group = _equal_models(rng, texts, size, models)
        options = {"resamples": 400, "seed": trial}
        ones = np.ones_like(right)
        apart = simultaneous_estimates(right, ones, group, contrasts=contrasts_of(models), **options)
        claims += ranks(apart, models) != ((1, models),) * models
        held += all(
            one.low <= 50 <= one.high for one in simultaneous_estimates(right, ones, group, **options)
        )
    # 5 %, and two standard errors of so many trials.
    assert claims / trials <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / trials)
    assert held / trials >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / trials) - 0.01


def test_a_better_model_gets_the_first_rank_alone() -> None:
    rng = np.random.default_rng(2)
    right, group = _equal_models(rng, 200, 3, 3)
    right[:, 1] = 1.0
    apart = simultaneous_estimates(right, np.ones_like(right), group, contrasts=contrasts_of(3))
    assert ranks(apart, 3) == ((2, 3), (1, 1), (2, 3))


def test_values_are_ratios_and_contrasts_their_differences() -> None:
    above = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 2.0], [0.0, 1.0]])
    below = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 3.0], [0.0, 1.0]])
    group = np.array([0, 0, 1, 2])
    one, other = simultaneous_estimates(above, below, group)
    assert (one.value, other.value) == (pytest.approx(200 / 3), 50.0)
    (apart,) = simultaneous_estimates(above, below, group, contrasts=contrasts_of(2))
    assert apart.value == pytest.approx(one.value - other.value)


def test_questions_of_one_text_are_no_independent_evidence() -> None:
    right = np.tile(np.array([[1.0], [0.0]]), (20, 1))
    copies = np.repeat(right, 5, axis=0)
    (alone,) = simultaneous_estimates(right, np.ones_like(right), np.arange(40))
    (together,) = simultaneous_estimates(copies, np.ones_like(copies), np.repeat(np.arange(40), 5))
    assert (together.low, together.high) == (pytest.approx(alone.low), pytest.approx(alone.high))


def test_equal_columns_have_no_difference_and_one_text_has_no_interval() -> None:
    right = np.ones((6, 2))
    right[0] = 0
    (apart,) = simultaneous_estimates(right, np.ones_like(right), np.arange(6), contrasts=contrasts_of(2))
    assert (apart.value, apart.low, apart.high) == (0, 0, 0)
    (alone, _) = simultaneous_estimates(right, np.ones_like(right), np.zeros(6, int))
    assert math.isnan(alone.low)


def test_ranks_need_a_difference_for_each_pair() -> None:
    assert len(pairs_of(4)) == 6
    with pytest.raises(InputError, match="3 models have 3 pairs, but got 1 differences"):
        ranks((Estimate(0, -1, 1, 5),), 3)
