"""The numbers behind the plots: what is drawn along the tokens of a text, in bars and in rows, before it is drawn.

Tokens count along the whole context, 0 … N − 1, whichever window they stand in.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qalens.by_window import window_distributions
from qalens.errors import InputError
from qalens.reading import Reading
from qalens.spans import Answer
from qalens.windows import Windows

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
        # Rounded down, so that 100 % means all.
        share = f"{math.floor(100 * self.share + 1e-9)} % of all starts and ends"
        return f"tokens {self.first:,} to {self.stop - 1:,} of {self.total:,}, with {share}"


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


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window on its own: the characters it sees, its best span, its null score and its margin."""

    number: int
    start: int
    end: int
    best: Answer | None
    null_score: float
    margin: float
    holds_best: bool
    gives_null: bool


def token_offsets(windows: Windows) -> NDArray[np.int64]:
    """(N, 2): the character range of each token of the context."""
    inside = windows.answerable
    offsets = np.zeros((int(windows.context_index.max()) + 1, 2), np.int64)
    offsets[windows.context_index[inside]] = windows.offsets[inside]
    return offsets


def span_tokens(reading: Reading) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two arrays (S,): the first and the last token of each span."""
    spans, index = reading.spans, reading.windows.context_index
    return index[spans.window, spans.token_start], index[spans.window, spans.token_end]


def edge_probabilities(reading: Reading, *, given_answer: bool = True) -> tuple[NDArray, NDArray]:
    """Two arrays (N,): the probability that the answer starts, and that it ends, at each token."""
    weight = reading.spans.probabilities(given_answer=given_answer)
    N = len(token_offsets(reading.windows))
    start, end = (np.bincount(tokens, weight, N)[:N] for tokens in span_tokens(reading))
    return start, end


def edge_logits(reading: Reading) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays (N,): the largest start and end logit that any window gives each token."""
    inside = reading.windows.answerable
    numbers = reading.windows.context_index[inside]
    best = np.full((2, len(token_offsets(reading.windows))), -np.inf)
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
    start, end = edge_probabilities(reading)
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
        first, last = -1, -1
    if not 0 <= first <= last < N:
        raise InputError(
            f"tokens has to be a pair (first, last) with 0 <= first <= last < {N}, the number of tokens of the "
            f"text, but is {tokens!r}. Leave it out to see the stretch around the best spans."
        )
    return first, last


def span_band(reading: Reading, stretch: Stretch, *, given_answer: bool = True) -> NDArray[np.float64]:
    """(L, len(stretch)): probability by length in tokens (row 0 is one token) and start token; 0 where no span is."""
    first, last = span_tokens(reading)
    weight = reading.spans.probabilities(given_answer=given_answer)
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
    offsets = token_offsets(reading.windows)
    mass = np.maximum(*edge_probabilities(reading))[stretch.first : stretch.stop]
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
    places = spread([word.place for word in heavy], gap, stretch.first - 0.5, stretch.stop - 0.5)
    heavy = [replace(word, place=place) for word, place in zip(heavy, places, strict=True)]
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
    return [*rows, SpanRow("no answer", "no answer", spans.null_probability, answer is None)]


def window_rows(reading: Reading) -> list[WindowRow]:
    """Every window on its own, in the order of the text."""
    ranges, best = reading.windows.char_ranges, reading.decision.best
    alone = window_distributions(reading.logits, max_answer_length=reading.max_answer_length)
    rows = []
    for w, spans in enumerate(alone):
        top = next(iter(spans.top(1)), None)
        rows.append(
            WindowRow(
                number=w,
                start=int(ranges[w, 0]),
                end=int(ranges[w, 1]),
                best=top,
                null_score=spans.null_score,
                margin=math.inf if top is None else spans.null_score - top.score,
                holds_best=best is not None and best.window == w,
                gives_null=spans.null_score == reading.spans.null_score,
            )
        )
    return rows


def verdict(reading: Reading) -> str:
    """One sentence: what the model decided and what would change it."""
    decision = reading.decision
    margin, threshold = number(decision.margin), number(decision.threshold)
    if decision.best is None:
        return "The text has no span that could be an answer, so no threshold changes the decision."
    if decision.answer is not None:
        said = f"It answers, since the margin {margin} is not above the threshold {threshold}"
        return f"{said}; below a threshold of {margin} it would abstain."
    if decision.margin == math.inf:
        return "Its best span has a score of −∞, so it answers at no threshold but ∞."
    said = f"It abstains, since the margin {margin} is above the threshold {threshold}"
    return f"{said}; from a threshold of {margin} on it would answer."


def number(value: float) -> str:
    """A logit as it is written: two digits, a true minus, ∞ where it is infinite."""
    sign = "−" if value < 0 else ""
    return f"{sign}∞" if math.isinf(value) else f"{value:.2f}".replace("-", "−")


def probability_text(probability: float) -> str:
    """A probability in three digits that never rounds to a false 0 or 1."""
    if 0 < probability < 0.0005:
        return "<0.001"
    return ">0.999" if 0.9995 <= probability < 1 else f"{probability:.3f}"


def equation(name: str, probability: float) -> str:
    """A name and its probability, such as "P = 0.978" or "P > 0.999".

    >>> equation("P", 0.978), equation("P", 0.99999)
    ('P = 0.978', 'P > 0.999')
    """
    written = probability_text(probability)
    return f"{name} = {written}" if written[0].isdigit() else f"{name} {written[0]} {written[1:]}"
