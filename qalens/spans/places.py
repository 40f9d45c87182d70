"""The places where an answer may be: clusters of overlapping spans, found without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.records import brief, read_only
from qalens.spans.distribution import Cluster, SpanDistribution

# What a sum of probabilities may be off by, so that nothing is left out that is there.
_ROUNDING = 1e-9
# Places whose probabilities are the same to so many digits come in the order of their best spans.
SAME_PLACE = 12
_FEW = 64  # places for each of which all spans are looked at; for more it is faster to sort them once


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The K most probable places of an answer in one reading, most probable first.

    All arrays are (K,) and read-only.

    Attributes
    ----------
    heads : ndarray of int64
        The index of the best span of each place in its `SpanDistribution`.
    masses : ndarray of float64
        The probability of each place, the sum over its spans.
    sizes : ndarray of int64
        The number of spans of each place.
    """

    heads: NDArray[np.int64]
    masses: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        for array in (self.heads, self.masses, self.sizes):
            array.flags.writeable = False

    def __len__(self) -> int:
        """K, the number of places."""
        return len(self.heads)

    def clusters(self, spans: SpanDistribution) -> tuple[Cluster, ...]:
        """The places as `Cluster` records.

        Parameters
        ----------
        spans : SpanDistribution
            The distribution in which they were found.

        Returns
        -------
        tuple of Cluster
        """
        parts = zip(self.heads.tolist(), self.sizes.tolist(), self.masses.tolist(), strict=True)
        return tuple(Cluster(spans.at(head), size, mass) for head, size, mass in parts)


def likely_places(spans: SpanDistribution, *, least: float = 0.001) -> Places:
    """Find every place of at least so large a probability.

    The best span takes every span that shares a character with it, the best of what is left does the same, and so on, as in
    `SpanDistribution.clusters`; it ends where what is left is less probable than `least`, so that few places are looked at.

    Parameters
    ----------
    spans
        The distribution over all legal spans of a reading.
    least
        The smallest probability of a place that is wanted, from 0 to 1; 0 finds all places.

    Raises
    ------
    InputError
        For a `least` that is no probability.

    Examples
    --------
    >>> from qalens.spans.distribution import span_distribution
    >>> from qalens.testing import planted_logits
    >>> spans = span_distribution(planted_logits("Ada kept the lamp.", answer="the lamp"))
    >>> [cluster.best.text for cluster in likely_places(spans, least=0.5).clusters(spans)]
    ['the lamp']
    """
    if not 0.0 <= least <= 1.0:
        raise InputError(
            f"The least probability of a place has to lie between 0 and 1, but is {shown(least)}."
        )
    probability = spans.probabilities()
    score, free = spans.score.copy(), np.ones(len(spans), bool)
    longest = int((spans.end - spans.start).max(initial=0))
    heads, masses, sizes, left, waiting = [], [], [], float(probability.sum()), len(spans)
    best_first = _best_first(score, free)
    while waiting and left >= least - _ROUNDING:
        head = next(best_first)
        a, b = int(spans.start[head]), int(spans.end[head])
        # Spans are sorted by their start, and none that begins further before `a` reaches it.
        low, high = spans.start.searchsorted([a - longest + 1, b])
        near = low + (free[low:high] & (spans.end[low:high] > a)).nonzero()[0]
        mass = float(probability[near].sum())
        heads.append(head)
        masses.append(mass)
        sizes.append(len(near))
        free[near], score[near] = False, -np.inf
        left, waiting = left - mass, waiting - len(near)
    order = np.argsort(-np.round(masses, SAME_PLACE), kind="stable")
    order = order[np.array(masses)[order] >= least] if heads else np.zeros(0, np.int64)
    return Places(
        np.array(heads, np.int64)[order],
        np.array(masses, np.float64)[order],
        np.array(sizes, np.int64)[order],
    )


def _best_first(score: NDArray[np.float64], free: NDArray[np.bool_]) -> Iterator[int]:
    """The best span that is still free whenever it is asked for, among equal ones the first; masked spans come last."""
    for _ in range(_FEW):
        head = int(score.argmax())
        yield int(free.argmax()) if score[head] == -np.inf else head
    for head in np.argsort(-score, kind="stable").tolist():
        if free[head]:
            yield head
