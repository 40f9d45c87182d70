"""Spans in groups that say the same: by their place, or by their text.

Both take S spans `[start, end)` and `order`, their numbers from the best to the worst, and give the cluster of each span
(S,) and for each cluster its head, which is its best span.
"""

from __future__ import annotations

import re
import string

import numpy as np
from numpy.typing import NDArray

Labels = tuple[NDArray[np.int64], NDArray[np.int64]]
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def overlap_labels(start: NDArray[np.int64], end: NDArray[np.int64], order: NDArray[np.int64]) -> Labels:
    """Spans that share a character with a better one that leads a cluster; they are sorted by start.

    >>> labels, heads = overlap_labels(np.array([0, 2, 5]), np.array([3, 4, 9]), np.array([1, 0, 2]))
    >>> labels.tolist(), heads.tolist()
    ([0, 0, 1], [1, 2])
    """
    labels = np.full(len(start), -1)
    heads = []
    longest = int((end - start).max())
    for s in order:
        if labels[s] >= 0:
            continue
        # Spans are sorted by start, so those that can reach the head stand in one run.
        low, high = np.searchsorted(start, [start[s] - longest + 1, end[s]])
        near = labels[low:high]
        near[(near < 0) & (end[low:high] > start[s])] = len(heads)
        heads.append(s)
    return labels, np.array(heads)


def text_labels(
    context: str, start: NDArray[np.int64], end: NDArray[np.int64], order: NDArray[np.int64]
) -> Labels:
    """Spans with the same text as `normalize_answer` sees it, wherever they stand.

    >>> order = np.array([1, 0, 2])
    >>> labels, heads = text_labels("ada, Ada or a", np.array([0, 5, 12]), np.array([3, 8, 13]), order)
    >>> labels.tolist(), heads.tolist()
    ([0, 0, 1], [1, 2])
    """
    labels = np.empty(len(start), np.int64)
    heads: list[int] = []
    known: dict[str, int] = {}
    for s in order.tolist():
        text = context[start[s] : end[s]]
        key = normalize_answer(text) or text
        if key not in known:
            known[key] = len(heads)
            heads.append(s)
        labels[s] = known[key]
    return labels, np.array(heads)


def normalize_answer(text: str) -> str:
    """A text as SQuAD compares answers: lower case, without ASCII punctuation, articles and extra blanks.

    >>> normalize_answer("The  Lamp-room!")
    'lamproom'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
