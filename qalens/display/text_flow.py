"""Two texts as one flow: what stayed, what is gone and what is new, no character that readers see as one cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from qalens.text.graphemes import grapheme_starts

if TYPE_CHECKING:
    from qalens.explain.counterfactual.difference import ReadingDiff

Kind = Literal["kept", "gone", "new"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters `[start, end)`: of the text after the change where they are new, else of the text before."""

    kind: Kind
    start: int
    end: int


def flow(diff: ReadingDiff) -> list[Stretch]:
    """The stretches of both texts in one order: at each place what is gone, then what is new.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> readings = [planted_reading("Who?", f"{name} kept it.", answer=name) for name in ("Ada", "Tom")]
    >>> [(s.kind, s.start, s.end) for s in flow(compare(*readings))]
    [('gone', 0, 4), ('new', 0, 4), ('kept', 4, 12)]
    """
    places = whole_alignment(diff)
    # Within a run of kept characters both texts move on by one; what is gone has no place to be apart from.
    apart = np.where(places >= 0, places - np.arange(len(places)), np.iinfo(np.int64).min)
    borders = [0, *(1 + np.flatnonzero(np.diff(apart))).tolist(), len(places)]
    found: list[Stretch] = []
    at = 0  # in the text after
    for start, end in pairwise(borders):
        there = int(places[start]) if start < end else -1
        if there < 0:
            found += [Stretch("gone", start, end)] * (start < end)
            continue
        if at < there:
            found.append(Stretch("new", at, there))
        found.append(Stretch("kept", start, end))
        at = there + end - start
    after = len(diff.after.context)
    return [*found, Stretch("new", at, after)] if at < after else found


def whole_alignment(diff: ReadingDiff) -> NDArray[np.int64]:
    """(C,): the alignment, where what readers see as one character stays whole or goes."""
    places = diff.alignment.copy()
    ids = [np.cumsum(grapheme_starts(text)[:-1]) for text in (diff.before.context, diff.after.context)]
    while True:
        kept = places >= 0
        new = np.ones(len(ids[1]), bool)
        new[places[kept]] = False
        torn_before = np.isin(ids[0], ids[0][~kept]) & kept
        torn_after = np.zeros(len(places), bool)
        torn_after[kept] = np.isin(ids[1][places[kept]], ids[1][new])
        torn = torn_before | torn_after
        if not torn.any():
            return places
        places[torn] = -1


def steady(values: NDArray[np.float64], text: str) -> NDArray[np.float64]:
    """(C,): values in whole per cent, the one with the largest size within what readers see as one character.

    >>> steady(np.array([0.1, -0.304]), "e\u0301").tolist()
    [-0.3, -0.3]
    """
    starts = np.flatnonzero(grapheme_starts(text)[:-1])
    if not len(starts):
        return values
    high, low = np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)
    whole = np.where(high >= -low, high, low)
    shown = np.repeat(whole, np.diff(np.append(starts, len(text))))
    return shown.astype(np.float64).round(2)
