"""Methods side by side: their means, their intervals, their order, and what was left out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qalens.errors import InputError
from qalens.explain.faithfulness.masking_test import Faithfulness, Score
from qalens.explain.faithfulness.method_comparison import (
    Mean,
    faithfulness_table,
    holm,
    mean_interval,
    sign_test,
)
from qalens.explain.targets import resolve
from qalens.testing import planted_reading

TARGET = resolve(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"), "answer")
STEPS = np.linspace(0, 1, 3)


def measured(method: str, z: float, *, value: float = 1.0, sufficient: float = 0.5) -> Faithfulness:
    """A test of a method with these scores."""
    return Faithfulness(
        target=TARGET,
        method=method,
        words=5,
        shares=np.array([0.5]),
        comprehensiveness=np.array([value]),
        sufficiency=np.array([sufficient]),
        comprehensive=Score(value, 0.0, 1.0, z, 0.75, 0.5 if z <= 0 else 0.01, 0.0, 4.0, 20),
        sufficient=Score(sufficient, 0.0, 1.0, -z, 0.25, 0.5, 4.0, 0.0, 20),
        steps=STEPS.copy(),
        deletion=np.array([4.0, 2.0, 0.0]) * value,
        insertion=np.array([0.0, 3.0, 4.0]) * value,
        value=4.0,
        passes=9,
    )


# --- means ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_the_interval_of_a_mean_is_that_of_scipy(values):
    mean = mean_interval(values)
    assert mean.value == pytest.approx(np.mean(values), abs=1e-9)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95) if np.ptp(values) else mean
    assert (mean.low, mean.high) == (
        pytest.approx(expected.low, abs=1e-6),
        pytest.approx(expected.high, abs=1e-6),
    )


@pytest.mark.parametrize("n", [2, 4, 12, 30])
def test_the_interval_of_few_values_holds_their_mean_as_often_as_it_says(n):
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.normal(0.5, 2, n)) for _ in range(2000)]
    assert np.mean([m.low <= 0.5 <= m.high for m in found]) == pytest.approx(0.95, abs=0.015)


def test_one_reading_has_no_interval():
    mean = mean_interval([2.23])
    assert (mean.value, math.isnan(mean.low), math.isnan(mean.high)) == (2.23, True, True)


def test_nan_is_left_out_of_a_mean():
    assert mean_interval([1.0, math.nan, 3.0]) == mean_interval([1.0, 3.0])
    nothing = mean_interval([math.nan])
    assert [math.isnan(x) for x in (nothing.value, nothing.low, nothing.high)] == [True] * 3


@pytest.mark.parametrize(("wins", "losses"), [(0, 3), (6, 0), (5, 1), (9, 4), (1, 0)])
def test_the_sign_test_counts_outcomes_of_a_coin(wins, losses):
    n = wins + losses
    outcomes = [sum(flips) for flips in itertools.product((0, 1), repeat=n)]
    assert sign_test(wins, losses) == pytest.approx(np.mean([o >= wins for o in outcomes]))
    far = abs(wins - n / 2)
    assert sign_test(wins, losses, two_sided=True) == pytest.approx(
        np.mean([abs(o - n / 2) >= far for o in outcomes])
    )


def test_a_mean_shows_its_interval():
    assert str(Mean(1.234, 1.0, 2.0)) == "1.23 [1.00, 2.00]"


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations("abcd")), ids="".join)
def test_the_method_with_the_highest_z_comes_first_and_one_without_last(order):
    z = {"a": (1.0, 1.5), "b": (3.0, 2.5), "c": (math.nan, math.nan), "d": (9.0, 9.0)}
    table = faithfulness_table([[measured(name, z[name][k]) for name in order] for k in (0, 1)])
    assert [row.method for row in table.rows] == ["d", "b", "a", "c"]
    assert table.rows[2].comprehensiveness_z.value == 1.25
    assert (table.readings, table.failed) == (2, ())


def test_a_row_holds_the_means_of_what_was_measured():
    (row,) = faithfulness_table([[measured("a", 1.0, value=1.0)], [measured("a", 3.0, value=2.0)]]).rows
    assert (row.comprehensiveness.value, row.sufficiency.value) == (1.5, 0.5)
    assert (row.comprehensiveness_z.value, row.sufficiency_z.value) == (2.0, -2.0)
    assert (row.comprehensiveness_normalised.value, row.sufficiency_normalised.value) == (0.75, 0.25)
    assert (row.deletion_area.value, row.insertion_area.value) == (3.0, 3.75)


@pytest.mark.parametrize(
    ("zs", "p", "beats"),
    [
        ([2.23], 1 / 2, False),
        ([1, 2, 3], 1 / 8, False),
        ([1, 2, 3, 4, 5], 1 / 32, False),
        ([1, 2, 3, 4, 5, 6], 1 / 64, True),
        ([1, 2, 3, 4, 5, -6], 7 / 64, False),
        ([9] * 9 + [-1], 11 / 1024, True),
        ([-1] * 6, 1, False),
        ([math.nan], math.nan, False),
    ],
)
def test_a_method_beats_random_by_a_sign_test_over_readings(zs, p, beats):
    (row,) = faithfulness_table([[measured("a", z)] for z in zs]).rows
    assert row.random_p == pytest.approx(p, nan_ok=True)
    assert row.beats_random == beats


def test_methods_are_compared_reading_by_reading():
    values = np.array([[1.0, 0.5], [5.0, 4.75], [2.0, 1.0], [9.0, 9.0], [3.0, 3.5]])
    tested = [
        [measured("a", a, value=a), measured("b", b, value=b, sufficient=0.25)] for a, b in values.tolist()
    ]
    table = faithfulness_table(tested)
    (one,) = table.differences
    assert (one.method, one.other) == ("a", "b")
    assert table.difference("b", "a") is one is table.difference("a", "b")
    expected = stats.ttest_rel(*values.T).confidence_interval()
    assert one.comprehensiveness.value == pytest.approx((values[:, 0] - values[:, 1]).mean())
    assert (one.comprehensiveness.low, one.comprehensiveness.high) == pytest.approx(tuple(expected))
    assert one.comprehensiveness_z == one.comprehensiveness
    assert one.sufficiency == Mean(0.25, 0.25, 0.25)
    assert (
        one.p == one.adjusted_p == pytest.approx(10 / 16)
    )  # three won, one lost, one level: 2 · P(at least 3 of 4)
    assert "a minus b: comprehensiveness 0.25 [" in str(table)
    with pytest.raises(InputError, match="There is no pair of 'a' and 'c'; the methods are a, b"):
        table.difference("a", "c")


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        # As R's p.adjust(p, "holm") has them.
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.04, 0.001, 0.5], [0.08, 0.003, 0.5]),
        ([0.9, 0.8], [1.0, 1.0]),
        ([math.nan, 0.02, math.nan, 0.02], [math.nan, 0.04, math.nan, 0.04]),
        ([0.3], [0.3]),
        ([], []),
        ([math.nan], [math.nan]),
    ],
)
def test_p_of_many_pairs_is_adjusted_as_holm_has_it(p, adjusted):
    assert holm(p) == pytest.approx(adjusted, nan_ok=True)
    # By hand: the smallest of n times n, the next times n − 1, never below one before it.
    known = sorted(x for x in p if not math.isnan(x))
    steps = [min(1.0, max((len(known) - j) * known[j] for j in range(k + 1))) for k in range(len(known))]
    assert sorted(x for x in holm(p) if not math.isnan(x)) == pytest.approx(steps)


def test_every_pair_of_a_table_has_its_p_after_holm():
    values = np.random.default_rng(0).normal(size=(9, 4)) + np.array([0.0, 0.2, 1.0, 3.0])
    tested = [
        [measured(name, z, value=z) for name, z in zip("abcd", one, strict=True)] for one in values.tolist()
    ]
    pairs = faithfulness_table(tested).differences
    assert [one.adjusted_p for one in pairs] == holm([one.p for one in pairs])
    assert min(one.p for one in pairs) < 0.05


def test_names_tell_methods_apart_that_differ_in_their_options():
    table = faithfulness_table([[measured("a", 1), measured("a", 2)]], names=["a", "a(baseline='mask')"])
    assert [row.method for row in table.rows] == ["a(baseline='mask')", "a"]


def test_a_table_is_text_with_a_row_for_each_method():
    failed = [(3, InputError("The context is empty."))]
    table = faithfulness_table([[measured("occlusion", 1.0), measured("b", 2.0)]], failed=failed)
    lines = str(table).splitlines()
    assert lines[0].split() == [
        "method",
        "comprehensiveness",
        "z",
        "normalised",
        "sufficiency",
        "z",
        "normalised",
    ]
    assert lines[1].split() == [
        "b",
        "1.00",
        "[nan,",
        "nan]",
        "+2.00",
        "0.75",
        "0.50",
        "[nan,",
        "nan]",
        "-2.00",
        "0.25",
    ]
    assert lines[2].startswith("occlusion  1.00")
    assert lines[3] == "b minus occlusion: comprehensiveness 0.00 [nan, nan], sign test p nan, nan after Holm"
    assert lines[4] == "1 readings, 1 left out"
    assert table.failed == tuple(failed)


def test_nothing_tested_is_refused_with_the_first_reason():
    with pytest.raises(InputError, match=r"No reading could be tested\.$"):
        faithfulness_table([])
    with pytest.raises(
        InputError, match=r"No reading could be tested\. The first was: The context is empty\."
    ):
        faithfulness_table([], failed=[(0, InputError("The context is empty."))])


def test_readings_that_were_tested_in_other_ways_are_refused():
    with pytest.raises(
        InputError, match="All readings have to be tested with the same methods, in the same order"
    ):
        faithfulness_table([[measured("a", 1), measured("b", 1)], [measured("b", 1), measured("a", 1)]])
