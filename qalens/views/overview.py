"""A text too long for one look: where its probability lies, which part is drawn larger, and the model's windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qalens.by_window import window_margins
from qalens.reading import Reading
from qalens.views.axis import Scale, TokenAxis
from qalens.views.markup import Html, count, element, join, logit, probability
from qalens.views.strips import Tag, per_cent, shade, tag_rows

_BINS = 150
_TOP, _STRIP = 6, 16  # pixels: where the strip begins, and its height
_WINDOW = 15  # pixels: one row of windows
_MOST_ROWS = 6
_LABELLED = 11.0  # per cent of the width that a window needs to carry its margin in letters


def overview_html(reading: Reading, axis: TokenAxis, scale: Scale) -> Html:
    """The whole text as one strip with its windows below; nothing for a text that is drawn whole from one window."""
    windows = len(reading.windows)
    if scale.shown == len(axis) and windows == 1:
        return Html()
    parts = [_strip(reading), _frames(reading, axis, scale)]
    height, facts = _TOP + _STRIP + 8, f"The whole text: {count(len(axis), 'token')}."
    if windows > 1:
        drawn, height = _windows(reading, height)
        parts.append(drawn)
        facts += f" {_windows_in_words(reading)}"
    picture = element(
        "svg", *parts, width="100%", height=f"{height:g}", role="img", aria_label=facts, class_="ql-whole"
    )
    note = element("p", _windows_in_words(reading), class_="ql-note") if windows > 1 else Html()
    return element("section", _heading(reading, axis, scale), picture, note)


def _heading(reading: Reading, axis: TokenAxis, scale: Scale) -> Html:
    size = f" {count(len(axis), 'token')}, {count(len(reading.context), 'character')}"
    if len(reading.windows) > 1:
        size += f", {len(reading.windows)} windows"
    if scale.shown < len(axis):
        ranges = ", ".join(f"{start + 1:,}–{stop:,}" for start, stop in scale.stretches)
        size += f"; framed: tokens {ranges}, drawn larger below"
    return element("div", element("strong", "The whole text"), size, class_="ql-h")


def start_mass(reading: Reading, bins: int) -> NDArray[np.float64]:
    """(bins,): the probability, given an answer, that it starts in each of equal pieces of the text.

    >>> from qalens.testing import planted_reading
    >>> start_mass(planted_reading("Who?", "Ada kept the lamp.", answer="lamp"), 2).round(2).tolist()
    [0.0, 1.0]
    """
    starts, _ = reading.spans.edges(given_answer=True)
    place = np.arange(len(starts)) * bins // len(starts)
    return np.bincount(place, starts, bins)


def _strip(reading: Reading) -> Html:
    bins = min(_BINS, len(reading.context))
    mass = start_mass(reading, bins)
    cells = [
        element(
            "rect",
            element("title", f"the answer, if there is one, starts here: {probability(float(mass[b]))}"),
            x=per_cent(100 * b / bins),
            width=per_cent(100 / bins),
            y=_TOP,
            height=_STRIP,
            fill_opacity=shade(float(mass[b])),
            class_="ql-m",
        )
        for b in np.flatnonzero(mass >= 0.0005).tolist()
    ]
    ground = element("rect", x=0, width="100%", y=_TOP, height=_STRIP, class_="ql-ground")
    return join(ground, *cells)


def _frames(reading: Reading, axis: TokenAxis, scale: Scale) -> Html:
    if scale.shown == len(axis):
        return Html()
    C = len(reading.context)
    frames = []
    for start, stop in scale.stretches:
        left, right = int(axis.offsets[start, 0]), int(axis.offsets[stop - 1, 1])
        frames.append(
            element(
                "rect",
                x=per_cent(100 * left / C),
                width=per_cent(100 * (right - left) / C),
                y=_TOP - 4,
                height=_STRIP + 8,
                class_="ql-frame",
            )
        )
    return join(*frames)


def _rows(ranges: NDArray[np.int64]) -> list[int]:
    """A row for each window, so that neighbours that overlap stand in different ones."""
    taken: list[int] = []
    rows = []
    for start, stop in ranges.tolist():
        row = next((r for r, end in enumerate(taken) if end <= start), len(taken))
        # Past the last row windows may touch: their order still tells them apart.
        row = min(row, _MOST_ROWS - 1)
        taken[row : row + 1] = [stop]
        rows.append(row)
    return rows


def _windows(reading: Reading, top: float) -> tuple[Html, float]:
    """The windows in rows from `top` on, with the height that is used up."""
    margins = window_margins(reading.logits, max_answer_length=reading.max_answer_length)
    ranges = reading.windows.char_ranges
    rows = _rows(ranges)
    places = 100 * ranges / len(reading.context)
    drawn = [
        _window(w, places[w, 0], places[w, 1], top + rows[w] * (_WINDOW + 3), margins[w], reading)
        for w in range(len(rows))
    ]
    below = top + (max(rows) + 1) * (_WINDOW + 3)
    tags = _window_tags(reading, places)
    return join(*drawn, tag_rows(tags, below)), below + 24 * len(tags) + 4


def _window(w: int, left: float, right: float, y: float, margin: float, reading: Reading) -> Html:
    alone = _would_answer(margin, reading.decision.threshold)
    said = "would answer" if alone else "would not answer"
    title = element("title", f"window {w + 1}: own margin {logit(margin)} logits; alone it {said}")
    box = element(
        "rect",
        title,
        x=per_cent(left),
        width=per_cent(right - left),
        y=f"{y:g}",
        height=_WINDOW,
        rx=2,
        class_="ql-w-answer" if alone else "ql-w",
    )
    if right - left < _LABELLED:
        return box
    middle = per_cent((left + right) / 2)
    letters = "ql-w-on" if alone else None
    return join(
        box, element("text", logit(margin), x=middle, y=f"{y + 11.5:g}", text_anchor="middle", class_=letters)
    )


def _would_answer(margin: float, threshold: float) -> bool:
    return margin <= threshold and threshold > -np.inf


def _window_tags(reading: Reading, places: NDArray[np.float64]) -> list[Tag]:
    tags = []
    best, null = reading.decision.best, null_window(reading)
    if best is not None:
        w = best.window
        tags.append(Tag(places[w, 0], places[w, 1], f"best span, window {w + 1}", "ql-t-best"))
    if null is not None:
        tags.append(Tag(places[null, 0], places[null, 1], f"null score, window {null + 1}", "ql-t-null"))
    return tags


def null_window(reading: Reading) -> int | None:
    """The window whose null score counts, or None where it is the mean of several.

    >>> from qalens.testing import planted_reading
    >>> null_window(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))
    0
    """
    same = np.flatnonzero(reading.spans.null_scores == reading.spans.null_score)
    return int(same[0]) if len(same) else None


def _windows_in_words(reading: Reading) -> str:
    spans, best, null = reading.spans, reading.decision.best, null_window(reading)
    words = [
        "Each box is a window that the model read by itself, with its own margin in logits (null score − best span); "
        "a filled one would answer alone."
    ]
    if best is not None:
        words.append(f"Window {best.window + 1} of {len(reading.windows)} holds the best span.")
    if null is None:
        words.append(f"The null score {logit(spans.null_score)} is taken from all windows together.")
    else:
        words.append(f"Window {null + 1} gives the null score {logit(spans.null_score)}.")
    return " ".join(words)
