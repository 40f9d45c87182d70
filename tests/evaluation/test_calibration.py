"""Calibration: bins, curves and areas against counting pair by pair, and what each confidence is of."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest
from planted_rows import random_rows, row

from qalens.errors import InputError
from qalens.evaluation.calibration import calibration, reliability, risk_coverage, separation
from qalens.evaluation.temperature import tempered


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


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_confidence_in_a_decision_is_that_of_what_was_decided():
    rows = random_rows(30)
    found = calibration(rows, temperature=None)
    sure = np.array([one.no_answer_probability if one.answer is None else one.probability for one in rows])
    right = np.array([one.exact for one in rows])
    assert found.accuracy == right.mean()
    assert found["probability"].brier == pytest.approx(((sure - right) ** 2).mean(), abs=1e-5)
    assert found["probability"].separation == pytest.approx(separation(sure, right > 0), abs=0.02)
    product = np.array([one.null_product if one.answer is None else one.product for one in rows])
    assert found["product"].brier == pytest.approx(((product - right) ** 2).mean())
    margin = 1 / (1 + np.exp(-np.abs([one.margin for one in rows])))
    assert found["margin"].brier == pytest.approx(((margin - right) ** 2).mean())
    assert [one.label for one in found.rows] == ["probability", "cluster", "margin", "entropy", "product"]


def test_of_the_best_span_an_unanswerable_question_makes_every_one_wrong():
    rows = random_rows(30)
    found = calibration(rows, event="best span", temperature=None)
    right = np.array([bool(one.golds) and one.best_exact == 1 for one in rows])
    assert found.accuracy == right.mean()
    given = np.array([one.given_answer for one in rows])
    assert found["given answer"].separation == pytest.approx(separation(given, right))
    assert found["probability"].brier == pytest.approx(np.mean([(one.probability - r) ** 2 for one, r in zip(rows, right, strict=True)]), abs=1e-5)  # fmt: skip
    assert "entropy" not in [one.name for one in found.rows]


def test_a_margin_is_measured_from_the_threshold_it_was_decided_by():
    far = [row(k, margin=-1.0, threshold=-1.0) for k in range(3)]
    assert calibration(far, temperature=None)["margin"].by_width.confidence[5] == 0.5
    assert calibration(far, temperature=None, event="best span")["margin"].brier == pytest.approx(
        (1 - 1 / (1 + math.exp(-1))) ** 2
    )


def test_temperatures_stand_beside_the_model_as_it_is():
    rows = random_rows(40)
    found = calibration(rows, temperature=2.0)
    labels = [one.label for one in found.rows]
    assert labels[:5] == ["probability", "cluster", "margin", "entropy", "product"]
    assert labels[5:] == [f"{name}, T = 2.00" for name in labels[:4]]
    warm = tempered(rows, 2.0)
    sure = np.where([one.answer is None for one in rows], warm.no_answer_probability, warm.probability)
    right = np.array([one.exact for one in rows])
    assert found["probability, T = 2.00"].brier == pytest.approx(((sure - right) ** 2).mean())
    assert found["margin, T"] is found["margin, T = 2.00"]
    assert set(found.answerability) == {"margin", "P(no answer)", "P(no answer), T = 2.00", "product"}
    unanswerable = np.array([not one.golds for one in rows])
    assert found.answerability["margin"] == separation(np.array([one.margin for one in rows]), unanswerable)


def test_texts_that_were_not_read_take_no_part_and_none_at_all_is_an_error():
    failed = replace(row(9), margin=None, answer=None, best=None, score=None, masses=(), cluster_masses=())
    assert calibration([row(0), failed], temperature=None).count == 1
    with pytest.raises(InputError, match="None of the texts could be read"):
        calibration([failed], temperature=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event": "answer"}, "event has to be"),
        ({"temperature": "fitted"}, "temperature has to be a number"),
        ({"temperature": True}, "temperature has to be a number"),
        ({"bins": -1}, "bins has to be"),
        ({"folds": 50}, "50 folds need as many groups"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        calibration(random_rows(12), **options)


def test_an_unknown_confidence_names_those_there_are():
    with pytest.raises(InputError, match="no confidence 'luck'; there are probability; cluster"):
        calibration(random_rows(5), temperature=None)["luck"]
    assert str(calibration(random_rows(5), temperature=None)).splitlines()[1].split() == "confidence ECE equal mass Brier AURC AUROC".split()  # fmt: skip
