"""The token axis, drawn by hand: start and end probability, labels of spans, the span map, and the whole text above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qalens.display.content.token_axis import Scale, TokenAxis, TokenPicture, WholeText
from qalens.display.content.windows import WindowRow, null_window, start_mass, window_rows, windows_sentence
from qalens.display.html.element import Element, element, join
from qalens.display.html.parts import note, section
from qalens.display.html.picture import box, label, picture
from qalens.display.labels import clip
from qalens.display.numbers import count, logit, places, probability
from qalens.readings.reading import Reading
from qalens.text.examples import CharSpan

_BAR = 30  # pixels of a probability of 1
_FAINTEST = 0.001  # the least probability of a cell of the span map
_LABEL_WIDTH = 20  # columns: half of a telephone's width
_LABEL_ROW = 24  # pixels
_TITLE_WIDTH = 60  # columns
_BINS = 150
_TOP, _STRIP = 6, 16  # pixels: where the strip of the whole text begins, and its height
_WINDOW = 15  # pixels: one row of windows
_MOST_ROWS = 6
_LABELLED = 13.0  # per cent of the width that a window needs to carry its margin in letters


@dataclass(frozen=True, slots=True)
class Tag:
    """A line below an axis from `left` to `right` (per cent), and what it says."""

    left: float
    right: float
    text: str
    class_: str


def shade(p: float) -> str:
    """The opacity of a probability on a logarithmic scale: 0.2 at 0.001 and below, 1 at 1.

    >>> shade(1), shade(0.001), shade(0.0001)
    ('1', '0.2', '0.2')
    """
    level = 1 + math.log10(max(p, _FAINTEST)) / 3
    return f"{0.2 + 0.8 * level:.2g}"


def _tags(tags: list[Tag], top: float) -> list[Element]:
    """One row for each tag from `top` on: the line, and under it the text, flush with the end that leaves it space."""
    drawn = []
    for k, tag in enumerate(tags):
        y = top + 6 + k * _LABEL_ROW
        drawn.append(box(tag.left, tag.right - tag.left, y, 0, tag.class_))
        left = tag.left <= 50
        drawn.append(label(tag.text, tag.left if left else tag.right, y + 2, "start" if left else "end"))
    return drawn


# --- starts, ends and the map ----------------------------------------------------------------------------------------------


def token_picture(part: TokenPicture) -> Element:
    """Start and end probability, the best spans by name, and the span map below, all on one axis."""
    cells, tags = _cells(part.axis, part.scale), _span_tags(part)
    map_top = 2 * _BAR + 12 + len(tags) * _LABEL_ROW + 8
    longest = max([6, *(length for _, length, _, _ in cells)])
    row = max(1.0, min(7.0, round(110 / longest, 1)))
    height = map_top + longest * row + 22
    drawn = picture(
        *_rulers(part.scale, len(part.axis), map_top, height),
        *_bars(part),
        *_tags(tags, 2 * _BAR + 8),
        *_map(part, cells, map_top, row),
        height=height,
        said=_in_words(part),
    )
    body = element("div", _gutter(map_top, row, longest, height), drawn, class_="ql-axis")
    return section("Where it would start and end", "if there is an answer", body, _legend(part))


def _legend(part: TokenPicture) -> Element:
    swatches = (element("i", style=f"opacity:{shade(p)}", class_="ql-swatch") for p in (0.001, 0.01, 0.1, 1))
    scale = element("span", "0.001 ", *swatches, " 1", class_="ql-nobr")
    return element(
        "div",
        element("span", f"bars: probability of the first and the last token, full height {part.full:g}"),
        element("span", "map: one cell for each span, under its first token, ", scale, " (log scale)"),
        class_="ql-legend",
    )


def _bars(part: TokenPicture) -> list[Element]:
    bars = []
    for values, tone, verb in ((part.axis.start, "answer", "starts"), (part.axis.end, "end", "ends")):
        for token in np.flatnonzero(values >= _FAINTEST).tolist():
            left, p = part.scale.left(token), float(values[token])
            if left is None:
                continue
            tip = f"“{part.text_of(token)}” {verb} the answer: {probability(p)}"
            high = round(max(1.0, _BAR * p / part.full), 1)
            top = _BAR + 4 - high if verb == "starts" else _BAR + 5
            unit = part.scale.unit
            bars.append(box(left + 0.08 * unit, 0.84 * unit, top, high, f"ql-c-{tone}", tip=tip))
    return bars


def _span_tags(part: TokenPicture) -> list[Tag]:
    tags = []
    for answer, class_ in ((part.reading.decision.best, "ql-tag-best"), (part.other, "ql-tag-rival")):
        if answer is None:
            continue
        first, stop = part.axis.tokens_of(answer.span.start, answer.span.end)
        left, right = part.scale.left(first), part.scale.left(stop - 1)
        if left is not None and right is not None:
            tags.append(Tag(left, right + part.scale.unit, clip(answer.text, _LABEL_WIDTH), class_))
    return tags


def _cells(axis: TokenAxis, scale: Scale) -> list[tuple[float, int, float, int]]:
    """(left, length in tokens, probability, number of the span) of every span worth a cell."""
    cells = []
    for s in np.flatnonzero(axis.weight >= _FAINTEST).tolist():
        left = scale.left(int(axis.first[s]))
        if left is not None:
            cells.append((left, int(axis.last[s] - axis.first[s]) + 1, float(axis.weight[s]), s))
    return cells


def _map(
    part: TokenPicture, cells: list[tuple[float, int, float, int]], top: float, row: float
) -> list[Element]:
    best, spans = part.reading.decision.best, part.reading.spans
    painted = []
    for left, length, p, s in sorted(cells, key=lambda cell: cell[2]):
        span = CharSpan(int(spans.start[s]), int(spans.end[s]))
        tip = f"“{clip(span.of(part.reading.context), _TITLE_WIDTH)}” {probability(p)}"
        y, class_ = round(top + (length - 1) * row, 1), "ql-c-answer"
        painted.append(box(left, part.scale.unit, y, row, class_, tip=tip, opacity=shade(p)))
        if best is not None and span == best.span:
            painted.append(box(left, part.scale.unit, y, row, "ql-outline"))
    return painted


def _rulers(scale: Scale, N: int, map_top: float, height: float) -> list[Element]:
    """The zero line, the frame of the map, and which tokens are shown, for each stretch."""
    parts = []
    for k, (start, stop) in enumerate(scale.stretches):
        left, wide = scale.left(start) or 0.0, (stop - start) * scale.unit
        parts += [box(left, wide, y, 1, "ql-c-rule") for y in (_BAR + 4, map_top - 4)]
        last = k == len(scale.stretches) - 1
        said = f"{'tokens ' * (k == 0)}{places(start, stop)}{f' of {N:,}' * last}"
        # The last of several stretches may be narrow, and its words the longest.
        at, anchor = (left + wide, "end") if k > 0 and last else (left, "start")
        parts.append(label(said, at, height - 17, anchor))
    return parts


def _gutter(map_top: float, row: float, longest: int, height: float) -> Element:
    least = math.ceil(13 / row)
    ticks = [n for n in (1, 5, 10, 20, 30, 50, 100, 200, 400) if n == 1 or least < n <= longest]
    spaced = [n for k, n in enumerate(ticks) if k == 0 or n - ticks[k - 1] >= least]
    lengths = [label(f"{n:,}", 100, map_top + (n - 0.5) * row - 8, "end") for n in spaced]
    return picture(
        label("▲ start", 100, _BAR - 19, "end", "ql-t-answer"),
        label("▼ end", 100, _BAR + 12, "end", "ql-t-end"),
        label("tokens", 100, map_top - 18, "end"),
        *lengths,
        height=height,
    )


def _in_words(part: TokenPicture) -> str:
    """The facts of the picture for those who do not see it."""
    said = [
        f"Start and end probability over {count(len(part.axis), 'token')}, given that there is an answer."
    ]
    for values, verb in ((part.axis.start, "starts"), (part.axis.end, "ends")):
        text, p = part.text_of(int(values.argmax())), float(values.max())
        said.append(f"It most likely {verb} with “{text}”, probability {probability(p)}.")
    for answer, name in ((part.reading.decision.best, "Best span"), (part.other, "Strongest span elsewhere")):
        if answer is not None:
            said.append(f"{name}: “{clip(answer.text, _TITLE_WIDTH)}”.")
    return " ".join(said)


# --- the whole text --------------------------------------------------------------------------------------------------------


def whole_text(part: WholeText) -> Element:
    """The whole text as one strip with its windows below; nothing for a text that is drawn whole from one window."""
    reading, axis, scale = part.reading, part.axis, part.scale
    several = len(reading.windows) > 1
    if scale.shown == len(axis) and not several:
        return join()
    parts, height = [*_strip(reading), *_frames(part)], float(_TOP + _STRIP + 8)
    said = f"The whole text: {count(len(axis), 'token')}."
    if several:
        drawn, height = _windows(reading, height)
        parts += drawn
        said += f" {windows_sentence(reading)}"
    about = f"{count(len(axis), 'token')}, {count(len(reading.context), 'character')}"
    about += f", {len(reading.windows)} windows" if several else ""
    if scale.shown < len(axis):
        about += f"; framed: tokens {', '.join(places(a, b) for a, b in scale.stretches)}, drawn larger below"
    drawn = picture(*parts, height=height, said=said, class_="ql-overview")
    return section("The whole text", about, drawn, note(windows_sentence(reading) if several else ""))


def _strip(reading: Reading) -> list[Element]:
    bins = min(_BINS, len(reading.context))
    mass = start_mass(reading, bins)
    ground = box(0, 100, _TOP, _STRIP, "ql-c-field")
    return [
        ground,
        *(
            box(
                100 * b / bins,
                100 / bins,
                _TOP,
                _STRIP,
                "ql-c-answer",
                tip=f"the answer, if there is one, starts here: {probability(float(mass[b]))}",
                opacity=shade(float(mass[b])),
            )
            for b in np.flatnonzero(mass >= 0.0005).tolist()
        ),
    ]


def _frames(part: WholeText) -> list[Element]:
    if part.scale.shown == len(part.axis):
        return []
    C, offsets = len(part.reading.context), part.axis.offsets
    edges = [(int(offsets[a, 0]), int(offsets[b - 1, 1])) for a, b in part.scale.stretches]
    return [box(100 * a / C, 100 * (b - a) / C, _TOP - 4, _STRIP + 8, "ql-outline") for a, b in edges]


def _windows(reading: Reading, top: float) -> tuple[list[Element], float]:
    """The windows in rows from `top` on, with the height that is used up."""
    rows, C = window_rows(reading), len(reading.context)
    levels = _levels(rows)
    drawn = []
    for row, level in zip(rows, levels, strict=True):
        drawn += _window(row, 100 / C, top + level * (_WINDOW + 3))
    below = top + (max(levels) + 1) * (_WINDOW + 3)
    tags = _window_tags(reading, rows)
    return drawn + _tags(tags, below), below + 24 * len(tags) + 4


def _levels(rows: list[WindowRow]) -> list[int]:
    """A row for each window, so that neighbours that overlap stand in different ones."""
    taken: list[int] = []
    levels = []
    for one in rows:
        level = next((r for r, end in enumerate(taken) if end <= one.start), len(taken))
        # Past the last row windows may touch: their order still tells them apart.
        level = min(level, _MOST_ROWS - 1)
        taken[level : level + 1] = [one.end]
        levels.append(level)
    return levels


def _window(row: WindowRow, scale: float, y: float) -> list[Element]:
    left, wide = row.start * scale, (row.end - row.start) * scale
    said = "would answer" if row.answers else "would not answer"
    tip = f"{row.name}: own margin {logit(row.margin)} logits; alone it {said}"
    drawn = [box(left, wide, y, _WINDOW, "ql-w-answer" if row.answers else "ql-w", tip=tip)]
    if wide >= _LABELLED:
        class_ = "ql-on" if row.answers else ""
        drawn.append(label(logit(row.margin), left + wide / 2, y - 1, "middle", class_))
    return drawn


def _window_tags(reading: Reading, rows: list[WindowRow]) -> list[Tag]:
    best, null, scale = reading.decision.best, null_window(reading), 100 / len(reading.context)
    said = [] if best is None else [(best.window, "best span", "ql-tag-best")]
    said += [] if null is None else [(null, "null score", "ql-tag-null")]
    return [
        Tag(rows[w].start * scale, rows[w].end * scale, f"{what}, {rows[w].name}", class_)
        for w, what, class_ in said
    ]
