"""Spans in groups with the same answer: by their place, or by their text.

Both take S spans `[start, end)`, sorted by start, then end, and `order`, their numbers from the best to the worst, and give
the cluster of each span (S,) and for each cluster its head, which is its best span.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Labels = tuple[NDArray[np.int64], NDArray[np.int64]]
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_STRETCH = re.compile(r"\S+")
# How many of the best spans are looked at one by one, before those that these cover are sorted out at once.
_FIRST_LOOK = 1024


def overlap_labels(start: NDArray[np.int64], end: NDArray[np.int64], order: NDArray[np.int64]) -> Labels:
    """Group each span with the best cluster head that it shares a character with.

    Parameters
    ----------
    start, end : ndarray of int64
        (S,): character spans, sorted by start, then end.
    order : ndarray of int64
        (S,): indices of the spans from best to worst.

    Returns
    -------
    Labels
        The cluster of each span (S,), and the head of each cluster.

    Examples
    --------
    >>> labels, heads = overlap_labels(np.array([0, 2, 5]), np.array([3, 4, 9]), np.array([1, 0, 2]))
    >>> labels.tolist(), heads.tolist()
    ([0, 0, 1], [1, 2])
    """
    heads = _apart(start, end, order)
    place = np.argsort(start[heads])
    ends = np.cumsum(np.bincount(end[heads], minlength=int(end.max()) + 1))
    starts = np.cumsum(np.bincount(start[heads], minlength=int(end.max()) + 1))
    # Heads do not overlap, so a span meets a run of them: from the first that ends behind its start.
    low, high = ends[start], starts[end - 1]
    return _run_minimum(place, low, high), heads


def _apart(start: NDArray[np.int64], end: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The best span, the best of those that share no character with it, and so on."""
    order = order[_best_so_far(start, order)[order]]
    heads: list[int] = []
    taken = bytearray(int(end.max()))
    for some in _doubling(order, _FIRST_LOOK):
        covered = np.concatenate([[0], np.cumsum(np.frombuffer(taken, np.uint8), dtype=np.int64)])
        some = some[covered[end[some]] == covered[start[some]]]
        for s, a, b in zip(some.tolist(), start[some].tolist(), end[some].tolist(), strict=True):
            if not taken[a] and taken.find(1, a, b) < 0:
                taken[a:b] = b"\1" * (b - a)
                heads.append(s)
    return np.array(heads)


def _best_so_far(start: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(S,): whether a span is better than all shorter ones with its start; one that is not leads no cluster.

    For what shares a character with a better span that it holds, or is that span, shares one with it too.
    """
    S = len(order)
    rank = np.empty(S, np.int64)
    rank[order] = np.arange(S)
    rank -= S * np.cumsum(
        np.diff(start, prepend=start[:1]) > 0
    )  # the next start begins anew, below all before it
    return rank == np.minimum.accumulate(rank)


def _doubling(values: NDArray[np.int64], first: int) -> Iterator[NDArray[np.int64]]:
    """The values in parts: `first` of them, then in each part as many as went before it."""
    at = 0
    while at < len(values):
        yield values[at : at + max(first, at)]
        at += max(first, at)


def _run_minimum(
    values: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The smallest of `values[low:high]` for each pair; no run is empty."""
    size, least, table = high - low, np.empty(len(low), np.int64), values
    step = 1
    while step <= size.max():
        # table[i] is the smallest of `step` values from i on; two of them that may overlap make up a run.
        here = np.flatnonzero((step <= size) & (size < 2 * step))
        least[here] = np.minimum(table[low[here]], table[high[here] - step])
        table, step = np.minimum(table[:-step], table[step:]), 2 * step
    return least


def text_labels(
    context: str, start: NDArray[np.int64], end: NDArray[np.int64], order: NDArray[np.int64]
) -> Labels:
    """Group spans whose texts are equal after `normalize_answer`, wherever they are.

    Parameters
    ----------
    context : str
        The text.
    start, end : ndarray of int64
        (S,): character spans, sorted by start, then end.
    order : ndarray of int64
        (S,): indices of the spans from best to worst.

    Returns
    -------
    Labels
        The cluster of each span (S,), and the head of each cluster.

    Examples
    --------
    >>> order = np.array([1, 0, 2])
    >>> labels, heads = text_labels("ada, Ada or a", np.array([0, 5, 12]), np.array([3, 8, 13]), order)
    >>> labels.tolist(), heads.tolist()
    ([0, 0, 1], [1, 2])
    """
    name = _text_numbers(context, start, end)
    # The place in the order of the best span of each text: of several writes to one place the last one stays.
    best = np.full(int(name.max()) + 1, len(order))
    best[name[order[::-1]]] = np.arange(len(order))[::-1]
    firsts = np.sort(best[best < len(order)])
    return np.searchsorted(firsts, best[name]), order[firsts]


def _text_numbers(context: str, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,): a number for each span, the same for those whose texts are the same to `normalize_answer`.

    No step of `normalize_answer` sees beyond whitespace. So the words of a span are those of the stretches between whitespace
    that it holds, and of two spans with one start the longer one continues where the shorter one ended. A text is the
    number of the text without its last word, and that word; what has no word is a text by itself.
    """
    edges = np.array([match.span() for match in _STRETCH.finditer(context)], np.int64).reshape(-1, 2)
    first = np.searchsorted(edges[:, 1], start, "right").tolist()
    last = (np.searchsorted(edges[:, 0], end) - 1).tolist()
    begins, ends = edges.T.tolist()
    numbers: dict[str | tuple[int, str], int] = {"": 0}
    words: dict[str, list[str]] = {}

    def follow(text: int, a: int, b: int) -> int:
        """The number of a text continued by the words of the characters from a to b."""
        piece = context[a:b]
        if piece not in words:
            words[piece] = normalize_answer(piece).split()
        for word in words[piece]:
            text = numbers.setdefault((text, word), len(numbers))
        return text

    found = np.empty(len(start), np.int64)
    before, at, opening = -1, 0, 0
    for s, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        k = last[s]
        if first[s] >= k:
            text = follow(0, a, b)
        else:
            if a != before:
                before, at, opening = a, first[s] + 1, follow(0, a, ends[first[s]])
            while at < k:
                opening, at = follow(opening, begins[at], ends[at]), at + 1
            text = opening if at > k else follow(opening, begins[k], min(b, ends[k]))
            if b >= ends[k]:
                opening, at = text, k + 1
        found[s] = text or numbers.setdefault(context[a:b], len(numbers))
    return found


def normalize_answer(text: str) -> str:
    """Normalise a text as SQuAD does before comparing: lower case, no ASCII punctuation, articles or extra whitespace.

    Parameters
    ----------
    text : str
        The text of an answer.

    Returns
    -------
    str

    References
    ----------
    Rajpurkar et al. 2016; the official evaluation scripts.

    Examples
    --------
    >>> normalize_answer("The  Lamp-room!")
    'lamproom'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
