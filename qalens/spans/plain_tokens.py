"""Readings whose runs of tokens are spans, each of its own: their tokens in one set of arrays, and sums over their spans.

Such a reading has one window, and none of its tokens shares a character with another, is white space alone or is masked; most
readings of short texts are of that kind. The best of its spans and sums over all of them then follow from sums over tokens:
no span has to be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qalens.records import brief
from qalens.spans.logits import SpanLogits
from qalens.text.graphemes import has_no_ties
from qalens.text.token_edges import blank_characters, without_blanks
from qalens.text.windows import Role

_CONTEXT = int(Role.CONTEXT)
# A best span so far below the sum of the best start and the best end has neighbours that vanish beside them.
_FARTHEST_BELOW = 600.0


@brief
@dataclass(frozen=True, slots=True, eq=False)
class PlainTokens:
    """The M tokens of the texts of Q readings with one window each, one reading after the other.

    Attributes
    ----------
    logits : sequence of SpanLogits
        The Q readings.
    reading, place : ndarray of int64
        (M,): the reading of each token, and its place in the window.
    start, end : ndarray of float64
        (M,): its logits.
    offsets : ndarray of int64
        (M, 2): its characters `[start, end)`, without white space at the ends.
    """

    logits: Sequence[SpanLogits]
    reading: NDArray[np.int64]
    place: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    offsets: NDArray[np.int64]

    @property
    def count(self) -> NDArray[np.int64]:
        """(Q,): the tokens of each reading."""
        return np.bincount(self.reading, minlength=len(self.logits))

    @property
    def null_score(self) -> NDArray[np.float64]:
        """(Q,): the null score of each reading."""
        null = ((one, int(one.windows.null_index[0])) for one in self.logits)
        return np.array([float(one.start[0, k]) + float(one.end[0, k]) for one, k in null])

    def of(self, kept: NDArray[np.bool_]) -> PlainTokens:
        """Those of some readings alone.

        Parameters
        ----------
        kept : ndarray of bool
            (Q,): which readings.

        Returns
        -------
        PlainTokens
        """
        if kept.all():
            return self
        here = kept[self.reading]
        return PlainTokens(
            logits=[one for one, keep in zip(self.logits, kept.tolist(), strict=True) if keep],
            reading=(np.cumsum(kept) - 1)[self.reading[here]],
            place=self.place[here],
            start=self.start[here],
            end=self.end[here],
            offsets=self.offsets[here],
        )


def plain_tokens(logits: Sequence[SpanLogits]) -> tuple[list[int], PlainTokens | None]:
    """The tokens of those readings in which each run of tokens is a span of its own, with a score.

    Parameters
    ----------
    logits : sequence of SpanLogits
        The logits of each reading.

    Returns
    -------
    tuple of (list of int, PlainTokens or None)
        Which readings these are, and their tokens; None without any.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> kept, tokens = plain_tokens([planted_logits("Ada kept the lamp.", answer="Ada")])
    >>> kept, tokens.offsets[:2].tolist()
    ([0], [[0, 3], [4, 8]])
    """
    single = [k for k, one in enumerate(logits) if len(one.windows) == 1]
    if not single:
        return [], None
    tokens = _trimmed(_tokens([logits[k] for k in single]))
    plain = _plain(tokens)
    return np.array(single)[plain].tolist(), tokens.of(plain) if plain.any() else None


def _tokens(logits: Sequence[SpanLogits]) -> PlainTokens:
    size = np.array([one.start.shape[1] for one in logits])
    reading = np.repeat(np.arange(len(logits)), size)
    place = np.arange(len(reading)) - np.repeat(np.cumsum(size) - size, size)
    inside = np.concatenate([one.windows.role[0] for one in logits]) == _CONTEXT
    start, end = (
        np.concatenate(rows)[inside].astype(np.float64)
        for rows in ([one.start[0] for one in logits], [one.end[0] for one in logits])
    )
    offsets = np.concatenate([one.windows.offsets[0] for one in logits])[inside]
    return PlainTokens(logits, reading[inside], place[inside], start, end, offsets)


def _trimmed(tokens: PlainTokens) -> PlainTokens:
    """The tokens without white space at their ends; what is white space alone ends before it begins."""
    contexts = [one.windows.context for one in tokens.logits]
    size = np.array([len(context) for context in contexts])
    shift = (np.cumsum(size) - size)[tokens.reading, None]
    blank = blank_characters("".join(contexts) + " ")
    begin, end = (tokens.offsets + shift).T
    touching = blank[begin] | blank[end - 1]
    if not touching.any():
        return tokens
    begin[touching], end[touching] = without_blanks(blank, begin[touching], end[touching])
    return replace(tokens, offsets=np.stack([begin, end], 1) - shift)


def _plain(tokens: PlainTokens) -> NDArray[np.bool_]:
    """(Q,): whether each run of tokens of a reading is a span of its own, with a score."""
    plain = np.array([has_no_ties(one.windows.context) for one in tokens.logits]) & (tokens.count > 0)
    begin, end = tokens.offsets.T
    odd = (begin >= end) | (np.minimum(tokens.start, tokens.end) == -np.inf)
    odd[1:] |= (begin[1:] < end[:-1]) & (tokens.reading[1:] == tokens.reading[:-1])
    plain[tokens.reading[odd]] = False
    return plain


@brief
@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The spans of G runs of tokens, summed up.

    Attributes
    ----------
    first, last : ndarray of int64
        (G,): the first and the last token of the best span of each.
    score : ndarray of float64
        (G,): its score.
    top_start, top_end : ndarray of float64
        (G,): the best start and the best end, which need not make a span.
    log_mass : ndarray of float64
        (G,): log Σ exp(score) over all spans.
    known : ndarray of bool
        (G,): whether that sum is not lost beside starts and ends that are far better than any span.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    score: NDArray[np.float64]
    top_start: NDArray[np.float64]
    top_end: NDArray[np.float64]
    log_mass: NDArray[np.float64]
    known: NDArray[np.bool_]


def sum_up(start: NDArray[np.float64], end: NDArray[np.float64], sizes: NDArray[np.int64], L: int) -> Runs:
    """The best span of each run of tokens, and the sum over all of its spans.

    Parameters
    ----------
    start, end : ndarray of float64
        (M,) logits, one run after the other.
    sizes : ndarray of int64
        (G,): how many tokens each run has, from 1 on.
    L : int
        The longest span in tokens.

    Returns
    -------
    Runs
        Of equal scores the earlier, then the shorter span is the best.

    Examples
    --------
    >>> found = sum_up(np.array([0.0, 5.0, 1.0]), np.array([1.0, 0.0, 2.0]), np.array([2, 1]), 30)
    >>> found.first.tolist(), found.last.tolist(), found.score.tolist()
    ([1, 2], [1, 2], [5.0, 3.0])
    """
    G, L = len(sizes), min(L, int(sizes.max(initial=1)))
    run, behind = np.repeat(np.arange(G), sizes), np.cumsum(sizes)
    # With a gap behind each run no span reaches into the next one.
    at = np.arange(len(run)) + run * (L - 1)
    size = len(run) + G * (L - 1)
    ends, weights = np.full(size, -np.inf), np.zeros(size)
    ends[at] = end
    scores = start + over_next(ends, L, np.maximum)[at]
    score, top_start, top_end = (np.maximum.reduceat(x, behind - sizes) for x in (scores, start, end))
    best = np.flatnonzero(scores == score[run])
    first = best[np.searchsorted(run[best], np.arange(G))]
    reached = start[first, None] + ends[at[first, None] + np.arange(L)]
    last = first + (reached == score[:, None]).argmax(1)
    weights[at] = np.exp(end - top_end[run])
    sums = np.exp(start - top_start[run]) * over_next(weights, L, np.add)[at]
    known = score - top_start - top_end > -_FARTHEST_BELOW
    total = np.where(known, np.add.reduceat(sums, behind - sizes), 1.0)
    return Runs(first, last, score, top_start, top_end, top_start + top_end + np.log(total), known)


def over_next(values: NDArray, L: int, combine: np.ufunc) -> NDArray:
    """Each value with the L − 1 behind it combined, along the last axis; fewer at the end.

    Sums of 1, 2, 4, … neighbours are added up, so that no sum is the difference of two larger ones.

    Parameters
    ----------
    values : ndarray
        (…, M) values.
    L : int
        How many are combined, itself included; from 1 to M.
    combine : ufunc
        `numpy.add` or `numpy.maximum`.

    Returns
    -------
    ndarray
        (…, M); at the end there are fewer to combine.

    Examples
    --------
    >>> over_next(np.array([1.0, 5.0, 2.0, 0.0]), 3, np.maximum).tolist()
    [5.0, 5.0, 2.0, 0.0]
    """
    n, width, done = values.shape[-1], 1, 0
    block, found = values, values
    while True:
        if L & width:
            if done:
                found = found.copy()
                combine(found[..., : n - done], block[..., done:], out=found[..., : n - done])
            else:
                found = block
            done += width
        if 2 * width > L:
            return found
        wider = block.copy()
        combine(block[..., :-width], block[..., width:], out=wider[..., :-width])
        block, width = wider, 2 * width
