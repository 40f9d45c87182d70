"""Two evaluations: paired differences, McNemar's test, and which questions turned."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from planted_rows import random_rows, row
from scipy.stats import binomtest

from qalens.errors import InputError
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import OUTCOMES, redecided
from qalens.evaluation.scores.comparison import compare_rows, sign_flip_p


def turned(count, p_right, seed):
    rng = np.random.default_rng(seed)
    return [row(k, exact=float(rng.random() < p_right)) for k in range(count)]


@pytest.mark.parametrize(("gained", "lost"), [(1, 0), (0, 6), (3, 9), (9, 3), (10, 10), (11, 10), (40, 17)])
def test_with_questions_as_groups_p_is_that_of_mcnemar(gained, lost):
    balance = np.array([1.0] * gained + [-1.0] * lost + [0.0] * 5)
    assert sign_flip_p(balance) == pytest.approx(binomtest(gained, gained + lost).pvalue, rel=1e-9)
    assert sign_flip_p(-balance) == sign_flip_p(balance)


@pytest.mark.parametrize("balance", [[3, -1, 2], [1, 1, 1, -2, 5, 0], [4, 4, 4, -4], [2, -2], [7]])
def test_p_counts_all_ways_to_give_each_group_its_sign(balance):
    sums = [abs(sum(s * x for s, x in zip(signs, balance, strict=True))) for signs in product((-1, 1), repeat=len(balance))]  # fmt: skip
    assert sign_flip_p(np.array(balance, float)) == pytest.approx(
        np.mean(np.array(sums) >= abs(sum(balance)))
    )


def test_p_holds_where_nothing_and_where_thousands_turn():
    assert sign_flip_p(np.zeros(4)) == 1.0
    assert 0.02 < sign_flip_p(np.array([1.0] * 5_000 + [-1.0] * 5_230)) < 0.03
    assert 0 <= sign_flip_p(np.array([1.0] * 9_000 + [-1.0] * 2_000)) < 1e-300


def test_questions_that_turn_with_their_text_prove_less():
    before = [row(k, exact=0.0, text_id=f"text {k // 5}") for k in range(20)]
    after = [row(k, exact=float(k < 10), text_id=f"text {k // 5}") for k in range(20)]
    alone, grouped = (compare_rows(before, after, by=by) for by in ("question", "text"))
    assert alone.p == pytest.approx(2 / 2**10)
    assert grouped.p == pytest.approx(2 / 2**2)
    assert (alone.by, grouped.by) == ("question", "text")


def test_the_odds_ratio_stands_beside_the_difference():
    before = [row(k, exact=float(k < 10)) for k in range(40)]
    after = [row(k, exact=float(k >= 5)) for k in range(40)]
    found = compare_rows(before, after)
    ends = binomtest(30, 35).proportion_ci(method="wilson")
    assert found.odds_ratio.value == pytest.approx(6.0)
    assert (found.odds_ratio.low, found.odds_ratio.high) == pytest.approx(
        (ends.low / (1 - ends.low), ends.high / (1 - ends.high))
    )
    assert "odds ratio 6.00 [" in str(found)
    assert compare_rows(before[:5], after[:5]).odds_ratio.value == 0
    assert compare_rows(before[10:], after[10:]).odds_ratio.high == math.inf
    assert math.isnan(compare_rows(before, before).odds_ratio.value)


def test_differences_are_after_minus_before_over_the_same_questions():
    rows = random_rows(40)
    moved = [redecided(one, -4.0) for one in rows]
    found = compare_rows(rows, moved)
    for name, metric, kind in (
        ("exact", "exact", None),
        ("F1", "f1", None),
        ("HasAns F1", "f1", True),
        ("NoAns exact", "exact", False),
    ):
        pairs = [(getattr(a, metric), getattr(b, metric)) for a, b in zip(rows, moved, strict=True) if kind is None or bool(a.golds) is kind]  # fmt: skip
        before, after = (100 * np.mean([pair[k] for pair in pairs]) for k in (0, 1))
        one = found[name]
        assert (one.before, one.after, one.change.value) == pytest.approx((before, after, after - before))
        assert one.change.low <= one.change.value <= one.change.high
        assert one.change.count == len(pairs)
    assert [one.name for one in found.differences] == [
        "exact",
        "F1",
        "HasAns exact",
        "HasAns F1",
        "NoAns exact",
    ]
    with pytest.raises(InputError, match="no figure 'NoAns F1'; there are exact, F1"):
        found["NoAns F1"]


def test_pairing_narrows_the_interval():
    before = turned(400, 0.5, seed=0)
    after = [one if k >= 20 else row(k, exact=1.0) for k, one in enumerate(before)]
    paired = compare_rows(before, after)["exact"].change
    shuffled = compare_rows(before, [row(k, exact=one.exact) for k, one in enumerate(reversed(after))])
    assert paired.high - paired.low < 0.4 * (shuffled["exact"].change.high - shuffled["exact"].change.low)
    assert paired.low > 0


def test_what_turned_is_counted_and_listed():
    before = [row(0), row(1), row(2, exact=0.0), row(3, margin=2.0), row(4, answerable=False)]
    after = [row(0), row(1, exact=0.0), row(2), row(3), row(4, answerable=False, margin=2.0)]
    found = compare_rows(before, after)
    assert (found.gained, found.lost, found.p) == (3, 1, 0.625)
    assert [pair[0].id for pair in found.flips(False, True)] == ["2", "3", "4"]
    assert [pair[0].id for pair in found.flips("false answer", "right no-answer")] == ["4"]
    assert found.flips(True, True)[0] == (before[0], after[0])
    table = found.table()
    assert table.sum() == 5
    assert table[OUTCOMES.index("false no-answer"), OUTCOMES.index("right span")] == 1
    assert table.sum(1).tolist() == [sum(one.outcome == name for one in before) for name in OUTCOMES]
    with pytest.raises(InputError, match="'better' is no outcome"):
        found.flips("better", True)
    assert found.to_dict()["gained"] == 3


def test_questions_are_matched_by_id_and_those_without_a_partner_are_counted():
    before, after = [row(0), row(1), row(2)], [row(2), row(0), row(7), replace(row(1), exact=None)]
    found = compare_rows(before, after)
    assert [pair[0].id for pair in found.pairs] == ["0", "2"]
    assert (found.alone_before, found.alone_after) == (1, 2)
    unnamed = [replace(one, id=None) for one in before]
    assert len(compare_rows(unnamed, unnamed).pairs) == 3


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="share none that both could score"):
        compare_rows([row(0)], [row(1)])
    with pytest.raises(InputError, match="The id '0' belongs to different questions"):
        compare_rows([row(0)], [row(0, question="Where?")])
    with pytest.raises(InputError, match="The id '0' belongs to different questions"):
        compare_rows([row(0)], [row(0, answerable=False)])
    with pytest.raises(InputError, match="compared with another Report"):
        report_of([row(0)]).compare([row(0)])


def test_the_same_report_twice_differs_in_nothing():
    report = report_of(random_rows(20))
    found = report.compare(report)
    assert (found.gained, found.lost, found.p) == (0, 0, 1.0)
    assert all(one.change.value == 0 and one.change.low < 0 < one.change.high for one in found.differences)
    assert "0 became right, 0 wrong: odds ratio nan, p = 1" in str(found)
    assert str(found).endswith("95% intervals and p over texts")
