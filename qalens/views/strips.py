"""Pictures of the token axis as SVG: start and end probability, labels of spans, the span map, and the whole text.

Horizontal places are in per cent and vertical ones in pixels, so a picture fills any width and its letters keep
their size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qalens.reading import Reading
from qalens.spans import Answer
from qalens.text import CharSpan
from qalens.views.axis import Scale, TokenAxis
from qalens.views.markup import Html, clip, count, element, join, probability

_BAR = 30  # pixels of a probability of 1
_FAINTEST = 0.001  # the least probability of a cell of the span map
_LABEL_WIDTH = 20  # columns: half of a telephone's width
_LABEL_ROW = 24  # pixels
_TITLE_WIDTH = 60  # columns


@dataclass(frozen=True, slots=True)
class Tag:
    """A line below an axis from `left` to `right` (per cent), and what it says."""

    left: float
    right: float
    text: str
    class_: str


def tag_rows(tags: list[Tag], top: float) -> Html:
    """One row for each tag from `top` on: the line, and under it the text, flush with the end that leaves it room.

    >>> "Ada" in tag_rows([Tag(0, 10, "Ada", "ql-t-best")], 0)
    True
    """
    return join(*(_tag(tag, top + 6 + k * _LABEL_ROW) for k, tag in enumerate(tags)))


def _tag(tag: Tag, y: float) -> Html:
    line = element("line", x1=per_cent(tag.left), x2=per_cent(tag.right), y1=y, y2=y, class_=tag.class_)
    at, anchor = (tag.left, "start") if tag.left <= 50 else (tag.right, "end")
    words = element("text", tag.text, x=per_cent(at), y=y + 14, text_anchor=anchor)
    return join(line, words)


def per_cent(x: float) -> str:
    """A place across a picture.

    >>> per_cent(12.5)
    '12.5%'
    """
    return f"{round(x, 2):g}%"


def shade(p: float) -> str:
    """The opacity of a probability on a logarithmic scale: 0.2 at 0.001 and below, 1 at 1.

    >>> shade(1), shade(0.001), shade(0.0001)
    ('1', '0.2', '0.2')
    """
    level = 1 + math.log10(max(p, _FAINTEST)) / 3
    return f"{0.2 + 0.8 * level:.2g}"


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """What a picture of the token axis needs: the reading, its axis, the places, and the strongest span elsewhere."""

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


def axis_html(plot: Plot) -> Html:
    """Start and end probability, the best spans by name, and the span map below, all on one axis."""
    cells = _cells(plot.axis, plot.scale)
    tags = _span_tags(plot)
    map_top = 2 * _BAR + 12 + len(tags) * _LABEL_ROW + 8
    longest = max([6, *(length for _, length, _, _ in cells)])
    row = max(1.0, min(7.0, round(110 / longest, 1)))
    height = map_top + longest * row + 22
    picture = element(
        "svg",
        _bars(plot),
        tag_rows(tags, 2 * _BAR + 8),
        _map(plot, cells, map_top, row),
        _rulers(plot.scale, len(plot.axis), map_top, height),
        height=f"{height:g}",
        width="100%",
        role="img",
        aria_label=_in_words(plot),
    )
    body = element("div", _gutter(map_top, row, longest, height), picture, class_="ql-axis")
    title = element(
        "div", element("strong", "Where it would start and end"), " if there is an answer", class_="ql-h"
    )
    return element("section", title, body, _legend(plot))


def _legend(plot: Plot) -> Html:
    swatches = (element("i", style=f"opacity:{shade(p)}", class_="ql-cell") for p in (0.001, 0.01, 0.1, 1))
    scale = element("span", "0.001 ", *swatches, " 1", class_="ql-nobr")
    return element(
        "div",
        element("span", f"bars: probability of the first and the last token, full height {plot.full:g}"),
        element("span", "map: one cell for each span, under its first token, ", scale, " (log scale)"),
        class_="ql-legend",
    )


def _bars(plot: Plot) -> Html:
    bars = []
    for values, class_, verb in ((plot.axis.start, "ql-s", "starts"), (plot.axis.end, "ql-e", "ends")):
        for token in np.flatnonzero(values >= _FAINTEST).tolist():
            left, p = plot.scale.left(token), float(values[token])
            if left is not None:
                title = f"“{plot.text_of(token)}” {verb} the answer: {probability(p)}"
                bars.append(_bar(title, left, plot.scale.unit, p / plot.full, class_))
    return join(*bars)


def _bar(title: str, left: float, unit: float, share: float, class_: str) -> Html:
    height = max(1.0, _BAR * share)
    return element(
        "rect",
        element("title", title),
        x=per_cent(left + 0.08 * unit),
        width=per_cent(0.84 * unit),
        y=f"{_BAR + 4 - height if class_ == 'ql-s' else _BAR + 5:.1f}",
        height=f"{height:.1f}",
        class_=class_,
    )


def _span_tags(plot: Plot) -> list[Tag]:
    tags = []
    for answer, class_ in ((plot.reading.decision.best, "ql-t-best"), (plot.other, "ql-t-rival")):
        if answer is None:
            continue
        first, stop = plot.axis.tokens_of(answer.span.start, answer.span.end)
        left, right = plot.scale.left(first), plot.scale.left(stop - 1)
        if left is not None and right is not None:
            tags.append(Tag(left, right + plot.scale.unit, clip(answer.text, _LABEL_WIDTH), class_))
    return tags


def _cells(axis: TokenAxis, scale: Scale) -> list[tuple[float, int, float, int]]:
    """(left, length in tokens, probability, number of the span) of every span worth a cell."""
    cells = []
    for s in np.flatnonzero(axis.weight >= _FAINTEST).tolist():
        left = scale.left(int(axis.first[s]))
        if left is not None:
            cells.append((left, int(axis.last[s] - axis.first[s]) + 1, float(axis.weight[s]), s))
    return cells


def _map(plot: Plot, cells: list[tuple[float, int, float, int]], top: float, row: float) -> Html:
    best, spans = plot.reading.decision.best, plot.reading.spans
    painted = []
    for left, length, p, s in sorted(cells, key=lambda cell: cell[2]):
        span = CharSpan(int(spans.start[s]), int(spans.end[s]))
        title = f"“{clip(span.of(plot.reading.context), _TITLE_WIDTH)}” {probability(p)}"
        painted.append(
            element(
                "rect",
                element("title", title),
                x=per_cent(left),
                width=per_cent(plot.scale.unit),
                y=f"{top + (length - 1) * row:.1f}",
                height=f"{row:g}",
                fill_opacity=shade(p),
                class_="ql-m ql-m-best" if best is not None and span == best.span else "ql-m",
            )
        )
    return join(*painted)


def _rulers(scale: Scale, N: int, map_top: float, height: float) -> Html:
    """The zero line, the frame of the map, and which tokens are shown, for each stretch."""
    parts = []
    for k, (start, stop) in enumerate(scale.stretches):
        left = scale.left(start) or 0.0
        right = left + (stop - start) * scale.unit
        ends = {"x1": per_cent(left), "x2": per_cent(right)}
        parts += [element("line", y1=y, y2=y, class_="ql-rule", **ends) for y in (_BAR + 4.5, map_top - 4)]
        words = f"{start + 1:,}–{stop:,}"
        if k == 0:
            words = f"tokens {words}"
        if k == len(scale.stretches) - 1:
            words += f" of {N:,}"
        # The last of several stretches may be narrow, and its words the longest.
        last = k > 0 and k == len(scale.stretches) - 1
        at, anchor = (right, "end") if last else (left, "start")
        parts.append(element("text", words, x=per_cent(at), y=f"{height - 5:g}", text_anchor=anchor))
    return join(*parts)


def _gutter(map_top: float, row: float, longest: int, height: float) -> Html:
    def word(text: str, y: float, class_: str | None = None) -> Html:
        return element("text", text, x="100%", y=f"{y:g}", text_anchor="end", class_=class_)

    least = math.ceil(13 / row)
    ticks = [n for n in (1, 5, 10, 20, 30, 50, 100, 200, 400) if n == 1 or least < n <= longest]
    spaced = [n for k, n in enumerate(ticks) if k == 0 or n - ticks[k - 1] >= least]
    lengths = [word(f"{n:,}", map_top + (n - 0.5) * row + 4) for n in spaced]
    return element(
        "svg",
        word("▲ start", _BAR - 8, "ql-s"),
        word("▼ end", _BAR + 24, "ql-e"),
        word("tokens", map_top - 7),
        *lengths,
        width="100%",
        height=f"{height:g}",
        aria_hidden="true",
    )


def _in_words(plot: Plot) -> str:
    """The facts of the picture for those who do not see it."""
    words = [
        f"Start and end probability over {count(len(plot.axis), 'token')}, given that there is an answer."
    ]
    for values, verb in ((plot.axis.start, "starts"), (plot.axis.end, "ends")):
        text, p = plot.text_of(int(values.argmax())), float(values.max())
        words.append(f"It most likely {verb} with “{text}”, probability {probability(p)}.")
    for answer, name in ((plot.reading.decision.best, "Best span"), (plot.other, "Strongest span elsewhere")):
        if answer is not None:
            words.append(f"{name}: “{clip(answer.text, _TITLE_WIDTH)}”.")
    return " ".join(words)
