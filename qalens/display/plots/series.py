"""The numbers behind the plots: what is drawn along the tokens of a text, in bars and in rows, before it is drawn.

Tokens count along the whole context, from 0 in the arrays and from 1 in words, whichever window they stand in.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qalens.display.content.token_axis import token_axis
from qalens.display.numbers import places, share_below
from qalens.errors import InputError, shown
from qalens.readings.reading import Reading
from qalens.text.examples import NO_ANSWER

MOST_TOKENS = 120
_LONGEST_WORD = 20
# A word is named as one that matters where it has this share of the heaviest one's mass.
_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens `[first, stop)` of `total`, and the `share` of all starts and ends that falls on them."""

    first: int
    stop: int
    total: int
    share: float

    def __len__(self) -> int:
        return self.stop - self.first

    @property
    def label(self) -> str:
        """What an axis says about it."""
        if len(self) == self.total:
            named = {0: "the text has no token", 1: "the only token of the text"}
            return named.get(self.total, f"all {self.total:,} tokens of the text")
        share = f"{share_below(self.share)} of all starts and ends"
        return f"tokens {places(self.first, self.stop)} of {self.total:,}, with {share}"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text, the token that it names, and the place on the token axis where it is written."""

    text: str
    token: int
    place: float


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One bar of the ranking: what it stands for, its probability, and whether the model decided for it."""

    kind: Literal["span", "no answer", "rest"]
    text: str
    probability: float
    chosen: bool = False
    size: int = 1


def edge_logits(reading: Reading) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays (N,): the largest start and end logit that any window gives each token."""
    inside = reading.windows.answerable
    numbers = reading.windows.context_index[inside]
    best = np.full((2, len(token_axis(reading).offsets)), -np.inf)
    np.maximum.at(best[0], numbers, reading.logits.start[inside])
    np.maximum.at(best[1], numbers, reading.logits.end[inside])
    return best[0], best[1]


def null_logits(reading: Reading) -> tuple[float, float]:
    """Start and end logit at the null token of the window that gives the null score; their means where none does."""
    rows = np.arange(len(reading.windows))
    null = reading.windows.null_index
    pairs = np.stack([reading.logits.start[rows, null], reading.logits.end[rows, null]]).astype(np.float64)
    giving = np.flatnonzero(reading.spans.null_scores == reading.spans.null_score)
    start, end = pairs[:, giving[0]] if len(giving) else pairs.mean(1)
    return float(start), float(end)


def best_tokens(reading: Reading) -> tuple[int, int] | None:
    """First and last token of the best span, taken or not; None where the text has no span."""
    best = reading.decision.best
    if best is None:
        return None
    first, last = reading.windows.context_index[best.window, list(best.tokens)]
    return int(first), int(last)


def choose_stretch(reading: Reading, tokens: Any = None) -> Stretch:
    """The tokens to show: those asked for, all of a short text, else the 120 around the best span with most mass."""
    axis = token_axis(reading)
    start, end = axis.start, axis.end
    N, mass = len(start), (start + end) / 2
    first, last = (0, N - 1) if tokens is None else _asked_tokens(tokens, N)
    if tokens is None and N > MOST_TOKENS:
        first = _fullest(mass, best_tokens(reading))
        last = first + MOST_TOKENS - 1
    return Stretch(first, last + 1, N, float(mass[first : last + 1].sum()))


def _fullest(mass: NDArray[np.float64], best: tuple[int, int] | None) -> int:
    """The first of the 120 tokens that hold the best span and the most mass; of equal ones those in the middle."""
    if best is None:
        return 0
    sums = np.convolve(mass, np.ones(MOST_TOKENS), "valid")
    low = min(max(0, best[1] - MOST_TOKENS + 1), len(sums) - 1)
    high = min(max(low, best[0]), len(sums) - 1)
    full = low + np.flatnonzero(sums[low : high + 1] >= sums[low : high + 1].max() - 0.01)
    middle = (best[0] + best[1] - MOST_TOKENS) / 2
    return int(full[np.abs(full - middle).argmin()])


def _asked_tokens(tokens: Any, N: int) -> tuple[int, int]:
    try:
        first, last = map(operator.index, tokens)
    except (TypeError, ValueError):
        first, last = 0, 0
    if not 1 <= first <= last <= N:
        raise InputError(
            f"tokens has to be a pair (first, last) with 1 <= first <= last <= {N}, the number of tokens of the "
            f"text, but is {shown(tokens)}. Leave it out to see the stretch around the best spans."
        )
    return first - 1, last - 1


def span_band(reading: Reading, stretch: Stretch, *, given_answer: bool = True) -> NDArray[np.float64]:
    """(L, len(stretch)): probability by length in tokens (row 0 is one token) and start token; 0 where no span is."""
    axis = token_axis(reading, given_answer=given_answer)
    first, last, weight = axis.first, axis.last, axis.weight
    lengths = last - first
    band = np.zeros((int(lengths.max(initial=0)) + 1, len(stretch)))
    shown = (stretch.first <= first) & (first < stretch.stop)
    band[lengths[shown], first[shown] - stretch.first] = weight[shown]
    return band


def word_at(context: str, start: int, end: int) -> tuple[int, int]:
    """The character range of the word around a token; the token's own where no blank or sign marks words off."""
    low, high = start, end
    while low > 0 and _joined(context, low) and high - low <= _LONGEST_WORD:
        low -= 1
    while high < len(context) and _joined(context, high) and high - low <= _LONGEST_WORD:
        high += 1
    return (low, high) if high - low <= _LONGEST_WORD else (start, end)


