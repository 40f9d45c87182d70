"""Exact match and F1: the published rules, case by case."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from planted_rows import row

from qalens.errors import InputError
from qalens.evaluation.report import report_of
from qalens.evaluation.scores.squad import exact_match, f1, gold_texts, score_predictions, squad_scores
from qalens.readings.reading import FailedReading
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan, Example


@pytest.mark.parametrize(
    ("gold", "said", "exact", "overlap"),
    [
        ("the lamp", "Lamp!", 1, 1.0),
        ("A lamp, a room", "lamp room", 1, 1.0),
        ("lamp room", "room", 0, 2 / 3),
        ("lamp lamp", "lamp", 0, 2 / 3),
        ("lamp", "theatre", 0, 0.0),
        ("", "", 1, 1.0),
        ("", "lamp", 0, 0.0),
        ("lamp", "", 0, 0.0),
        ("the", "", 1, 1.0),
        ("été", "ete", 0, 0.0),
        ("¡lamp!", "¡lamp", 1, 1.0),
    ],
)
def test_two_answers_are_compared_without_case_articles_and_punctuation(gold, said, exact, overlap):
    assert exact_match(gold, said) == exact
    assert f1(gold, said) == pytest.approx(overlap, abs=1e-12)


def judged(answer: str | None, gold: tuple[CharSpan, ...] | None):
    reading = planted_reading("Who kept it?", "Ada kept the lamp room.", answer=answer)
    return replace(reading, example=replace(reading.example, gold=gold))


def test_scores_are_percentages_over_all_and_over_each_kind():
    ada, room = CharSpan(0, 3), CharSpan(9, 22)
    scores = squad_scores(
        [
            judged("Ada", (ada,)),  # right
            judged("lamp", (ada, room)),  # half of "lamp room": F1 2/3
            judged(None, (ada,)),  # missed
            judged(None, ()),  # rightly none
            judged("Ada", ()),  # wrongly one
        ]
    )
    assert (scores.total, scores.has_answer_total, scores.no_answer_total) == (5, 3, 2)
    assert scores.exact == pytest.approx(40.0)
    assert scores.f1 == pytest.approx(100 * (1 + 2 / 3 + 0 + 1 + 0) / 5)
    assert scores.has_answer_exact == pytest.approx(100 / 3)
    assert scores.has_answer_f1 == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert scores.no_answer_exact == pytest.approx(50.0)


def test_a_kind_without_questions_has_no_score():
    scores = squad_scores([judged("Ada", (CharSpan(0, 3),))])
    assert scores.no_answer_exact is None
    assert squad_scores([]).has_answer_f1 is None


def test_a_failed_reading_counts_as_no_answer():
    example = Example("Who?", "", gold=())
    failed = FailedReading(example, InputError("The context is empty."))
    assert squad_scores([failed]).no_answer_exact == 100.0


def test_gold_answers_that_normalise_to_nothing_count_as_none():
    assert gold_texts(Example("Who?", "the lamp", gold=(CharSpan(0, 3),))) == [""]
    assert gold_texts(Example("Who?", "the lamp", gold=(CharSpan(4, 8),))) == ["lamp"]


def test_where_answering_nothing_is_best_the_threshold_says_so_and_gives_that_figure():
    report = report_of([row(k, margin=-1.0 - k, answerable=False) for k in range(3)])
    scores = report.scores
    assert (scores.best_exact, scores.best_exact_threshold) == (100.0, -math.inf)
    assert report.with_threshold(scores.best_exact_threshold).scores.exact == scores.best_exact
    assert report.thresholds().best("exact").threshold == scores.best_exact_threshold
    assert scores.to_dict()["best_exact_thresh"] == 0.0
    # The odds of prediction files are probabilities to the official script, and 0 answers none of them.
    odds = score_predictions({"1": []}, {"1": "Ada"}, odds={"1": 0.4})
    assert (odds.best_exact, odds.best_exact_threshold) == (100.0, 0.0)
