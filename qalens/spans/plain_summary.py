"""Summaries of many readings in one pass over their tokens, for readings whose runs of tokens are spans (`plain_tokens`).

Σ exp(z / T) over all spans is Σ over i of exp(s[i] / T) · Σ over j of exp(e[j] / T), j from i to i + L − 1, so no span is made.
Places are found from the whole to the parts: the best span of a run of tokens takes all that overlap it, and what is left lies
wholly before it or wholly behind it, each again a run of tokens. Neither knows of the other, so all runs of all readings are
halved at the same time, and one is left alone as soon as its mass says that nothing in it counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qalens.spans.decision import Decision
from qalens.spans.logits import SpanLogits
from qalens.spans.places import SAME_PLACE
from qalens.spans.plain_tokens import PlainTokens, Runs, over_next, plain_tokens, sum_up
from qalens.spans.summary import DIGITS, LEAST_PLACE, TEMPERATURES, SpanSummary, gold_edges
from qalens.text.examples import CharSpan

_Golds = Sequence[CharSpan] | None
# At the lowest temperature a best span so far below the best start and the best end is lost beside them.
_FARTHEST_BELOW = 600.0 * TEMPERATURES[0]


def plain_summaries(
    logits: Sequence[SpanLogits],
    decisions: Sequence[Decision],
    golds: Sequence[_Golds],
    *,
    max_answer_length: int,
) -> list[SpanSummary | None]:
    """Summarise all readings of a batch that need no distribution for it.

    Parameters
    ----------
    logits : sequence of SpanLogits
        The logits of each reading.
    decisions : sequence of Decision
        Its decision.
    golds : sequence of (sequence of CharSpan or None)
        Its gold answers; empty for an unanswerable question, None if unknown.
    max_answer_length : int
        L, the longest answer in tokens.

    Returns
    -------
    list of SpanSummary or None
        One item for each, as `summary_of` gives it for the distribution, up to rounding. None where the distribution is needed.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> (found,) = plain_summaries([reading.logits], [reading.decision], [[CharSpan(0, 3)]], max_answer_length=30)
    >>> found.right_places, round(found.true_place, 3)
    ((0,), 1.0)
    """
    found: list[SpanSummary | None] = [None] * len(logits)
    kept, tokens = plain_tokens(logits)
    if tokens is None:
        return found
    whole = sum_up(tokens.start, tokens.end, tokens.count, max_answer_length)
    close = whole.top_start + whole.top_end - whole.score < _FARTHEST_BELOW
    kept = np.array(kept)[close].tolist()
    if not kept:
        return found
    if not close.all():
        tokens = tokens.of(close)
        whole = sum_up(tokens.start, tokens.end, tokens.count, max_answer_length)
    batch = _Batch(tokens, whole, [decisions[k] for k in kept], [golds[k] for k in kept], max_answer_length)
    for k, summary in zip(kept, _summaries(batch), strict=True):
        found[k] = summary
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Q readings together, with what is summed up over all spans of each."""

    tokens: PlainTokens
    whole: Runs
    decisions: list[Decision]
    golds: list[_Golds]
    L: int

    @property
    def log_normalizer(self) -> NDArray[np.float64]:
        """(Q,): log Z."""
        return np.array([one.log_normalizer for one in self.decisions])


def _summaries(batch: _Batch) -> Iterator[SpanSummary | None]:
    tokens, whole = batch.tokens, batch.whole
    mass, near, mean = _masses(batch)
    plain = TEMPERATURES.index(1.0)
    best = np.exp(whole.score - batch.log_normalizer)
    places = _Places(batch)
    columns = zip(
        (1.0 / mass[plain]).tolist(),
        np.minimum(1.0, best * near[plain]).tolist(),
        *(x.tolist() for x in _products(tokens, whole)),
        _entropies(batch, best * mass[plain], mean[plain]).tolist(),
        _gold_scores(batch),
        *(_rows(x) for x in (np.log(mass), np.log(near), mean)),
        *places.columns(),
        strict=True,
    )
    for known, column in zip(places.known.tolist(), columns, strict=True):
        yield SpanSummary(*column) if known else None


def _rows(values: NDArray[np.float64]) -> list[tuple[float, ...]]:
    """A tuple for each column, in the digits that are kept; no zero is negative."""
    return [tuple(row) for row in (np.round(values.T, DIGITS) + 0.0).tolist()]


