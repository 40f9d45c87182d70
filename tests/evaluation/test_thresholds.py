"""Thresholds: every level against deciding all over again, the best against the official sweep, honest ones against folds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import random_rows, row
from published_rules import best_threshold

from qalens.errors import InputError
from qalens.evaluation.columns import columns
from qalens.evaluation.confidence.thresholds import cross_fit, fold_of_groups, sweep
from qalens.evaluation.rows import redecided
from qalens.evaluation.scores.squad import squad_scores


def mixed_rows(count=60, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 3, count).round(0 if ties else 9)
    return [
        row(k, margin=float(margins[k]), answerable=bool(rng.random() < 0.6), exact=float(rng.random() < 0.5), f1=float(rng.random()))
        for k in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [mixed_rows(), mixed_rows(seed=1, ties=False), random_rows(25)])
@pytest.mark.parametrize("threshold", [-math.inf, -3.0, -0.5, 0.0, 1.0, 2.2, 40.0])
def test_a_level_counts_what_deciding_all_over_again_answers(rows, threshold):
    level = sweep(rows).at(threshold)
    again = [redecided(one, threshold) for one in rows]
    assert level.answered == sum(one.answer is not None for one in again)
    right = [one.answer is None for one in again if not one.golds]
    assert level.no_answer_exact == pytest.approx(100 * np.mean(right))
    assert level.threshold <= threshold < level.until or threshold == level.threshold


@pytest.mark.parametrize("seed", range(5))
def test_levels_of_real_rows_are_the_squad_figures_at_that_threshold(seed):
    # A full stop as answer to an unanswerable question is right as a text; the official sweep counts it wrong as well.
    rows = [one for one in random_rows(30, seed=seed) if one.golds or not one.best_exact]
    curve = sweep(rows)
    for k in range(0, len(curve), 5):
        level = curve.level(k)
        scores = squad_scores([redecided(one, level.threshold) for one in rows])
        assert (level.exact, level.f1) == pytest.approx((scores.exact, scores.f1))
        assert level.has_answer_f1 == pytest.approx(scores.has_answer_f1)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_level_is_that_of_the_official_sweep_where_no_margins_tie(seed):
    rows = random_rows(40, seed=seed)
    golds, best = {r.id: r.gold_texts for r in rows}, {r.id: r.best.text for r in rows}
    odds = {r.id: r.margin for r in rows}
    for metric in ("exact", "f1"):
        scores = {r.id: getattr(r, f"best_{metric}") for r in rows}
        value, at = best_threshold(golds, best, scores, odds)
        level = sweep(rows).best(metric)
        assert getattr(level, metric) == pytest.approx(value, abs=1e-9)
        assert level.threshold == (
            at if at or value > 100 * sum(not g for g in golds.values()) / 40 else -math.inf
        )


def test_equal_margins_change_together_and_the_lowest_of_equal_levels_is_best():
    rows = [
        row(0, margin=1.0),
        row(1, margin=1.0, answerable=False),
        row(2, margin=2.0),
        row(3, margin=3.0, answerable=False),
    ]
    curve = sweep(rows)
    assert curve.threshold.tolist() == [-math.inf, 1.0, 2.0, 3.0]
    assert curve.answered.tolist() == [0, 2, 3, 4]
    assert curve.exact.tolist() == [50.0, 50.0, 75.0, 50.0]
    assert (curve.best("exact").threshold, curve.best("exact").until) == (2.0, 3.0)
    assert sweep(rows[:2]).best("exact").threshold == -math.inf


def test_moving_the_threshold_lists_the_rows_in_between_and_no_other():
    rows = mixed_rows()
    curve = sweep(rows)
    for old, new in ((-1.0, 1.0), (1.0, -1.0), (0.0, 0.0), (-math.inf, math.inf), (-0.5, 0.4)):
        changed = [
            k
            for k, one in enumerate(rows)
            if (redecided(one, old).answer is None) != (redecided(one, new).answer is None)
        ]
        assert sorted(curve.between(old, new)) == changed
    assert [rows[k].margin for k in curve.between(2.0, -2.0)] == sorted(
        (one.margin for one in rows if -2 < one.margin <= 2), reverse=True
    )


def test_what_was_not_read_is_never_answered_and_what_is_not_known_counts_nowhere():
    failed = replace(
        row(7), margin=None, answer=None, best=None, exact=0.0, best_exact=0.0, best_f1=0.0, f1=0.0
    )
    unknown = replace(row(8), golds=None, exact=None)
    curve = sweep([unknown, row(0), failed])
    assert curve.answered.tolist() == [0, 1]
    assert curve.exact.tolist() == [0.0, 50.0]
    assert curve.order.tolist() == [1]
    with pytest.raises(InputError, match="None of the 1 rows can be scored"):
        sweep([unknown])
    with pytest.raises(InputError, match="None of the 0 rows"):
        sweep([])


def test_the_threshold_in_use_is_told_where_all_rows_agree():
    assert sweep([row(0, threshold=-1.5), row(1, threshold=-1.5)]).in_use == -1.5
    assert math.isnan(sweep([row(0, threshold=-1.5), row(1)]).in_use)


# --- cross-fitting ----------------------------------------------------------------------------------------------------


def test_the_honest_figure_decides_each_fold_by_the_best_threshold_of_the_others():
    rows = mixed_rows(40, ties=False)
    found = cross_fit(rows, folds=4, by="question", resamples=5, seed=3)
    fold = fold_of_groups(np.arange(40), 4, 3)
    total = 0.0
    for k in range(4):
        inside, outside = (
            [one for one, f in zip(rows, fold, strict=True) if bool(f == k) is here] for here in (True, False)
        )
        best = sweep(outside).best("f1").threshold
        assert found.folds[k] == best
        total += sum(
            (one.best_f1 if one.margin <= best else 0.0) if one.golds else float(one.margin > best)
            for one in inside
        )
    assert found.honest.value == pytest.approx(100 * total / 40)
    assert found.best == pytest.approx(sweep(rows).best("f1").f1)
    assert found.optimism == found.best - found.honest.value


def test_an_honest_figure_of_noise_is_no_better_than_chance_while_the_best_one_flatters():
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(20):
        rows = [row(k, margin=float(rng.normal()), answerable=bool(rng.random() < 0.5)) for k in range(30)]
        gaps.append(cross_fit(rows, metric="exact", by="question", resamples=1).optimism)
    assert np.mean(gaps) > 3


def test_a_threshold_that_is_planted_is_found_and_its_interval_holds_it():
    rng = np.random.default_rng(1)
    rows = []
    for k in range(300):
        margin = float(rng.uniform(-5, 5))
        rows.append(row(k, margin=margin, answerable=bool(rng.random() < (0.9 if margin < 1.5 else 0.1))))
    found = cross_fit(rows, metric="exact", resamples=200)
    assert 1.2 < found.threshold < 1.7
    # The best threshold is the last margin below what was planted; every one up to the next margin does the same.
    assert found.low <= found.threshold <= found.high
    assert found.low > 0.5
    assert found.high < 2.5
    assert found.optimism < 2


def test_the_same_seed_gives_the_same_and_rows_of_one_text_share_a_fold():
    rows = [replace(one, text_id=f"text {k % 8}") for k, one in enumerate(mixed_rows())]
    assert cross_fit(rows, resamples=20) == cross_fit(rows, resamples=20)
    group = np.arange(60) % 8
    fold = fold_of_groups(group, 3, 0)
    assert all(len(set(fold[group == g])) == 1 for g in range(8))
    assert set(fold) == {0, 1, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "folds has to be a whole number from 2 on, but is 1"),
        ({"folds": 61}, "61 folds need as many groups, but there are only 60"),
        ({"metric": "F1"}, "metric has to be"),
        ({"by": "paragraph"}, "by has to be one of"),
        ({"resamples": 0}, "resamples has to be"),
        ({"level": 1.0}, "level has to lie between 0 and 1"),
        ({"by": "title"}, "needs rows with titles"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        cross_fit(mixed_rows(), **options)


def test_the_gain_is_paired_and_all_figures_have_intervals():
    rows = mixed_rows(80, ties=False)
    found = cross_fit(rows, by="question", resamples=5)
    assert found.gain.value == pytest.approx(found.honest.value - found.before.value)
    for one in (found.honest, found.before, found.gain):
        assert one.low < one.value < one.high
    assert str(found).endswith("95% intervals over questions")


def test_columns_are_read_only_and_of_one_length():
    table = columns(mixed_rows(5))
    with pytest.raises(ValueError, match="read-only"):
        table.margin[0] = 1
    with pytest.raises(InputError, match="cannot have exact of shape"):
        replace(table, exact=np.zeros(3))
