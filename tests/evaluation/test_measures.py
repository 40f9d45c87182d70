"""Measures of a confidence: bins, curves and areas against counting pair by pair, influences against the jackknife."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest

from qalens.errors import InputError
from qalens.evaluation.confidence.measures import (
    MEASURES,
    corrected_error,
    influence,
    measured,
    measured_difference,
    reliability,
    risk_coverage,
    separation,
)
from qalens.evaluation.intervals import t_quantile, wilson


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("equal", ["width", "mass"])
def test_bins_hold_every_question_once_and_the_error_adds_up_over_them(seed, equal):
    rng = np.random.default_rng(seed)
    confidence = rng.random(60).round(rng.integers(1, 4))
    right = (rng.random(60) < confidence).astype(float)
    bins = reliability(confidence, right, bins=7, equal=equal)
    assert bins.count.sum() == 60
    error = 0.0
    for b in range(len(bins.count)):
        last = b == len(bins.count) - 1
        inside = (confidence >= bins.edges[b]) & ((confidence < bins.edges[b + 1]) | last)
        assert inside.sum() == bins.count[b]
        if inside.any():
            assert bins.confidence[b] == pytest.approx(confidence[inside].mean())
            assert bins.accuracy[b] == pytest.approx(right[inside].mean())
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert bins.error == pytest.approx(error)


def test_bins_of_equal_mass_are_about_equal_and_never_part_equal_confidences():
    bins = reliability(np.linspace(0, 1, 100), np.ones(100), bins=10, equal="mass")
    assert bins.count.tolist() == [10] * 10
    tied = reliability(np.array([0.5] * 30 + [0.9] * 10), np.ones(40), bins=4, equal="mass")
    assert sorted(tied.count[tied.count > 0].tolist()) == [10, 30]


def test_confidences_that_say_what_happens_have_no_error_and_those_that_lie_have_it_all():
    honest = reliability(np.array([0.25] * 4), np.array([1.0, 0, 0, 0]))
    assert honest.error == 0.0
    assert reliability(np.ones(4), np.zeros(4)).error == 1.0
    assert reliability(np.zeros(4), np.zeros(4)).count[0] == 4


@pytest.mark.parametrize(
    ("confidence", "options", "message"),
    [
        ([], {}, "at least one question"),
        ([1.2], {}, "from 0 to 1"),
        ([math.nan], {}, "from 0 to 1"),
        ([0.5], {"bins": 0}, "bins has to be"),
        ([0.5], {"equal": "count"}, "equal has to be"),
    ],
)
def test_what_is_no_confidence_is_refused(confidence, options, message):
    with pytest.raises(InputError, match=message):
        reliability(np.array(confidence), np.ones(len(confidence)), **options)


@pytest.mark.parametrize("seed", range(5))
def test_risk_is_the_share_of_mistakes_among_the_surest_in_a_mean_order_of_equal_ones(seed):
    rng = np.random.default_rng(seed)
    confidence, right = rng.integers(0, 3, 6) / 2, rng.integers(0, 2, 6).astype(float)
    orders = [
        order for order in permutations(range(6)) if all(confidence[a] >= confidence[b] for a, b in pairwise(order))
    ]  # fmt: skip
    risks = [np.cumsum(1 - right[list(order)]) / np.arange(1, 7) for order in orders]
    found = risk_coverage(confidence, right)
    assert found.risk == pytest.approx(np.mean(risks, axis=0))
    assert found.area == pytest.approx(np.mean(risks))
    assert found.least <= found.area + 1e-12


def test_the_least_area_is_that_of_a_confidence_that_knows_every_mistake():
    right = np.array([1.0, 0, 1, 1, 0])
    assert risk_coverage(right, right).area == pytest.approx(risk_coverage(-right, right).least)
    with pytest.raises(InputError, match="at least one question"):
        risk_coverage(np.array([]), np.array([]))


@pytest.mark.parametrize("seed", range(10))
def test_separation_counts_pairs(seed):
    rng = np.random.default_rng(seed)
    values, positive = rng.integers(0, 5, 25).astype(float), rng.random(25) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in values[positive] for b in values[~positive]]
    assert separation(values, positive) == pytest.approx(np.mean(pairs))


def test_separation_needs_both_kinds():
    assert math.isnan(separation(np.ones(3), np.zeros(3, bool)))
    assert math.isnan(separation(np.ones(3), np.ones(3, bool)))


# --- influences and intervals -----------------------------------------------------------------------------------------


def surely(count, seed, *, tied=False, gap=0.0, groups=None):
    """Confidences, what was right, and groups that share a difficulty."""
    rng = np.random.default_rng(seed)
    sure = rng.random(count).round(1 if tied else 9)
    group = np.arange(count) if groups is None else np.arange(count) % groups
    chance = np.clip(sure - gap + (0 if groups is None else rng.normal(0, 0.15, groups)[group]), 0, 1)
    return sure, (rng.random(count) < chance).astype(float), group


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("tied", [False, True])
def test_an_influence_is_what_leaving_a_question_out_undoes(name, tied):
    sure, right, _ = surely(200, 3, tied=tied)
    value, moved = influence(name, sure, right)
    kept = ~np.eye(200, dtype=bool)
    without = np.array([influence(name, sure[some], right[some])[0] for some in kept])
    jackknife = -(without - without.mean())
    assert abs(moved.sum()) < 1e-9
    assert moved.std() == pytest.approx(jackknife.std(), rel=0.05)
    assert np.corrcoef(moved, jackknife)[0, 1] > 0.98
    assert 0 <= value <= 1


def test_the_interval_of_a_separation_has_the_variance_of_delong():
    sure, right, group = surely(300, 5)
    above, below = sure[right > 0], sure[right == 0]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = wins.mean(1).var(ddof=1) / len(above) + wins.mean(0).var(ddof=1) / len(below)
    _, moved = influence("auroc", sure, right)
    assert (moved**2).sum() == pytest.approx(variance, rel=0.02)
    found = measured("auroc", sure, right, group)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.05)


def test_generalised_risk_is_the_mean_of_mistakes_among_all_questions():
    sure, right, _ = surely(50, 1)
    order = np.argsort(-sure)
    joint = np.cumsum(1 - right[order]) / 50
    assert influence("augrc", sure, right)[0] == pytest.approx(joint.mean())
    curve = risk_coverage(sure, right)
    assert curve.excess == curve.area - curve.least == influence("excess_aurc", sure, right)[0]


def test_a_measure_by_groups_has_a_wider_interval_than_by_questions():
    sure, right, group = surely(400, 2, groups=8)
    for name in ("brier", "aurc", "augrc"):
        alone, grouped = (measured(name, sure, right, some) for some in (np.arange(400), group))
        assert alone.value == grouped.value
        assert alone.low <= alone.value <= alone.high
        assert grouped.high - grouped.low > alone.high - alone.low


def test_with_few_groups_an_area_has_the_interval_of_the_jackknife():
    sure, right, group = surely(60, 7, groups=6)
    found = measured("aurc", sure, right, group)
    without = [influence("aurc", sure[group != g], right[group != g])[0] for g in range(6)]
    variance = 5 / 6 * ((np.array(without) - np.mean(without)) ** 2).sum()
    size = (
        found.value * (1 - found.value) / variance * (t_quantile(0.95, math.inf) / t_quantile(0.95, 5)) ** 2
    )
    assert (found.low, found.high) == pytest.approx(wilson(found.value, size))
    assert found.count == 60


def test_perfect_separation_is_not_certain():
    found = measured("auroc", np.arange(8.0), np.arange(8) >= 4, np.arange(8))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.6


@pytest.mark.parametrize("name", MEASURES)
def test_pairing_narrows_a_difference_and_a_confidence_does_not_differ_from_itself(name):
    sure, right, group = surely(400, 4)
    other = np.clip(sure + np.random.default_rng(0).normal(0, 0.05, 400), 0, 1)
    apart = measured_difference(name, sure, other, right, group)
    single = measured(name, sure, right, group)
    assert apart.high - apart.low < 0.6 * (single.high - single.low)
    itself = measured_difference(name, sure, sure, right, group)
    assert (itself.value, itself.low, itself.high) == (0, 0, 0)
    assert math.isnan(measured_difference(name, sure, other, right, np.zeros(400)).low)


# --- calibration error ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [66, 200, 3000])
def test_a_calibrated_model_is_told_how_far_it_strays_by_chance(count):
    counted, told = [], []
    for seed in range(60):
        sure, right, _ = surely(count, seed)
        bins = reliability(sure, right)
        counted.append(bins.error)
        told.append(bins.if_calibrated)
    assert np.mean(told) == pytest.approx(np.mean(counted), rel=0.1)


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.25])
def test_the_corrected_error_holds_the_true_one_and_flatters_no_one(gap):
    rng = np.random.default_rng(1)
    sure = rng.random(400_000)
    true = reliability(sure, np.clip(sure - gap, 0, 1)).error
    counted, corrected, held = [], [], 0
    for seed in range(150):
        sure, right, group = surely(150, seed, gap=gap)
        counted.append(reliability(sure, right).error)
        found = corrected_error(sure, right, group, seed=seed)
        corrected.append(found.value)
        held += found.low <= true <= found.high
    assert np.mean(corrected) == pytest.approx(true, abs=0.05 if gap == 0 else 0.02)
    assert np.mean(corrected) < np.mean(counted)
    assert held / 150 > 0.92


def test_a_corrected_error_by_groups_is_less_sure_and_one_group_says_nothing():
    sure, right, group = surely(300, 0, gap=0.2, groups=10)
    alone, grouped = (corrected_error(sure, right, some) for some in (np.arange(300), group))
    assert grouped.high - grouped.low > alone.high - alone.low
    assert math.isnan(corrected_error(sure, right, np.zeros(300, int)).low)
    assert corrected_error(sure, right, group) == corrected_error(sure, right, group)
