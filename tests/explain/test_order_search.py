"""The search for the best order of words, against all orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qalens.explain.faithfulness.order_search import highest_mean


def interacting(seed: int, words: int):
    """Values of sets in which words add up, help and hinder each other."""
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=words), rng.normal(size=(words, words)) / 2
    return lambda sets: sets @ alone + np.einsum("ra,ab,rb->r", sets, pairs, sets)


def best_of_all(values, counts, words) -> float:
    def mean(order) -> float:
        sets = np.zeros((len(counts), words), bool)
        for row, count in zip(sets, counts, strict=True):
            row[list(order[:count])] = True
        return float(values(sets).mean())

    return max(mean(order) for order in permutations(range(words)))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([(1, 2, 3), (1, 1, 2, 3, 5), (1, 2, 3, 4, 5), (1, 1, 1)]))
def test_a_beam_that_nothing_falls_out_of_finds_the_best_of_all_orders(seed, counts):
    values = interacting(seed, 5)
    found = highest_mean(values, np.array(counts), 5, 200)
    best = best_of_all(values, counts, 5)
    assert found <= best + 1e-9
    if all(b - a <= 1 for a, b in zip((0, *counts), counts, strict=False)):
        assert found == pytest.approx(best)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_where_words_add_up_the_narrowest_beam_is_exact(width):
    own = np.random.default_rng(width).normal(size=40)
    counts = np.array([1, 2, 4, 8, 20])
    down = np.sort(own)[::-1]
    expected = np.mean([down[:k].sum() for k in counts])
    assert highest_mean(lambda sets: sets @ own, counts, 40, width) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(10))
def test_a_beam_beats_random_orders(seed):
    values, counts = interacting(seed, 30), np.array([1, 2, 3, 6, 15])
    rng = np.random.default_rng(seed)

    def mean(order) -> float:
        return float(np.mean([values(np.isin(np.arange(30), order[:k])[None])[0] for k in counts]))

    assert highest_mean(values, counts, 30, 1) > max(mean(rng.permutation(30)) for _ in range(100))


def test_a_set_is_valued_in_few_calls_and_only_once_for_each_word():
    asked = []

    def values(sets):
        asked.append(len(sets))
        return sets @ np.arange(20.0)

    highest_mean(values, np.array([1, 2, 4, 10]), 20, 1)
    assert asked[0] == 20
    assert sum(asked) == 20 + 2 + 4 + 12 + 4
