"""What the plots of attributions are made of: words in lines, and what is said beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from qalens.display.content.attribution import WordUnit, word_units
from qalens.display.labels import clip_middle
from qalens.display.numbers import digits_for, logit, places, share, signed
from qalens.display.plots.axes import GREY, INK, title_columns
from qalens.display.plots.lettering import text_layout
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible, wrap
from qalens.display.plots.lettering.text_layout import DIVERGING, Piece, TextLines
from qalens.display.style import LIGHT
from qalens.display.wording import brief_diagnostics, completeness, method
from qalens.text.windows import Role

if TYPE_CHECKING:
    from qalens.explain.attribution.record import Attribution

MOST_WORDS = 120
_SIZES = (10.0, 9.0, 8.0, 7.0, 6.0)  # points
_GUTTER = 52.0  # points for the words "question" and "text"
_FOOT = 54.0  # points below the text: the scale, and three lines about whether to rely on it
_GAP = 6.0
_NOTE = 14.0
_SCALE_STEPS = 48


def title(ax: Axes, attribution: Attribution) -> None:
    """The target with its value, and how it was explained."""
    what = one_direction(clip_middle(visible(attribution.target.words), title_columns(ax) - 9))
    ax.set_title(
        f"{what} = {logit(attribution.diagnostics.value)}\n{method(attribution)}",
        loc="left",
        size="medium",
        color=INK,
        **lettering(),
    )


# --- words in lines -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """What a text layout shows: the pieces of the question and of the text, and which words of the text these are."""

    question: list[Piece]
    text: list[Piece]
    note: str

    @property
    def most(self) -> float:
        """The value of the full colour."""
        return max((abs(p.value) for p in (*self.question, *self.text) if p.value is not None), default=0.0)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Question and text in lines of one size."""

    question: TextLines
    text: TextLines
    height: float


def words_to_draw(attribution: Attribution) -> Words:
    """The question, and the text or the 120 words of it that hold the span and the largest values."""
    units = word_units(attribution, Role.CONTEXT)
    first, stop = _stretch(attribution, units)
    sizes = [abs(u.value) if math.isfinite(u.value) else 0.0 for u in units]
    note, total = "", sum(sizes)
    if stop - first < len(units):
        part = sum(sizes[first:stop]) / total if total else 0.0
        note = f"words {places(first, stop)} of {len(units):,} of this window, with {share(part)} of its |values|"
    question = _pieces(attribution, Role.QUESTION, word_units(attribution, Role.QUESTION))
    text = _pieces(attribution, Role.CONTEXT, units[first:stop])
    before, after = ([Piece("…", None, True)] * cut for cut in (first > 0, stop < len(units)))
    return Words(question, [*before, *text, *after], note)


def _stretch(attribution: Attribution, units: Sequence[WordUnit]) -> tuple[int, int]:
    """The words to show, [first, stop): of many those that hold the span of the target and the largest values."""
    span, held = attribution.target.span, []
    if span is not None:
        held = [k for k, u in enumerate(units) if u.start < span.end and span.start < u.end]
    return fullest([abs(u.value) for u in units], held)


def fullest(values: Sequence[float], held: Sequence[int] = ()) -> tuple[int, int]:
    """The words to show, [first, stop): all, or of many the 120 with the largest sum that hold those numbered `held`.

    >>> fullest([0.0] * 100 + [1.0] * 20 + [0.0] * 100)
    (50, 170)
    """
    if len(values) <= MOST_WORDS:
        return 0, len(values)
    sizes = np.nan_to_num(values, posinf=0.0)
    sums = np.convolve(sizes, np.ones(MOST_WORDS), "valid")
    low, high = 0, len(sums) - 1
    if held:
        low = min(max(0, held[-1] - MOST_WORDS + 1), high)
        high = max(low, min(held[0], high))
    # Of stretches that hold nearly the same the one with the span in its middle.
    full = low + np.flatnonzero(sums[low : high + 1] >= sums[low : high + 1].max() - 0.02 * sum(sizes))
    first = int(full[np.abs(full - (low + high) / 2).argmin()])
    return first, first + MOST_WORDS


def _pieces(attribution: Attribution, role: Role, units: Sequence[WordUnit]) -> list[Piece]:
    """Words as they are drawn, with what stands between them but has no token."""
    text = attribution.question if role == Role.QUESTION else attribution.context
    marks = []
    if role == Role.CONTEXT:
        target = attribution.target
        marks = [(span, name) for span, name in ((target.span, "span"), (target.rival, "rival")) if span]
    pieces = []
    for k, unit in enumerate(units):
        between = text[unit.end : units[k + 1].start] if k + 1 < len(units) else " "
        under = next((name for span, name in marks if span.start < unit.end and unit.start < span.end), "")
        value = unit.value if math.isfinite(unit.value) else None
        pieces.append(Piece(text[unit.start : unit.end], value, between[:1].isspace(), under))
        if between.strip():
            pieces.append(Piece(between.strip(), None, between[-1:].isspace()))
    return pieces