def _joined(context: str, at: int) -> bool:
    """Whether the characters on both sides of a place belong to one word, in a script that parts words by blanks."""
    # From Thai (U+0E00) to Khmer and from the CJK radicals (U+2E80) on, words stand without blanks between them.
    return all(
        c.isalnum() and not ("\u0e00" <= c < "\u0f00" or "\u1000" <= c < "\u1800" or c >= "\u2e80")
        for c in context[at - 1 : at + 1]
    )


def words_to_name(reading: Reading, stretch: Stretch, *, most: int) -> tuple[list[Word], list[Word]]:
    """The words under which the mass lies, at most `most`, and all other words; each at its heaviest token."""
    axis = token_axis(reading)
    offsets = axis.offsets
    mass = np.maximum(axis.start, axis.end)[stretch.first : stretch.stop]
    by_range: dict[tuple[int, int], int] = {}
    heaviest = stretch.first + np.argsort(-mass, kind="stable")
    for token in heaviest.tolist():
        by_range.setdefault(word_at(reading.context, *offsets[token].tolist()), token)
    words = [Word(reading.context[a:b], token, float(token)) for (a, b), token in by_range.items() if a < b]
    heavy = [word for word in words if mass[word.token - stretch.first] > _LEAST_SHARE * mass.max()][:most]
    return heavy, [word for word in words if word not in heavy]


def room_for_words(
    heavy: list[Word], light: list[Word], gap: float, stretch: Stretch
) -> tuple[list[Word], list[Word]]:
    """The heavy words moved at least `gap` apart, and of the light ones, signs aside, those that fit unmoved."""
    heavy = sorted(heavy, key=lambda word: word.token)
    moved = spread([word.place for word in heavy], gap, stretch.first - 0.5, stretch.stop - 0.5)
    heavy = [replace(word, place=place) for word, place in zip(heavy, moved, strict=True)]
    taken, fitting = [word.place for word in heavy], []
    for word in sorted(light, key=lambda word: word.token):
        speaks = any(c.isalnum() for c in word.text)
        if speaks and all(abs(word.place - place) >= gap for place in taken):
            taken.append(word.place)
            fitting.append(word)
    return heavy, fitting


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Sorted places moved as little as possible (least squares) until they stand `gap` apart within the limits.

    >>> spread([1.0, 1.0, 5.0], 1.0, 0.0, 9.0)
    [0.5, 1.5, 5.0]
    """
    # With k · gap taken off place k this is isotonic regression, which pooling neighbours that violate solves.
    blocks: list[list[float]] = []
    for k, place in enumerate(places):
        blocks.append([place - k * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    pooled = [float(np.mean(block)) for block in blocks for _ in block]
    ceiling = high - (len(places) - 1) * gap
    return [max(low, min(p, ceiling)) + k * gap for k, p in enumerate(pooled)]


def span_rows(reading: Reading, k: int, group: Literal["overlap", "text"] | None) -> list[SpanRow]:
    """The `k` best spans or groups of spans, all others together, and no answer; their probabilities sum to 1."""
    spans, answer = reading.spans, reading.answer
    best = [(a, 1, a.probability) for a in spans.top(k)]
    if group is not None:
        best = [(c.best, c.size, c.probability) for c in spans.clusters(k, by=group)]
    rows = [SpanRow("span", a.text, p, answer is not None and a.span == answer.span, n) for a, n, p in best]
    left = len(spans) - sum(row.size for row in rows)
    if left:
        mass = max(0.0, float(spans.probabilities().sum()) - sum(row.probability for row in rows))
        rows.append(SpanRow("rest", f"{left:,} other span{'s' * (left > 1)}", mass, size=left))
    return [*rows, SpanRow(NO_ANSWER, "no answer", spans.null_probability, answer is None)]
