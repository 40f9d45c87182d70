"""What each window says on its own: its distribution, its margin, the score of one span there, and what leaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.spans import (
    DEFAULT_MAX_ANSWER_LENGTH,
    SpanDistribution,
    SpanLogits,
    check_span_options,
    span_distribution,
)
from qalens.text import CharSpan
from qalens.windows import context_runs, token_range, trimmed_edges


def window_distributions(
    logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH
) -> tuple[SpanDistribution, ...]:
    """W distributions, each over the spans of one window and its own null score alone.

    Their `window` fields read 0, since each knows only its own window. Compare with `span_distribution` to see what
    sharing one normaliser does.

    >>> from qalens.testing import planted_logits
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> [d.top(1)[0].text for d in window_distributions(logits)]
    ['Ada']
    """
    return tuple(
        span_distribution(logits.one_window(w), max_answer_length=max_answer_length)
        for w in range(len(logits.windows))
    )


def window_margins(
    logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH
) -> NDArray[np.float64]:
    """(W,): the margin of each window on its own, its null score minus its best span; inf where it has no span.

    A window with a negative margin would answer alone, whatever the whole text decides.

    >>> from qalens.testing import planted_logits
    >>> bool(window_margins(planted_logits("Ada kept the lamp.", answer="Ada"))[0] < 0)
    True
    """
    alone = window_distributions(logits, max_answer_length=max_answer_length)
    return np.array([d.null_score - d.score.max(initial=-np.inf) for d in alone])


@dataclass(frozen=True, slots=True)
class Copy:
    """One character span in one window: the places of its first and last token there, and its score in logits."""

    window: int
    tokens: tuple[int, int]
    score: float


def span_copies(logits: SpanLogits, span: CharSpan) -> tuple[Copy, ...]:
    """One character span in every window that holds it, window by window; the best copy where one has several.

    A span of any length counts, and one that the model masked scores minus infinity. Raises `InputError` where no
    window holds tokens with these edges.

    >>> from qalens.testing import planted_logits
    >>> [copy.score for copy in span_copies(planted_logits("Ada kept the lamp.", answer="Ada"), CharSpan(0, 3))]
    [24.0]
    """
    windows = logits.windows
    first, number, count = context_runs(windows)
    low, N = token_range(windows)
    begin, finish = trimmed_edges(windows, low, N)
    starts = low + np.flatnonzero((begin == span.start) & (len(span) > 0))
    ends = low + np.flatnonzero(finish == span.end)
    copies = []
    for w in range(len(windows)):
        i, j = (_places(tokens, first[w], number[w], count[w]) for tokens in (starts, ends))
        legal = i[:, None] <= j
        if legal.any():
            z = np.where(legal, logits.start[w, i, None].astype(np.float64) + logits.end[w, j], -np.inf)
            # Where all are masked, any legal pair will do.
            a, b = np.unravel_index((z if z.max() > -np.inf else legal).argmax(), z.shape)
            copies.append(Copy(w, (int(i[a]), int(j[b])), float(z[a, b])))
    if not copies:
        raise InputError(
            f"No window holds tokens that start at character {span.start} and end at {span.end}."
        )
    return tuple(copies)


def scores_by_window(logits: SpanLogits, span: CharSpan) -> NDArray[np.float64]:
    """(W,): the score of one character span in every window that holds it, nan in the others.

    How far the values differ shows what a little more or less context does to the answer. Counts and errors as in
    `span_copies`.

    >>> from qalens.testing import planted_logits
    >>> scores_by_window(planted_logits("Ada kept the lamp.", answer="Ada"), CharSpan(0, 3)).shape
    (1,)
    """
    scores = np.full(len(logits.windows), np.nan)
    for copy in span_copies(logits, span):
        scores[copy.window] = copy.score
    return scores


def _places(tokens: NDArray[np.int64], first: int, number: int, count: int) -> NDArray[np.int64]:
    """Places in a window of those tokens, numbered in the text, that it holds; see `windows.context_runs`."""
    return first + tokens[(number <= tokens) & (tokens < number + count)] - number


@dataclass(frozen=True, slots=True, eq=False)
class Leakage:
    """How much of the classic score p_start · p_end falls on pairs of tokens that are no prediction, by window.

    All (W,), in probability: `reversed` (the end before the start), `too_long` (more than L tokens), `mixed` (one end
    at the null token, the other in the text), `outside` (an end in the question or at a special token, blank spans, and
    copies of a span that the best one stands for); `total` is their sum. In one window P(span | legal pair) = p_start · p_end / (1 − total).
    """

    reversed: NDArray[np.float64]
    too_long: NDArray[np.float64]
    mixed: NDArray[np.float64]
    outside: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """(W,): all that is lost."""
        return self.reversed + self.too_long + self.mixed + self.outside


def leakage(logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH) -> Leakage:
    """What the product of a start and an end softmax gives away, window by window.

    Each softmax runs over all tokens of the window that are no padding, as in transformers' old pipeline before it
    masked the question.

    >>> from qalens.testing import planted_logits
    >>> leakage(planted_logits("Ada kept the lamp.", answer="Ada")).total.shape
    (1,)
    """
    check_span_options(max_answer_length, "min")
    windows = logits.windows
    real = np.arange(logits.start.shape[1]) < windows.lengths[:, None]
    p_start, p_end = (_masked_softmax(x, real) for x in (logits.start, logits.end))
    parts = np.zeros((4, len(windows)))
    for w in range(len(windows)):
        parts[:, w] = _window_leakage(logits, w, p_start[w], p_end[w], max_answer_length)
    return Leakage(*parts)


def _window_leakage(
    logits: SpanLogits, w: int, p_start: NDArray[np.float64], p_end: NDArray[np.float64], L: int
) -> tuple[float, float, float, float]:
    windows = logits.windows
    inside, null = windows.answerable[w], windows.null_index[w]
    s, e = p_start[inside], p_end[inside]
    before = np.concatenate([[0.0], np.cumsum(e)])
    place = np.arange(len(s))
    reverse = float(s @ before[place])
    too_long = float(s @ (before[-1] - before[np.minimum(place + L, len(s))]))
    mixed = float(p_start[null] * e.sum() + s.sum() * p_end[null])
    alone = span_distribution(logits.one_window(w), max_answer_length=L)
    legal = float(p_start[alone.token_start] @ p_end[alone.token_end]) + float(p_start[null] * p_end[null])
    outside = max(0.0, 1.0 - legal - reverse - too_long - mixed)
    return reverse, too_long, mixed, outside


def _masked_softmax(logits: NDArray[np.float32], real: NDArray[np.bool_]) -> NDArray[np.float64]:
    x = np.where(real, logits.astype(np.float64), -np.inf)
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)