def _entropies(
    batch: _Batch, answered: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(Q,): in bits, from the probability that there is an answer and the mean score of its spans less the best."""
    log_normalizer, null = batch.log_normalizer, batch.tokens.null_score
    # Each part is what its scores lack to log Z: no difference of large numbers, so small entropies keep their digits.
    spans = answered * (log_normalizer - batch.whole.score - mean)
    chance = np.exp(null - log_normalizer)
    no_answer = np.multiply(chance, log_normalizer - null, out=np.zeros(len(null)), where=chance > 0)
    return np.maximum(spans + no_answer, 0.0) / math.log(2)


def _masses(batch: _Batch) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Three arrays (temperatures, Q): Σ exp(x / T) over all spans and over those that overlap the best, and the mean of x.

    x are scores less the best.
    """
    tokens, whole = batch.tokens, batch.whole
    spread = _spread(tokens, whole, min(batch.L, int(tokens.count.max())))
    apart = whole.top_start + whole.top_end - whole.score
    sums = np.empty((3, len(TEMPERATURES), len(tokens.logits)))
    for last in (len(TEMPERATURES) - 1, len(TEMPERATURES) - 2):
        start, end = (spread.real * np.exp(x / TEMPERATURES[last]) for x in (spread.start, spread.end))
        for k in range(last, -1, -2):
            mass, near, mean = spread.sums(start, end)
            scale = np.exp(apart / TEMPERATURES[k])
            # The best span counts 1 and no other more, which rounding keeps neither of.
            mass, near = (np.maximum(x * scale, 1.0) for x in (mass, near))
            sums[:, k] = mass, near, np.minimum(mean + apart, 0.0)
            # Two places on T is half as large, and the weights the squares of these: cheaper than taking them anew.
            start *= start
            end *= end
    return sums[0], sums[1], sums[2]


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Tokens with gaps of L − 1 before, between and behind the readings, so that no span reaches over them.

    `start` and `end` are logits less the best of their reading, `real` is 1 at tokens and 0 in gaps, `begin` (Q,) is the first token
    of each reading, `first` and `last` (Q,) are those of its best span.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    real: NDArray[np.float64]
    begin: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    L: int

    def sums(
        self, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of the weights of starts and ends: Σ over all spans, Σ over those that overlap the best, and the mean of x."""
        by_start = start * over_next(end, self.L, np.add)
        mass = np.add.reduceat(by_start, self.begin)
        scores = by_start * self.start + start * over_next(end * self.end, self.L, np.add)
        mean = np.add.reduceat(scores, self.begin) / mass
        inside = np.add.reduceat(by_start, np.stack([self.first, self.last + 1], 1).ravel())[::2]
        return mass, inside + self._from_before(start, end), mean

    def _from_before(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ over the spans that begin before the best span and reach it."""
        step = np.arange(self.L - 1)
        # What begins k + 1 tokens before it reaches L − 1 − k of the tokens from its first on.
        reached = np.cumsum(end[self.first[:, None] + step], 1)[:, ::-1]
        return (start[self.first[:, None] - 1 - step] * reached).sum(1)


def _spread(tokens: PlainTokens, whole: Runs, L: int) -> _Spread:
    at = np.arange(len(tokens.reading)) + (tokens.reading + 1) * (L - 1)
    start, end, real = np.zeros((3, at[-1] + L + 1))
    start[at] = tokens.start - whole.top_start[tokens.reading]
    end[at] = tokens.end - whole.top_end[tokens.reading]
    real[at] = 1.0
    count = tokens.count
    return _Spread(start, end, real, at[np.cumsum(count) - count], at[whole.first], at[whole.last], L)


def _products(tokens: PlainTokens, whole: Runs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p(start) · p(end) of the best span and of the null token, each a softmax over all tokens that are no padding."""
    lengths = np.array([int(one.windows.lengths[0]) for one in tokens.logits])
    begin, reading = np.cumsum(lengths) - lengths, np.repeat(np.arange(len(lengths)), lengths)
    null = begin + np.array([int(one.windows.null_index[0]) for one in tokens.logits])
    log_best, log_null = np.zeros((2, len(lengths)))
    for side, token in (("start", whole.first), ("end", whole.last)):
        parts = (getattr(one, side)[0, :n] for one, n in zip(tokens.logits, lengths.tolist(), strict=True))
        logits = np.concatenate(list(parts)).astype(np.float64)
        top = np.maximum.reduceat(logits, begin)
        all_of_it = top + np.log(np.add.reduceat(np.exp(logits - top[reading]), begin))
        log_best += logits[begin + tokens.place[token]] - all_of_it
        log_null += logits[null] - all_of_it
    return np.exp(log_best), np.exp(log_null)


def _gold_scores(batch: _Batch) -> list[tuple[float, ...]]:
    """For each reading the scores of its gold answers that are legal spans."""
    tokens = batch.tokens
    texts = [one.windows.context for one in tokens.logits]
    wanted = [(q, *edges) for q, text in enumerate(texts) for edges in gold_edges(text, batch.golds[q])]
    found: list[list[float]] = [[] for _ in texts]
    if wanted:
        q, start, end = np.array(wanted).T
        # Characters of all texts in one count, so that both edges of all golds are looked up at once.
        shift = max(map(len, texts)) + 1
        begins, ends = (tokens.offsets + (tokens.reading * shift)[:, None]).T
        first, last = np.searchsorted(begins, q * shift + start), np.searchsorted(ends, q * shift + end)
        first, last = (np.minimum(x, len(begins) - 1) for x in (first, last))
        legal = (begins[first] == q * shift + start) & (ends[last] == q * shift + end)
        legal &= (first <= last) & (last - first < batch.L)
        scores = tokens.start[first] + tokens.end[last]
        for k, score in zip(q[legal].tolist(), scores[legal].tolist(), strict=True):
            found[k].append(score)
    return [tuple(scores) for scores in found]


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """G runs of tokens `[low, high)`, each a part of a reading: the tokens and the score of its best span, the probability of all of them."""

    reading: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    score: NDArray[np.float64]
    mass: NDArray[np.float64]


class _Places:
    """The places of all readings: those that are likely, and of the right ones the most probable.

    `known` (Q,) tells where no sum was lost.
    """

    def __init__(self, batch: _Batch):
        self._batch, self._log_normalizer = batch, batch.log_normalizer
        self._gold = _table(batch.golds)
        Q, high = len(batch.golds), np.cumsum(batch.tokens.count)
        self.known, self._true = np.ones(Q, bool), np.zeros(Q)
        self._found: list[tuple[NDArray, ...]] = []
        whole = batch.whole
        mass = np.exp(whole.log_mass - self._log_normalizer)
        low = high - batch.tokens.count
        parts = _Parts(np.arange(Q), low, high, whole.first, whole.last, whole.score, mass)
        while len(parts.reading):
            parts = self._taken_apart(parts)

    def _parts(self, reading: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> _Parts:
        tokens, size = self._batch.tokens, high - low
        take = np.arange(size.sum()) + np.repeat(low - (np.cumsum(size) - size), size)
        sums = sum_up(tokens.start[take], tokens.end[take], size, self._batch.L)
        self.known[reading[~sums.known]] = False
        mass = np.exp(sums.log_mass - self._log_normalizer[reading])
        return _Parts(reading, low, high, take[sums.first], take[sums.last], sums.score, mass)

    def _taken_apart(self, parts: _Parts) -> _Parts:
        """Note the place of the best span of each part in which something counts, and return what lies before and behind it."""
        # No place in a part is more probable than all of the part.
        better = parts.mass > self._true[parts.reading]
        kept = (parts.mass >= LEAST_PLACE) | (
            better & self._on_gold(parts.reading, parts.low, parts.high - 1)
        )
        reading, first, last = parts.reading[kept], parts.first[kept], parts.last[kept]
        low, high = np.concatenate([parts.low[kept], last + 1]), np.concatenate([first, parts.high[kept]])
        owner = np.tile(np.arange(len(reading)), 2)[low < high]
        sides = self._parts(reading[owner], low[low < high], high[low < high])
        place = parts.mass[kept] - np.bincount(owner, sides.mass, len(reading))
        right = self._on_gold(reading, first, last)
        np.maximum.at(self._true, reading[right], place[right])
        self._found.append((reading, place, parts.score[kept], first, right))
        return sides

    def _on_gold(
        self, reading: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether the tokens from `first` to `last` of a reading overlap one of its gold answers."""
        offsets, gold = self._batch.tokens.offsets, self._gold[reading]
        start, end = offsets[first, :1], offsets[last, 1:]
        return np.any((start < gold[..., 1]) & (end > gold[..., 0]), axis=1)

    def columns(self) -> tuple[list, list, list]:
        """For each reading the likely places, which of them are right, and the probability of the most probable right one."""
        reading, place, score, first, right = map(np.concatenate, zip(*self._found, strict=True))
        order = np.lexsort((first, -score, -np.round(place, SAME_PLACE), reading))
        order = order[place[order] >= LEAST_PLACE]
        cuts = np.searchsorted(reading[order], np.arange(len(self._true) + 1)).tolist()
        places = np.round(place[order], DIGITS).tolist()
        judged = zip(self._batch.golds, self._batch.decisions, self._true.tolist(), strict=True)
        return (
            [tuple(places[a:b]) for a, b in pairwise(cuts)],
            [
                None if golds is None else tuple(np.flatnonzero(right[order[a:b]]).tolist())
                for golds, (a, b) in zip(self._batch.golds, pairwise(cuts), strict=True)
            ],
            [
                true if golds else None if golds is None else decision.no_answer_probability
                for golds, decision, true in judged
            ],
        )


def _table(golds: list[_Golds]) -> NDArray[np.int64]:
    """(Q, most golds, 2): the characters of the gold answers; where there are fewer, what overlaps nothing."""
    most = max((len(one or ()) for one in golds), default=0)
    table = np.tile(np.array([np.iinfo(np.int64).max, -1]), (len(golds), most, 1))
    for q, one in enumerate(golds):
        for g, gold in enumerate(one or ()):
            table[q, g] = gold.start, gold.end
    return table
