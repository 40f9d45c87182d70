"""The words of an attribution as they are drawn: whole in the eyes of readers, each with its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qalens.views.markup import grapheme_starts
from qalens.windows import Role

if TYPE_CHECKING:
    from qalens.explain.attribution import Attribution


@dataclass(frozen=True, slots=True)
class WordUnit:
    """A word as it is drawn: its characters, the sum of its tokens' values, and the tokens.

    Words that share what readers see as one character, such as the parts of an emoji, are one unit.
    """

    start: int
    end: int
    value: float
    tokens: tuple[int, ...]


def word_units(attribution: Attribution, role: Role) -> list[WordUnit]:
    """The words of the question or of the text with their values, in their order, no character of them cut."""
    text = attribution.question if role == Role.QUESTION else attribution.context
    words = [w for w in attribution.words if w.role == role]
    if not words:
        return []
    edges = whole_edges(text, words[0].span.start, words[-1].span.end)
    units: list[WordUnit] = []
    for word in words:
        start, end = edges(word.span.start, word.span.end)
        tokens = word.tokens
        if units and start < units[-1].end:
            last = units.pop()
            start, tokens = last.start, (*last.tokens, *tokens)
        units.append(WordUnit(start, end, float(attribution.values[list(tokens)].sum()), tokens))
    return units


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
