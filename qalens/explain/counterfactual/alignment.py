"""The positions of the characters of one text in another: a diff by words."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qalens.explain.words import word_spans

# Changes that one step of the search for the fewest may count up to; the time grows with words × changes.
_MOST_CHANGES = 256

_Runs = Iterator[tuple[int, int, int]]


def align(before: str, after: str) -> NDArray[np.int64]:
    """Align the characters of two texts by a diff of whole words.

    What both texts begin and end with is matched first, then the words that each has once and in the same order; in
    the gaps between those, the path with the fewest changed words is taken. Words that moved are gone at the one
    position and new at the other. A text of 100,000 characters takes under a second if little changed, and a few
    seconds if little is left.

    Parameters
    ----------
    before, after : str
        The two texts.

    Returns
    -------
    ndarray of int64
        (C,): for each character of `before` its position in `after`, −1 if it is gone.

    References
    ----------
    Bram Cohen's patience diff for the words that occur once; Myers 1986, "An O(ND) difference algorithm and its
    variations", for the gaps.

    Examples
    --------
    >>> align("Ada kept it.", "So Ada had it.").tolist()
    [3, 4, 5, 6, -1, -1, -1, -1, -1, 11, 12, 13]
    """
    alignment = np.arange(len(before))
    if before == after:
        return alignment
    alignment[:] = -1
    a, b = _pieces(before), _pieces(after)
    at_a, at_b = (np.cumsum([0, *map(len, pieces)]) for pieces in (a, b))
    for first, second, n in _common_runs([p.rstrip() for p in a], [p.rstrip() for p in b]):
        for i, j in zip(range(first, first + n), range(second, second + n), strict=True):
            # The same word may be followed by other whitespace.
            size = len(a[i]) if a[i] == b[j] else len(a[i].rstrip())
            alignment[at_a[i] : at_a[i] + size] = np.arange(at_b[j], at_b[j] + size)
    return alignment


def _pieces(text: str) -> list[str]:
    """Words and punctuation marks, each with the whitespace after it; the first piece may be blank."""
    cuts = [0, *(span.start for span in word_spans(text)), len(text)]
    return [text[a:b] for a, b in pairwise(cuts) if a < b]


def _common_runs(a: Sequence[str], b: Sequence[str]) -> _Runs:
    """Runs of pieces that both lists have in the same order: (place in a, place in b, how many)."""
    least = min(len(a), len(b))
    head = next((k for k in range(least) if a[k] != b[k]), least)
    tail = next((k for k in range(least - head) if a[-1 - k] != b[-1 - k]), least - head)
    yield 0, 0, head
    last_a, last_b = len(a) - tail, len(b) - tail
    anchors = _anchors(a[head:last_a], b[head:last_b])
    edges = [(-1, -1), *anchors, (last_a - head, last_b - head)]
    for (i, j), (k, m) in pairwise((head + i, head + j) for i, j in edges):
        gaps = a[i + 1 : k], b[j + 1 : m]
        yield from ((i + 1 + x, j + 1 + y, n) for x, y, n in _fewest_changes(*gaps))
        yield k, m, tail if k == last_a else 1


def _anchors(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Pieces that occur once in each list, as many as have the same order in both, as pairs of places."""
    count_a, count_b = Counter(a), Counter(b)
    place = {piece: j for j, piece in enumerate(b) if count_b[piece] == 1}
    pairs = [(i, place[piece]) for i, piece in enumerate(a) if count_a[piece] == 1 and piece in place]
    # The longest rising run: the lowest second place that a run of n + 1 pairs ends with, and which pair that is.
    lowest: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, (_, j) in enumerate(pairs):
        n = bisect_left(lowest, j)
        before.append(ends[n - 1] if n else -1)
        lowest[n : n + 1] = [j]
        ends[n : n + 1] = [at]
    chain = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


_Snake = tuple[int, int, int, "_Snake"] | None


def _fewest_changes(a: Sequence[str], b: Sequence[str]) -> _Runs:
    """Common runs on the path from a to b with the fewest changes, searched some hundred changes at a time."""
    i = j = 0
    while i < len(a) and j < len(b):
        x, y, snake = _furthest(a, b, i, j)
        found = []
        while snake is not None:
            *run, snake = snake
            found.append(tuple(run))
        yield from reversed(found)
        i, j = x, y


def _furthest(a: Sequence[str], b: Sequence[str], i: int, j: int) -> tuple[int, int, _Snake]:
    """How far the fewest changes lead from (i, j), and the common runs on the way, the last one first.

    To the end of both where that takes no more changes than are counted, else as far as so many lead.
    """
    # By diagonal: the place in a that so many changes reach, and the runs that led there.
    reach: dict[int, tuple[int, _Snake]] = {1: (i, None)}
    shift = j - i
    for changes in range(_MOST_CHANGES + 1):
        for k in range(-changes, changes + 1, 2):
            insert = k == -changes or (k != changes and reach[k - 1][0] < reach[k + 1][0])
            x, snake = reach[k + 1] if insert else reach[k - 1]
            first = x = x if insert else x + 1
            while x < len(a) and x - k + shift < len(b) and a[x] == b[x - k + shift]:
                x += 1
            if x > first:
                snake = (first, first - k + shift, x - first, snake)
            reach[k] = x, snake
            if x >= len(a) and x - k + shift >= len(b):
                return len(a), len(b), snake
    inside = (k for k, (x, _) in reach.items() if x <= len(a) and x - k + shift <= len(b))
    best = max(inside, key=lambda k: 2 * reach[k][0] - k)
    return reach[best][0], reach[best][0] - best + shift, reach[best][1]
