"""Decisions of many readings in one pass over their logits, without the spans that no one asks for.

A decision needs the best span and the normaliser. Where a text has one window and each of its tokens has characters of its own,
every run of at most L tokens is a span, and both come from sums and maxima over the next L tokens: with start logits s and
end logits e, the best span is max over i of s[i] + max over j of e[j], and Σ exp(z) = Σ over i of exp(s[i]) · Σ over j of exp(e[j]),
j from i to i + L − 1. Any other reading is decided by its `SpanDistribution`, which for these is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qalens.spans.decision import Decision, decision_of
from qalens.spans.distribution import Answer, SpanLogits
from qalens.text.examples import CharSpan
from qalens.text.graphemes import has_no_ties
from qalens.text.token_edges import blank_characters, without_blanks
from qalens.text.windows import Role

_CONTEXT = int(Role.CONTEXT)
# A best span so far below the sum of the best start and the best end has neighbours that vanish beside them.
_FARTHEST_BELOW = 600.0


def plain_decisions(
    logits: Sequence[SpanLogits], *, max_answer_length: int, threshold: float
) -> list[Decision | None]:
    """Decide all readings of a batch that need no distribution for it.

    Parameters
    ----------
    logits : sequence of SpanLogits
        The logits of each question.
    max_answer_length : int
        L, the longest answer in tokens.
    threshold : float
        The no-answer threshold, in logits.

    Returns
    -------
    list of Decision or None
        One item for each, as `decide` gives it for the distribution, probabilities up to rounding. None where the distribution
        is needed: for several windows, and for tokens that share characters, are white space alone or are masked.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> (decision,) = plain_decisions(
    ...     [planted_logits("Ada kept the lamp.", answer="Ada")], max_answer_length=30, threshold=0.0
    ... )
    >>> decision.answer.text
    'Ada'
    """
    found: list[Decision | None] = [None] * len(logits)
    single = [k for k, one in enumerate(logits) if len(one.windows) == 1]
    if not single:
        return found
    tokens = _trimmed(_tokens([logits[k] for k in single]))
    plain = _plain(tokens)
    if not plain.any():
        return found
    tokens = tokens.of(plain)
    totals = _totals(tokens, max_answer_length)
    for q, k in enumerate(np.array(single)[plain].tolist()):
        if totals.known[q]:
            found[k] = _decision(tokens, totals, q, threshold)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Tokens:
    """The M tokens of the texts of Q readings with one window each, one reading after the other.

    `reading` (M,) is that of each token and `place` (M,) its place in the window; `first` (Q,) is the first token of each reading.
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

    def of(self, kept: NDArray[np.bool_]) -> _Tokens:
        """Those of some readings alone."""
        if kept.all():
            return self
        here = kept[self.reading]
        return _Tokens(
            logits=[one for one, keep in zip(self.logits, kept.tolist(), strict=True) if keep],
            reading=(np.cumsum(kept) - 1)[self.reading[here]],
            place=self.place[here],
            start=self.start[here],
            end=self.end[here],
            offsets=self.offsets[here],
        )


def _tokens(logits: Sequence[SpanLogits]) -> _Tokens:
    size = np.array([one.start.shape[1] for one in logits])
    reading = np.repeat(np.arange(len(logits)), size)
    place = np.arange(len(reading)) - np.repeat(np.cumsum(size) - size, size)
    inside = np.concatenate([one.windows.role[0] for one in logits]) == _CONTEXT
    start, end = (
        np.concatenate(rows)[inside].astype(np.float64)
        for rows in ([one.start[0] for one in logits], [one.end[0] for one in logits])
    )
    offsets = np.concatenate([one.windows.offsets[0] for one in logits])[inside]
    return _Tokens(logits, reading[inside], place[inside], start, end, offsets)


def _trimmed(tokens: _Tokens) -> _Tokens:
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


def _plain(tokens: _Tokens) -> NDArray[np.bool_]:
    """(Q,): whether each run of tokens of a reading is a span of its own, with a score."""
    plain = np.array([has_no_ties(one.windows.context) for one in tokens.logits]) & (tokens.count > 0)
    begin, end = tokens.offsets.T
    odd = (begin >= end) | (np.minimum(tokens.start, tokens.end) == -np.inf)
    odd[1:] |= (begin[1:] < end[:-1]) & (tokens.reading[1:] == tokens.reading[:-1])
    plain[tokens.reading[odd]] = False
    return plain


@dataclass(frozen=True, slots=True, eq=False)
class _Totals:
    """For each of Q readings the numbers of the first and the last token of its best span, its score, null score and log Z.

    `known` tells where Σ exp(z) is not lost beside starts and ends that are far better than any span.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    score: NDArray[np.float64]
    null_score: NDArray[np.float64]
    log_normalizer: NDArray[np.float64]
    known: NDArray[np.bool_]


def _totals(tokens: _Tokens, L: int) -> _Totals:
    Q, L = len(tokens.logits), min(L, int(tokens.count.max()))
    behind = np.cumsum(tokens.count)
    # With a gap behind each reading no run of tokens reaches into the next one.
    at = np.arange(len(tokens.reading)) + tokens.reading * (L - 1)
    ends, weights = np.full(at[-1] + L, -np.inf), np.zeros(at[-1] + L)
    ends[at] = tokens.end
    scores = tokens.start + over_next(ends, L, np.maximum)[at]
    score, start, end = (
        np.maximum.reduceat(x, behind - tokens.count) for x in (scores, tokens.start, tokens.end)
    )
    best = np.flatnonzero(scores == score[tokens.reading])
    first = best[np.searchsorted(tokens.reading[best], np.arange(Q))]
    reached = tokens.start[first, None] + ends[at[first, None] + np.arange(L)]
    last = first + (reached == score[:, None]).argmax(1)
    weights[at] = np.exp(tokens.end - end[tokens.reading])
    sums = np.exp(tokens.start - start[tokens.reading]) * over_next(weights, L, np.add)[at]
    known = score - start - end > -_FARTHEST_BELOW
    total = np.where(known, np.add.reduceat(sums, behind - tokens.count), 1.0)
    null = np.array([float(one.start[0, k]) + float(one.end[0, k]) for one, k in _nulls(tokens.logits)])
    return _Totals(first, last, score, null, np.logaddexp(null, start + end + np.log(total)), known)


def _nulls(logits: Sequence[SpanLogits]) -> Iterator[tuple[SpanLogits, int]]:
    return ((one, int(one.windows.null_index[0])) for one in logits)


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


def _decision(tokens: _Tokens, totals: _Totals, q: int, threshold: float) -> Decision:
    logits = tokens.logits[q]
    first, last = int(totals.first[q]), int(totals.last[q])
    span = CharSpan(int(tokens.offsets[first, 0]), int(tokens.offsets[last, 1]))
    score, log_normalizer = float(totals.score[q]), float(totals.log_normalizer[q])
    best = Answer(
        text=logits.windows.context[span.start : span.end],
        span=span,
        score=score,
        probability=math.exp(score - log_normalizer),
        window=0,
        tokens=(int(tokens.place[first]), int(tokens.place[last])),
    )
    return decision_of(best, float(totals.null_score[q]), log_normalizer, threshold)
