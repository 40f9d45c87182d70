"""The tokens of a text as one axis: what starts and ends where, and which stretches of a long text to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.display.labels import clip
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer

MOST_TOKENS = 120  # more would be thinner than 5 pixels in a notebook cell
_LEAST = 0.01  # probability from which a token is worth a place on the axis
_MARGIN = 8  # tokens shown left and right of such a token
_MOST_STRETCHES = 3
_GAP = 2.5  # per cent of the width between two stretches
_WIDEST = 5.0  # per cent of the width that a token may take in a short text


@dataclass(frozen=True, slots=True, eq=False)
class TokenAxis:
    """All N tokens of a text in reading order; probabilities are given that there is an answer, unless asked otherwise.

    - `offsets` (N, 2): the characters of each token
    - `start`, `end` (N,): the probability that the answer starts, and that it ends, with the token
    - `first`, `last` (S,): the first and the last token of each span
    - `weight` (S,): the probability of each span
    """

    offsets: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        """N, the number of tokens."""
        return len(self.start)

    def tokens_of(self, start: int, end: int) -> tuple[int, int]:
        """The first token, and the one after the last, that the characters `[start, end)` touch.

        >>> from qalens.testing import planted_reading
        >>> token_axis(planted_reading("Who?", "Ada kept the lamp.", answer="Ada")).tokens_of(4, 12)
        (1, 3)
        """
        low = int(np.searchsorted(self.offsets[:, 1], start, side="right"))
        return low, max(low + 1, int(np.searchsorted(self.offsets[:, 0], end)))


def token_axis(reading: Reading, *, given_answer: bool = True) -> TokenAxis:
    """Put the spans of a reading on the axis of its tokens.

    >>> from qalens.testing import planted_reading
    >>> axis = token_axis(planted_reading("Who?", "Ada kept the lamp.", answer="the lamp"))
    >>> int(axis.start.argmax()), int(axis.end.argmax())
    (2, 3)
    """
    windows, spans = reading.windows, reading.spans
    number, inside = windows.context_index, windows.answerable
    N = int(number.max()) + 1
    offsets = np.zeros((N, 2), np.int64)
    offsets[number[inside]] = windows.offsets[inside]
    first, last = number[spans.window, spans.token_start], number[spans.window, spans.token_end]
    weight = spans.probabilities(given_answer=given_answer)
    start, end = (np.bincount(place, weight, N).astype(np.float64) for place in (first, last))
    return TokenAxis(offsets, start, end, first, last, weight)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where tokens stand across a picture, in per cent of its width.

    `stretches` are half-open ranges of tokens; between two of them stands a gap.
    """

    stretches: tuple[tuple[int, int], ...]

    @property
    def shown(self) -> int:
        """How many tokens have a place."""
        return sum(stop - start for start, stop in self.stretches)

    @property
    def unit(self) -> float:
        """The width of one token."""
        return min(_WIDEST, (100 - _GAP * (len(self.stretches) - 1)) / self.shown)

    def left(self, token: int) -> float | None:
        """The left edge of a token, or None where it is not shown.

        >>> Scale(((0, 4), (30, 40))).left(31), Scale(((0, 4),)).left(9)
        (27.5, None)
        """
        x = 0.0
        for start, stop in self.stretches:
            if start <= token < stop:
                return x + (token - start) * self.unit
            x += (stop - start) * self.unit + _GAP
        return None


def stretches(axis: TokenAxis, *, most: int = MOST_TOKENS) -> Scale:
    """Choose what to draw: all tokens where there is space for them, else up to three stretches with the most mass.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who?", "on the lamp " * 100 + "Ada", answer="Ada", max_length=512)
    >>> stretches(token_axis(reading)).stretches
    ((241, 301),)
    """
    if len(axis) <= most:
        return Scale(((0, len(axis)),))
    mass = axis.start + axis.end
    chosen: list[tuple[int, int]] = []
    for start, stop in sorted(_islands(mass, most), key=lambda s: -mass[s[0] : s[1]].sum()):
        if len(chosen) < _MOST_STRETCHES and sum(b - a for a, b in chosen) + stop - start <= most:
            chosen.append((start, stop))
    return Scale(tuple(_merged(_widened(chosen, len(axis), most // 2))))


def _islands(mass: NDArray[np.float64], most: int) -> list[tuple[int, int]]:
    """Ranges of tokens around all that have mass, each no wider than `most`."""
    N = len(mass)
    hot = np.flatnonzero(mass >= min(_LEAST, float(mass.max())))
    found = _merged([(max(0, int(t) - _MARGIN), min(N, int(t) + _MARGIN + 1)) for t in hot])
    return [_densest(mass, start, stop, most) for start, stop in found]


def _densest(mass: NDArray[np.float64], start: int, stop: int, most: int) -> tuple[int, int]:
    if stop - start <= most:
        return start, stop
    total = np.concatenate([[0.0], np.cumsum(mass[start:stop])])
    start += int(np.argmax(total[most:] - total[:-most]))
    return start, start + most


def _widened(ranges: list[tuple[int, int]], N: int, least: int) -> list[tuple[int, int]]:
    """The ranges with more text on both sides, until about `least` tokens are shown."""
    missing = least - sum(stop - start for start, stop in ranges)
    if missing <= 0:
        return ranges
    more = missing // len(ranges)
    wide = []
    for start, stop in ranges:
        low = min(max(0, start - more // 2), max(0, N - (stop - start + more)))
        wide.append((low, min(N, low + stop - start + more)))
    return wide


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


@dataclass(frozen=True, slots=True, eq=False)
class TokenPicture:
    """What the picture of the token axis shows: the reading, its axis, the places, and the strongest span elsewhere."""

    reading: Reading
    axis: TokenAxis
    scale: Scale
    other: Answer | None

    @property
    def full(self) -> float:
        """The probability of a bar of full height: a round number, so that a flat distribution is seen too."""
        highest = max(self.axis.start.max(), self.axis.end.max())
        return next((p for p in (0.05, 0.1, 0.25, 0.5) if highest <= p), 1.0)

    def text_of(self, token: int) -> str:
        """The characters of a token, short enough for a label."""
        start, end = self.axis.offsets[token].tolist()
        return clip(self.reading.context[start:end], 24)


@dataclass(frozen=True, slots=True, eq=False)
class WholeText:
    """What the strip of a whole text shows: the reading, its axis, and the stretches that are drawn larger."""

    reading: Reading
    axis: TokenAxis
    scale: Scale
