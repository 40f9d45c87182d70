"""Each window by itself: its distribution, its null margin, the score of one span, and the leakage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.records import brief
from qalens.spans.distribution import (
    DEFAULT_MAX_ANSWER_LENGTH,
    SpanDistribution,
    SpanLogits,
    check_span_options,
    span_distribution,
)
from qalens.text.examples import CharSpan
from qalens.text.token_edges import context_runs, token_range, trimmed_edges


def window_distributions(
    logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH
) -> tuple[SpanDistribution, ...]:
    """One distribution for each window, over its spans and its own null score.

    Their `window` fields are 0, since each holds one window. Compare with `span_distribution` to see the effect of
    one shared normaliser.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    max_answer_length : int, default DEFAULT_MAX_ANSWER_LENGTH
        The longest answer in tokens.

    Returns
    -------
    tuple of SpanDistribution
        W distributions.

    Examples
    --------
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
    """The null margin of each window: its null score − the score of its best span.

    A window with a negative margin would answer alone, whatever is decided for the whole text.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    max_answer_length : int, default DEFAULT_MAX_ANSWER_LENGTH
        The longest answer in tokens.

    Returns
    -------
    ndarray of float64
        (W,), in logits; inf for a window without a span.

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> bool(window_margins(planted_logits("Ada kept the lamp.", answer="Ada"))[0] < 0)
    True
    """
    alone = window_distributions(logits, max_answer_length=max_answer_length)
    return np.array([d.null_score - d.score.max(initial=-np.inf) for d in alone])


@brief
@dataclass(frozen=True, slots=True)
class Copy:
    """One character span in one window.

    Attributes
    ----------
    window : int
        The index of the window.
    tokens : tuple of (int, int)
        The positions of its first and last token there, both inclusive.
    score : float
        Start + end logit.
    """

    window: int
    tokens: tuple[int, int]
    score: float


def span_copies(logits: SpanLogits, span: CharSpan) -> tuple[Copy, ...]:
    """Find one character span in every window that holds it.

    A span of any length counts, and one that the model masked scores minus infinity.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    span : CharSpan
        The characters.

    Returns
    -------
    tuple of Copy
        Window by window; the best copy if a window has several.

    Raises
    ------
    InputError
        For a span whose ends are not token boundaries in any window.

    Examples
    --------
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
    """The score of one character span in every window that holds it.

    The spread of the values shows the effect of a little more or less context on the answer.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    span : CharSpan
        The characters.

    Returns
    -------
    ndarray of float64
        (W,), in logits; nan for a window that does not hold the span.

    Raises
    ------
    InputError
        As in `span_copies`.

    Examples
    --------
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


@brief
@dataclass(frozen=True, slots=True, eq=False)
class Leakage:
    """How much of the classic score p_start · p_end falls on pairs of tokens that are not a prediction, by window.

    All arrays are (W,), in probability. In one window P(span | legal pair) = p_start · p_end / (1 − total).

    Attributes
    ----------
    reversed : ndarray of float64
        The end before the start.
    too_long : ndarray of float64
        More than L tokens.
    mixed : ndarray of float64
        One end at the null token, the other in the text.
    outside : ndarray of float64
        An end in the question or at a special token, spans of whitespace, and copies of a span other than the best.
    """

    reversed: NDArray[np.float64]
    too_long: NDArray[np.float64]
    mixed: NDArray[np.float64]
    outside: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """(W,): the sum of all four."""
        return self.reversed + self.too_long + self.mixed + self.outside


def leakage(logits: SpanLogits, *, max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH) -> Leakage:
    """Compute how much the product of a start and an end softmax loses, window by window.

    Each softmax is over all tokens of the window except padding, as in the older pipeline of transformers, which did
    not mask the question.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    max_answer_length : int, default DEFAULT_MAX_ANSWER_LENGTH
        The longest answer in tokens.

    Returns
    -------
    Leakage

    Examples
    --------
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
