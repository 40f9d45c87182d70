"""The text as text: shaded by the probability of being in the answer, the best span underlined, the rest folded."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qalens.reading import Reading
from qalens.spans import Answer
from qalens.text import CharSpan
from qalens.views.markup import Html, count, element, grapheme_starts, join
from qalens.views.ranking import Group

_WHOLE = 6_000  # characters that are shown without folding
_BEFORE, _AFTER = 500, 700  # characters shown around the best span of a longer text
_AROUND = 300  # and around the best span of another cluster
_NEAR = 400  # characters that are not worth a fold
_KEPT = 200_000  # characters that may stand folded in the page; beyond, only their number is told
_LOOK_AHEAD = 200  # characters in which a paragraph or sentence may end
_BORDERS = [re.compile(p) for p in (r"\n\s*", r"[.!?]\s+|[。！？]", r"\s+")]
_MOST_CLUSTERS = 4
_LEAST = 0.005  # share of a cluster, given an answer, from which its surroundings are shown


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


def shown_ranges(reading: Reading, found: tuple[Group, ...]) -> list[CharSpan]:
    """What to show of a text: all of it, or the surroundings of the clusters where it is long.

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
    wanted += [_around(span, _AROUND, _AROUND) for span in others]
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


def passage_html(reading: Reading, found: tuple[Group, ...], other: Answer | None) -> Html:
    """The text with its marks and the legend."""
    shaded = passage(reading)
    marks = [
        (a.span, class_) for a, class_ in ((reading.decision.best, _kind(reading)), (other, "ql-rival")) if a
    ]
    marks = sorted((shaded.whole(span), class_) for span, class_ in marks)
    parts, at = [], 0
    for piece in map(shaded.whole, shown_ranges(reading, found)):
        parts += [folded(reading.context[at : piece.start]), _marked(shaded, piece, marks)]
        at = piece.end
    parts.append(folded(reading.context[at:]))
    text = element("div", *parts, class_="ql-text", dir="auto", lang="")
    return element("section", text, _legend(reading, other))


def _kind(reading: Reading) -> str:
    return "ql-best" if reading.answer is None else "ql-best ql-answer"


def _marked(shaded: Passage, piece: CharSpan, marks: list[tuple[CharSpan, str]]) -> Html:
    parts, at = [], piece.start
    for span, class_ in marks:
        if not (at <= span.start and span.end <= piece.end):
            continue
        parts.append(_shaded(shaded, at, span.start))
        # A mark keeps its meaning where styles are stripped; a rejected span must not look like an answer there.
        tag = "mark" if "ql-answer" in class_ else "span"
        parts.append(element(tag, _shaded(shaded, span.start, span.end), class_=class_))
        at = span.end
    return join(*parts, _shaded(shaded, at, piece.end))


def _shaded(shaded: Passage, start: int, stop: int) -> Html:
    return join(*(_run(shaded.text[a:b], level) for a, b, level in shaded.runs(start, stop)))


def _run(text: str, level: int) -> str:
    if not level:
        return text
    return element(
        "span", text, class_="ql-p", style=f"--p:{level}%", title=f"in the answer: {level / 100:.2f}"
    )


def folded(text: str) -> Html:
    """A part of a text that is not shown: how long it is, and behind a click the part itself.

    >>> folded("Ada kept the lamp.")
    '<details class="ql-fold"><summary lang="en">… 18 characters …</summary>Ada kept the lamp.</details>'
    """
    if not text:
        return Html()
    words = f"… {count(len(text), 'character')} …"
    if len(text) > _KEPT:
        return element("div", words, class_="ql-fold", lang="en")
    return element("details", element("summary", words, lang="en"), text, class_="ql-fold")


def _legend(reading: Reading, other: Answer | None) -> Html:
    if reading.decision.best is None:
        return Html()
    ramp = element("span", "0 ", element("i", class_="ql-ramp"), " 1")
    said = "best span, rejected" if reading.answer is None else "answer"
    parts = [
        element("span", ramp, " probability of being in the answer, if there is one"),
        element("span", element("span", said, class_="ql-best")),
    ]
    if other is not None:
        parts.append(element("span", element("span", "strongest span elsewhere", class_="ql-rival")))
    return element("div", *parts, class_="ql-legend")