def _plan(words: Words, width: float, size: float) -> _Plan:
    question, text = (
        text_layout.text_lines(part, width - _GUTTER, size) for part in (words.question, words.text)
    )
    return _Plan(question, text, question.height + _GAP + text.height + _foot(words))


def _foot(words: Words) -> float:
    return _FOOT + (_NOTE if words.note else 0.0)


def fit_height(ax: Axes, words: Words) -> None:
    """Make a figure of its own as high as the lines need."""
    if (figure := ax.get_figure(root=True)) is None:
        return
    # Only a settled layout knows how wide the axes are.
    figure.draw_without_rendering()
    width, height = text_layout.points(ax)
    wide, high = figure.get_size_inches()
    figure.set_size_inches(wide, high + (_plan(words, width, _SIZES[0]).height - height) / 72)
    figure.draw_without_rendering()


def words_in_lines(attribution: Attribution, words: Words, width: float, height: float) -> list[Artist]:
    """Question, text, scale and diagnostics, in the largest letters that fit into `width` × `height` points."""
    drawn, foot = question_and_text(words, width, height)
    return [*drawn, *_scale(words.most, foot + 10), *_diagnostics(attribution, foot + 26, width)]


def question_and_text(words: Words, width: float, height: float) -> tuple[list[Artist], float]:
    """Question and text in the largest letters that fit into `width` × `height` points, and where the foot begins."""
    plans = [_plan(words, width, size) for size in _SIZES]
    plan = next((p for p in plans if p.height <= height + 1), plans[-1])
    below = plan.question.height + _GAP
    drawn: list[Artist] = []
    for name, found, top in (("question", plan.question, 0.0), ("text", plan.text, below)):
        drawn += text_layout.draw(found, _GUTTER, top, words.most)
        drawn.append(_small(0, top + 1.26 * found.size, name))
    foot = below + plan.text.height
    if words.note:
        drawn.append(_small(_GUTTER, foot + 8, words.note))
    return drawn, foot + _foot(words) - _FOOT


def notes(said: Sequence[str], foot: float) -> list[Artist]:
    """Lines of small print below a text."""
    return [_small(_GUTTER, foot + 12 + _NOTE * k, line) for k, line in enumerate(said)]


def _small(x: float, y: float, words: str, colour: str = GREY, **options: Any) -> Text:
    return Text(x, y, words, **{"size": "small", "color": colour, "va": "baseline", **options})


def _scale(most: float, y: float) -> list[Artist]:
    """The colours from negative to positive, with the number of the full ones."""
    if not most:
        return [_small(_GUTTER, y, "all values are 0", va="center")]
    digits, wide, high = digits_for(most), 96.0, 8.0
    left = _GUTTER + 92
    drawn: list[Artist] = []
    for k in range(_SCALE_STEPS):
        corner = (left + k * wide / _SCALE_STEPS, y - high / 2)
        colour = DIVERGING((k + 0.5) / _SCALE_STEPS)
        drawn.append(Rectangle(corner, wide / _SCALE_STEPS + 0.3, high, linewidth=0, facecolor=colour))
    middle = left + wide / 2
    drawn += [
        Line2D([left, middle], [y + high / 2] * 2, color=LIGHT["less"], linewidth=1.2),
        Line2D([middle, left + wide], [y - high / 2] * 2, color=LIGHT["more"], linewidth=1.2),
        _small(left - 5, y, f"negative {signed(-most, digits)}", LIGHT["less"], va="center", ha="right"),
        _small(
            left + wide + 5,
            y,
            f"{signed(most, digits)} positive, in logits by word",
            LIGHT["more"],
            va="center",
        ),
    ]
    return drawn


def _diagnostics(attribution: Attribution, y: float, width: float) -> list[Artist]:
    """Whether the values can be relied on: completeness first, and the rest below."""
    said = completeness(attribution)
    # Two lines hold the rest, in a figure of usual width.
    rest = wrap(brief_diagnostics(attribution), max(20, int((width - _GUTTER) / 4.9)))
    if attribution.diagnostics.converged is False:
        first = _small(_GUTTER, y, f"⚠ {said}", LIGHT["wrong"], weight="bold")
    else:
        first = _small(_GUTTER, y, said, INK)
    return [first, _small(_GUTTER, y + 5, rest, va="top")]
