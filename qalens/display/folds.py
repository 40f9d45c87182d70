"""The text as text: shaded by the probability of being in the answer, the best span underlined, the rest folded."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.display.content.span_groups import Group
from qalens.display.labels import whole_edges
from qalens.display.parts import Mark, Run
from qalens.readings.reading import Reading
from qalens.text.examples import CharSpan
from qalens.text.graphemes import grapheme_starts

_WHOLE = 6_000  # characters that are shown without folding
_BEFORE, _AFTER = 500, 700  # characters shown around the best span of a longer text
_AROUND = 300  # and around the best span of another cluster
_NEAR = 400  # characters that are not worth a fold
_LOOK_AHEAD = 200  # characters in which a paragraph or sentence may end
_BORDERS = [re.compile(p) for p in (r"\n\s*", r"[.!?]\s+|[。！？]", r"\s+")]
_MOST_CLUSTERS = 4
_LEAST = 0.005  # share of a cluster, given an answer, from which its surroundings are shown


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """A span of a text that is underlined, and its number where places are numbered."""

    span: CharSpan
    kind: Mark
    number: int | None = None


@dataclass(frozen=True)
class Passage:
    """A text with a level from 0 to 100 for each character, and the borders at which it may be cut.

    - `levels` (C,): per cent of probability of being in the answer, given that there is one
    - `starts` (C + 1,): where no character that readers see as one is cut
    """

    text: str
    levels: NDArray[np.int64]
    starts: NDArray[np.bool_]

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.starts)

    def whole(self, span: CharSpan) -> CharSpan:
        """The span, made wider until it cuts no character that readers see as one."""
        low = int(np.searchsorted(self._places, span.start, side="right")) - 1
        high = int(np.searchsorted(self._places, span.end))
        return CharSpan(int(self._places[low]), int(self._places[high]))

    def runs(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """The parts of `[start, stop)` with one level, as (start, stop, level)."""
        cuts = start + 1 + np.flatnonzero(np.diff(self.levels[start:stop]))
        borders = [start, *cuts.tolist(), stop]
        return [(a, b, int(self.levels[a])) for a, b in itertools.pairwise(borders) if a < b]


def passage(reading: Reading) -> Passage:
    """The text of a reading with its levels: the same within a character as seen, and no gap at a blank.

    >>> from qalens.testing import planted_reading
    >>> shaded = passage(planted_reading("Who?", "Ada kept it.", answer="Ada kept"))
    >>> shaded.runs(0, 12)
    [(0, 8, 100), (8, 12, 0)]
    """
    text = reading.context
    levels = np.rint(100 * reading.spans.inclusion(given_answer=True)).astype(np.int64)
    starts = grapheme_starts(text)
    _bridge_blanks(text, levels)
    places = np.flatnonzero(starts)
    levels = np.repeat(np.maximum.reduceat(levels, places[:-1]), np.diff(places))
    return Passage(text, levels, starts)


def _bridge_blanks(text: str, levels: NDArray[np.int64]) -> None:
    """Give blanks at least the lesser level of the two characters around them."""
    for blank in re.finditer(r"\s+", text):
        a, b = blank.span()
        if a > 0 and b < len(text) and (least := min(levels[a - 1], levels[b])):
            levels[a:b] = np.maximum(levels[a:b], least)


def shown_ranges(reading: Reading, found: tuple[Group, ...], more: Iterable[CharSpan] = ()) -> list[CharSpan]:
    """What to show of a text: all of it, or the surroundings of the clusters, and of `more`, where it is long.

    >>> from qalens.testing import planted_reading
    >>> shown_ranges(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"), ())
    [CharSpan(start=0, end=18)]
    """
    C = len(reading.context)
    if C <= _WHOLE:
        return [CharSpan(0, C)]
    best = reading.decision.best
    wanted = [CharSpan(0, _BEFORE + _AFTER)] if best is None else [_around(best.span, _BEFORE, _AFTER)]
    others = (g.best.span for g in found[:_MOST_CLUSTERS] if g.given_answer >= _LEAST)
    wanted += [_around(span, _AROUND, _AROUND) for span in (*others, *more)]
    ranges: list[CharSpan] = []
    for one in sorted(wanted):
        start, stop = good_cut(reading.context, one.start), good_cut(reading.context, min(C, one.end))
        start, stop = start if start > _NEAR else 0, stop if stop < C - _NEAR else C
        if ranges and start - ranges[-1].end < _NEAR:
            last = ranges.pop()
            start, stop = last.start, max(last.end, stop)
        ranges.append(CharSpan(start, stop))
    return ranges


def _around(span: CharSpan, before: int, after: int) -> CharSpan:
    return CharSpan(max(0, span.start - before), span.end + after)


def good_cut(text: str, place: int) -> int:
    """A good place to cut near `place`: before a paragraph, else a sentence, else a word.

    >>> good_cut("Ada kept it. Tom slept.", 2)
    13
    """
    for border in _BORDERS:
        if found := border.search(text, place, place + _LOOK_AHEAD):
            return found.end()
    return place


def passage_runs(reading: Reading, found: tuple[Group, ...], marks: Sequence[MarkedSpan]) -> tuple[Run, ...]:
    """The text in runs: shaded by the probability of being in the answer, some spans marked, the rest folded.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who?", "Ada kept it.", answer="Ada")
    >>> [(run.text, run.number) for run in passage_runs(reading, (), [MarkedSpan(CharSpan(0, 3), "answer", 1)])]
    [('Ada', 1), (' kept it.', None)]
    """
    shaded = passage(reading)
    whole = [
        replace(mark, span=shaded.whole(mark.span)) for mark in sorted(marks, key=lambda mark: mark.span)
    ]
    runs, at = [], 0
    for piece in map(shaded.whole, shown_ranges(reading, found, (mark.span for mark in marks))):
        runs += [_fold(shaded.text[at : piece.start]), *_marked(shaded, piece, whole)]
        at = piece.end
    runs.append(_fold(shaded.text[at:]))
    return tuple(run for run in runs if run.text)


def _fold(text: str) -> Run:
    return Run(text, fold=True)


def _marked(shaded: Passage, piece: CharSpan, marks: list[MarkedSpan]) -> list[Run]:
    runs, at = [], piece.start
    for mark in marks:
        span = mark.span
        if at <= span.start and span.end <= piece.end:
            runs += _shaded(shaded, at, span.start)
            runs += _shaded(shaded, span.start, span.end, mark.kind, mark.number)
            at = span.end
    return [*runs, *_shaded(shaded, at, piece.end)]


def _shaded(shaded: Passage, start: int, stop: int, mark: Mark = "", number: int | None = None) -> list[Run]:
    return [
        Run(
            shaded.text[a:b],
            level,
            f"in the answer: {level / 100:.2f}" if level else "",
            mark,
            number=number,
        )
        for a, b, level in shaded.runs(start, stop)
    ]


# --- signed values ------------------------------------------------------------------------------------------------------


def shaded_runs(
    text: str,
    span: CharSpan,
    shades: Sequence[tuple[int, int, float, str]],
    marks: Sequence[tuple[CharSpan, Mark]],
    most: float,
    change: Any = "",
) -> tuple[Run, ...]:
    """The characters of `span` in runs: shades (start, end, value, tip) that do not overlap, and spans with their marks.

    `most` is the value of the full colour; `change` is that of all runs.

    >>> [run.level for run in shaded_runs("Ada kept", CharSpan(0, 8), [(0, 3, -1.0, "Ada −1.00")], [], 2.0)]
    [-50, 0]
    """
    runs: list[Run] = []
    at = span.start
    for start, end, value, tip in [*shades, (span.end, span.end, 0.0, "")]:
        if end <= span.start and end != span.end:
            continue
        start, end = max(start, span.start), min(end, span.end)
        level = round(100 * value / most) if most and math.isfinite(value) else 0
        runs += _cut(text, at, start, marks, 0, "", change)
        runs += _cut(text, start, end, marks, level if math.isfinite(value) else None, tip, change)
        at = max(at, end)
        if start >= span.end:
            break
    return tuple(runs)


def _cut(
    text: str,
    start: int,
    end: int,
    marks: Sequence[tuple[CharSpan, Mark]],
    level: int | None,
    tip: str,
    change: Any,
) -> list[Run]:
    """Characters `[start, end)` of one look, cut where a mark begins or ends."""
    inside = {edge for span, _ in marks for edge in (span.start, span.end) if start < edge < end}
    runs = []
    for a, b in itertools.pairwise(sorted({start, end, *inside})):
        over: list[Mark] = [mark for span, mark in marks if span.start <= a and b <= span.end]
        mark = over[0] if over else ""
        runs.append(Run(text[a:b], level, tip, mark, change))
    return runs


def with_folds(
    text: str, ranges: Sequence[CharSpan], start: int, end: int, change: Any = ""
) -> list[Run | CharSpan]:
    """The ranges that are shown of characters `[start, end)`, and between them what is folded."""
    pieces: list[Run | CharSpan] = []
    at = start
    for span in ranges:
        pieces += [Run(text[at : span.start], fold=True, change=change), span]
        at = span.end
    pieces.append(Run(text[at:end], fold=True, change=change))
    return [piece for piece in pieces if isinstance(piece, CharSpan) or piece.text]


def ranges_around(
    text: str, wanted: Iterable[CharSpan], start: int, end: int, *, whole: int, around: int, near: int
) -> list[CharSpan]:
    """What to show of characters `[start, end)`: all, or where there are more than `whole` the surroundings of some spans.

    >>> ranges_around("Ada kept it.", [CharSpan(0, 3)], 0, 12, whole=6_000, around=500, near=400)
    [CharSpan(start=0, end=12)]
    """
    if end - start <= whole:
        return [CharSpan(start, end)]
    widen = whole_edges(text, start, end)
    ranges: list[CharSpan] = []
    for one in sorted(wanted):
        low = start if one.start < start + near else good_cut(text, one.start - around)
        high = good_cut(text, min(end, one.end + around))
        low, high = widen(
            max(start, min(low, one.start)), end if high > end - near else min(end, max(high, one.end))
        )
        if ranges and low - ranges[-1].end < near:
            last = ranges.pop()
            low, high = last.start, max(last.end, high)
        ranges.append(CharSpan(max(low, start), min(high, end)))
    return ranges
