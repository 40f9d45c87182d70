"""How far any order of the words could get: nested sets of words, found by a beam search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def highest_mean(values: Values, counts: NDArray[np.int64], words: int, width: int) -> float:
    """Search by beam the highest mean of a function over nested sets of words.

    With one word a step and a width that keeps every set, all orders are tried, as Edin et al. 2024 do for short
    inputs. Otherwise the result is a lower bound of the highest mean.

    Parameters
    ----------
    values : Values
        The (R,) numbers of sets of words, (R, words) bool.
    counts : ndarray of int64
        (K,): the numbers of words of the sets, ascending; equal ones count as often as they occur.
    words : int
        The number of words.
    width : int
        The number of sets that are kept at each step. Each grows by the words that add most to it one at a time; to
        keep several, the last of these words is exchanged for the next best ones. At first all words are tried, then
        twice as many as are to be added (and no fewer than `width`), those that added most when they were last tried.

    Returns
    -------
    float

    References
    ----------
    Edin et al. 2024.

    Examples
    --------
    >>> own = np.array([3.0, 1.0, 2.0])
    >>> highest_mean(lambda sets: sets @ own, np.array([1, 2]), 3, 1)
    4.0
    """
    beam = [_Grown(0.0, np.zeros(words, bool), np.arange(words))]
    for size, times in zip(*np.unique(counts, return_counts=True), strict=True):
        grown = [g for one in beam for g in one.larger(values, int(size), width)]
        # Each set once, reached by the way with the highest total.
        ways = list({g.chosen.tobytes(): g for g in sorted(grown, key=lambda g: g.total)}.values())
        found = times * values(np.stack([g.chosen for g in ways]))
        totals = np.array([g.total for g in ways]) + found
        best = np.argsort(-totals, kind="stable")[:width]
        beam = [_Grown(float(totals[k]), ways[k].chosen, ways[k].order) for k in best]
    return beam[0].total / len(counts)


@dataclass(frozen=True, slots=True, eq=False)
class _Grown:
    """A set of words, the sum of the values on the way to it, and the other words, most promising first."""

    total: float
    chosen: NDArray[np.bool_]
    order: NDArray[np.int64]

    def larger(self, values: Values, size: int, width: int) -> Iterator[_Grown]:
        """The set with more words, up to `size`, in at most `width` ways."""
        many = size - int(self.chosen.sum())
        tries = max(2 * many, many + width) if self.chosen.any() else len(self.order)
        some, rest = self.order[:tries], self.order[tries:]
        tried = np.repeat(self.chosen[None], len(some), 0)
        tried[np.arange(len(some)), some] = True
        order = np.concatenate([some[np.argsort(-values(tried), kind="stable")], rest])
        for last in order[many - 1 : many - 1 + width]:
            way = self.chosen.copy()
            way[order[: many - 1]] = way[last] = True
            yield _Grown(self.total, way, order[~way[order]])
