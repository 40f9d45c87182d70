"""Texts as labels: on one line, cut to a width, and never inside what readers see as one character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np

from qalens.text.graphemes import grapheme_starts

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Embeddings, overrides and isolates: in a label they could turn around the words next to it.
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], _REPLACEMENT)


def clip(text: str, width: int) -> str:
    """A text on one line, at most about `width` columns wide.

    White space is drawn together, controls of the writing direction become U+FFFD, East Asian wide characters take two
    columns, and what is cut ends in an ellipsis. At most eight combining marks stay on one character.

    >>> clip("the lamp\\n room of Ada", 14)
    'the lamp room…'
    """
    # Four characters a column are more than any script needs; the rest need not be looked at.
    line = _one_line(text[: 4 * width + 64])
    kept = _fitting(line, width)
    if kept < len(line):
        return line[: _fitting(line, width - 1)].rstrip() + "…"
    return line if len(text) <= 4 * width + 64 else line + "…"


def clip_middle(text: str, width: int) -> str:
    """A text on one line like `clip`, but cut in its middle: of a span, both edges matter.

    >>> clip_middle("the lamp room of Ada", 14)
    'the lam…of Ada'
    """
    short = clip(text, width)
    if not short.endswith("…") or short == _one_line(text):
        return short
    half = (width - 1) // 2
    end = _one_line(text[-(4 * half + 64) :])
    starts = np.flatnonzero(grapheme_starts(end))
    # As many marks as `clip` leaves on a character, and no more.
    tail = next((end[s:] for s in starts if columns(end[s:]) <= half and len(end) - s <= 9 * half), "")
    head = clip(text, width - columns(tail))
    return f"{head}{tail.lstrip()}"


def columns(text: str) -> int:
    """Columns that a text takes: two for a wide sign as in Chinese or Japanese, none for a combining mark.

    >>> columns("灯台 1"), columns("e\u0301")
    (6, 1)
    """
    return sum(map(_columns, text))


def _columns(c: str) -> int:
    if unicodedata.category(c).startswith("M"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).translate(_BIDI_CONTROLS)


def _fitting(line: str, width: int) -> int:
    """How many of the first characters fit into `width` columns; all, or as many as end before a whole character."""
    used = marks = 0
    for k, character in enumerate(line):
        wide = _columns(character)
        marks = 0 if wide else marks + 1
        used += wide
        if marks > 8 or used > width:
            starts = np.flatnonzero(grapheme_starts(line)[: k + 1])
            # A single character that is longer than the line has to be cut inside.
            return int(starts[-1]) or k
    return len(line)


def whole_edges(text: str, low: int, high: int) -> Callable[[int, int], tuple[int, int]]:
    """A function that widens a range inside `[low, high)` until it cuts no character that readers see as one.

    >>> whole_edges("e\u0301a", 0, 3)(1, 3)
    (0, 3)
    """
    # Of a long text only the part that is shown has to be looked at; a character as seen is rarely longer than 64.
    first = max(0, low - 64)
    places = first + np.flatnonzero(grapheme_starts(text[first : high + 64]))

    def widen(start: int, end: int) -> tuple[int, int]:
        a = int(np.searchsorted(places, start, side="right")) - 1
        return int(places[max(0, a)]), int(places[min(np.searchsorted(places, end), len(places) - 1)])

    return widen
