"""Methods side by side: their means, their intervals, their order, and what was left out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.errors import InputError
from qalens.explain.faithfulness import Faithfulness, Score
from qalens.explain.tables import Mean, bootstrap_mean, faithfulness_table
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
        comprehensive=Score(value, 0.0, 1.0, z, 0.75),
        sufficient=Score(sufficient, 0.0, 1.0, -z, 0.25),
        steps=STEPS.copy(),
        deletion=np.array([4.0, 2.0, 0.0]) * value,
        insertion=np.array([0.0, 3.0, 4.0]) * value,
        value=4.0,
        passes=9,
    )


# --- means ------------------------------------------------------------------------------------------------------------


def test_a_mean_has_the_interval_of_resampled_means():
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean = bootstrap_mean(values)
    assert mean.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / math.sqrt(400)
    assert mean.low == pytest.approx(values.mean() - half, abs=0.015)
    assert mean.high == pytest.approx(values.mean() + half, abs=0.015)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20))
def test_a_mean_lies_within_its_values_and_its_interval(values):
    mean = bootstrap_mean(values)
    assert min(values) - 1e-9 <= mean.low <= mean.high <= max(values) + 1e-9
    assert mean.value == pytest.approx(np.mean(values), abs=1e-9)
    assert bootstrap_mean(values) == mean


def test_nan_is_left_out_of_a_mean():
    assert bootstrap_mean([1.0, math.nan, 3.0]) == bootstrap_mean([1.0, 3.0])
    nothing = bootstrap_mean([math.nan])
    assert [math.isnan(x) for x in (nothing.value, nothing.low, nothing.high)] == [True] * 3


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
    ("zs", "beats"),
    [([1, 2, 3], True), ([0.1, 0.2], True), ([-1, 5], False), ([-1, -2], False), ([math.nan], False)],
)
def test_a_method_beats_random_with_its_whole_interval(zs, beats):
    (row,) = faithfulness_table([[measured("a", z)] for z in zs]).rows
    assert row.beats_random == beats


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
        "[1.00,",
        "1.00]",
        "+2.00",
        "0.75",
        "0.50",
        "[0.50,",
        "0.50]",
        "-2.00",
        "0.25",
    ]
    assert lines[2].startswith("occlusion  1.00")
    assert lines[3] == "1 readings, 1 left out"
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
