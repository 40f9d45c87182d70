"""Calibration: what each confidence is of, what it is judged by, and two of them against each other."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import random_rows, row

from qalens.errors import InputError
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.confidence.measures import corrected_error, measured, measured_difference, separation
from qalens.evaluation.confidence.temperature import tempered
from qalens.evaluation.rows import TextSpan


def test_the_confidence_in_a_decision_is_that_of_what_was_decided():
    rows = random_rows(30)
    found = calibration(rows, temperature=None)
    sure = np.array([one.no_answer_probability if one.answer is None else one.probability for one in rows])
    right = np.array([one.exact for one in rows])
    assert found.accuracy == right.mean()
    assert found["probability"].brier.value == pytest.approx(((sure - right) ** 2).mean(), abs=1e-5)
    assert found["probability"].auroc.value == pytest.approx(separation(sure, right > 0), abs=0.02)
    product = np.array([one.null_product if one.answer is None else one.product for one in rows])
    assert found["product"].brier.value == pytest.approx(((product - right) ** 2).mean())
    margin = 1 / (1 + np.exp(-np.abs([one.margin for one in rows])))
    assert found["margin"].values == pytest.approx(margin)
    labels = ["probability", "cluster", "cluster (place)", "margin", "entropy", "product"]
    assert [one.label for one in found.rows] == labels


def test_of_the_best_span_an_unanswerable_question_makes_every_one_wrong():
    rows = random_rows(30)
    found = calibration(rows, event="best span", temperature=None)
    right = np.array([bool(one.golds) and one.best_exact == 1 for one in rows])
    assert found.accuracy == right.mean()
    given = np.array([one.given_answer for one in rows])
    assert found["given answer"].auroc.value == pytest.approx(separation(given, right))
    assert found["probability"].brier.value == pytest.approx(np.mean([(one.probability - r) ** 2 for one, r in zip(rows, right, strict=True)]), abs=1e-5)  # fmt: skip
    assert "entropy" not in [one.name for one in found.rows]


def test_a_margin_is_measured_from_the_threshold_it_was_decided_by():
    far = [row(k, margin=-1.0, threshold=-1.0) for k in range(3)]
    assert calibration(far, temperature=None)["margin"].values.tolist() == [0.5] * 3
    best = calibration(far, temperature=None, event="best span")["margin"]
    assert best.values == pytest.approx([1 / (1 + math.exp(-1))] * 3)


def test_temperatures_stand_beside_the_model_as_it_is():
    rows = random_rows(40)
    found = calibration(rows, temperature=2.0)
    labels = [one.label for one in found.rows]
    assert labels[:6] == ["probability", "cluster", "cluster (place)", "margin", "entropy", "product"]
    assert labels[6:] == [f"{name}, T = 2.00" for name in labels[:5]]
    warm = tempered(rows, 2.0)
    sure = np.where([one.answer is None for one in rows], warm.no_answer_probability, warm.probability)
    right = np.array([one.exact for one in rows])
    assert found["probability, T = 2.00"].brier.value == pytest.approx(((sure - right) ** 2).mean())
    assert found["margin, T"] is found["margin, T = 2.00"]
    assert found["cluster (place), T"] is found["cluster (place), T = 2.00"]
    assert set(found.answerability) == {"margin", "P(no answer)", "P(no answer), T = 2.00", "product"}
    unanswerable = np.array([not one.golds for one in rows])
    assert found.answerability["margin"].value == separation(
        np.array([one.margin for one in rows]), unanswerable
    )


def test_texts_that_were_not_read_take_no_part_and_none_at_all_is_an_error():
    failed = replace(
        row(9), margin=None, answer=None, best=None, score=None, masses=(), cluster_masses=(), mean_scores=()
    )
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
    assert str(calibration(random_rows(5), temperature=None)).splitlines()[1].split() == "confidence counted ECE ECE Brier AURC AUROC".split()  # fmt: skip


def test_what_is_no_probability_gets_no_error_of_calibration():
    found = calibration(random_rows(30), temperature=2.0)
    for one in found.rows:
        plain = one.name in ("margin", "entropy")
        assert [x is None for x in (one.ece, one.brier, one.by_width, one.by_mass)] == [plain] * 4
    shown = str(found).splitlines()
    assert sum("–" in line for line in shown[2:-1]) == 4
    assert "a calibrated model would count" in shown[-1]


def test_a_cluster_is_judged_by_its_place_as_well():
    elsewhere, wide = TextSpan("Tom", 19, 22), TextSpan("Ada kept", 0, 8)
    rows = [
        row(0),
        row(1, exact=0.0, answer=wide),
        row(2, exact=0.0, answer=elsewhere),
        row(3, answerable=False),
        row(4, answerable=False, margin=1.0),
        row(5, margin=1.0),
    ]
    found = calibration(rows, temperature=None)
    assert found["probability"].right.tolist() == [1, 0, 0, 0, 1, 0]
    assert found["cluster"].right.tolist() == [1, 0, 0, 0, 1, 0]
    assert found["cluster (place)"].right.tolist() == [1, 1, 0, 0, 1, 0]
    assert {one.event for one in calibration(rows, event="place", temperature=None).rows} == {"place"}
    best = calibration(
        [replace(one, best=one.answer or one.best) for one in rows], event="best span", temperature=None
    )
    assert best["cluster (place)"].right.tolist() == [1, 1, 0, 0, 0, 1]


def test_intervals_are_by_what_is_drawn_and_say_so():
    rows = random_rows(60)
    found = calibration(rows, temperature=None, by="text", level=0.9)
    one, names = found["probability"], [row.text_id for row in rows]
    group = np.array([names.index(name) for name in names])
    assert one.auroc == measured("auroc", one.values, one.right, group, level=0.9)
    assert one.ece == corrected_error(one.values, one.right, group, level=0.9)
    assert "90% intervals over texts" in str(found)
    assert calibration(rows, temperature=None, by="question")["probability"].auroc != one.auroc


def test_two_confidences_are_compared_on_the_same_questions():
    found = calibration(random_rows(60), temperature=2.0)
    told = found.compare("cluster", "probability")
    first, second = found["cluster"], found["probability"]
    assert told.auroc == measured_difference("auroc", first.values, second.values, first.right, found.group)
    assert told.brier.value == pytest.approx(first.brier.value - second.brier.value)
    assert str(told).startswith("cluster less probability, 95% intervals over texts")
    assert found.compare("entropy", "probability, T").brier is None
    with pytest.raises(InputError, match="was judged by 'place' and probability by 'decision'"):
        found.compare("cluster (place)", "probability")
    with pytest.raises(InputError, match="no confidence 'sureness'"):
        found.compare("cluster", "sureness")
