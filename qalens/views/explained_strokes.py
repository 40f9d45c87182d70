"""What the plots of attributions are made of: words in lines, bars of words, and what is said beside them."""

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
from matplotlib.ticker import MaxNLocator

from qalens.views import ribbon
from qalens.views.lettering import lettering, one_direction, shorten, visible, wrap
from qalens.views.markup import logit
from qalens.views.ribbon import DIVERGING, Piece, Ribbon
from qalens.views.shading import largest
from qalens.views.strokes import BLUE, GREY, INK, ORANGE, columns_across, quiet, title_columns
from qalens.views.word_units import WordUnit, word_units
from qalens.views.wording import brief_trust, completeness, digits_for, method, share, signed
from qalens.windows import Role

if TYPE_CHECKING:
    from qalens.explain.attribution import Attribution

MOST_WORDS = 120
_SIZES = (10.0, 9.0, 8.0, 7.0, 6.0)  # points
_GUTTER = 52.0  # points for the words "question" and "text"
_FOOT = 54.0  # points below the text: the scale, and three lines about trust
_GAP = 6.0
_NOTE = 14.0
_SCALE_STEPS = 48


def title(ax: Axes, attribution: Attribution) -> None:
    """The target with its value, and how it was explained."""
    what = one_direction(shorten(visible(attribution.target.words), title_columns(ax) - 9))
    ax.set_title(
        f"{what} = {logit(attribution.trust.value)}\n{method(attribution)}",
        loc="left",
        size="medium",
        color=INK,
        **lettering(),
    )


# --- words in lines -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """What a ribbon shows: the pieces of the question and of the text, and which words of the text these are."""

    question: list[Piece]
    text: list[Piece]
    note: str

    @property
    def most(self) -> float:
        """The value of the full colour."""
        return largest([p.value for p in (*self.question, *self.text) if p.value is not None])


@dataclass(frozen=True, slots=True)
class _Plan:
    """Question and text in lines of one size."""

    question: Ribbon
    text: Ribbon
    height: float


def words_to_draw(attribution: Attribution) -> Words:
    """The question, and the text or the 120 words of it that hold the span and the largest values."""
    units = word_units(attribution, Role.CONTEXT)
    first, stop = _stretch(attribution, units)
    sizes = [abs(u.value) if math.isfinite(u.value) else 0.0 for u in units]
    note, total = "", sum(sizes)
    if stop - first < len(units):
        part = sum(sizes[first:stop]) / total if total else 0.0
        note = f"words {first + 1:,} to {stop:,} of {len(units):,} of this window, with {share(part)} of its |values|"
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
    question, text = (ribbon.ribbon(part, width - _GUTTER, size) for part in (words.question, words.text))
    return _Plan(question, text, question.height + _GAP + text.height + _foot(words))


def _foot(words: Words) -> float:
    return _FOOT + (_NOTE if words.note else 0.0)


def fit_height(ax: Axes, words: Words) -> None:
    """Make a figure of its own as high as the lines need."""
    figure = ax.get_figure(root=True)
    # Only a settled layout knows how wide the axes are.
    figure.draw_without_rendering()
    width, height = ribbon.points(ax)
    wide, high = figure.get_size_inches()
    figure.set_size_inches(wide, high + (_plan(words, width, _SIZES[0]).height - height) / 72)
    figure.draw_without_rendering()


def words_in_lines(attribution: Attribution, words: Words, width: float, height: float) -> list[Artist]:
    """Question, text, scale and trust, in the largest letters that fit into `width` × `height` points."""
    drawn, foot = question_and_text(words, width, height)
    return [*drawn, *_scale(words.most, foot + 10), *_trust(attribution, foot + 26, width)]


def question_and_text(words: Words, width: float, height: float) -> tuple[list[Artist], float]:
    """Question and text in the largest letters that fit into `width` × `height` points, and where the foot begins."""
    plans = [_plan(words, width, size) for size in _SIZES]
    plan = next((p for p in plans if p.height <= height + 1), plans[-1])
    below = plan.question.height + _GAP
    drawn: list[Artist] = []
    for name, found, top in (("question", plan.question, 0.0), ("text", plan.text, below)):
        drawn += ribbon.draw(found, _GUTTER, top, words.most)
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
    """The colours from against to for, with the number of the full ones."""
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
        Line2D([left, middle], [y + high / 2] * 2, color=ORANGE, linewidth=1.2),
        Line2D([middle, left + wide], [y - high / 2] * 2, color=BLUE, linewidth=1.2),
        _small(left - 5, y, f"against {signed(-most, digits)}", ORANGE, va="center", ha="right"),
        _small(left + wide + 5, y, f"{signed(most, digits)} for, in logits by word", BLUE, va="center"),
    ]
    return drawn


def _trust(attribution: Attribution, y: float, width: float) -> list[Artist]:
    """Whether the values can be relied on: completeness first, and the rest below."""
    said = completeness(attribution)
    # Two lines hold the rest, in a figure of usual width.
    rest = wrap(brief_trust(attribution), max(20, int((width - _GUTTER) / 4.9)))
    if attribution.trust.converged is False:
        first = _small(_GUTTER, y, f"⚠ {said}", ORANGE, weight="bold")
    else:
        first = _small(_GUTTER, y, said, INK)
    return [first, _small(_GUTTER, y + 5, rest, va="top")]


# --- bars of words ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordRow:
    """One bar: the word, its value, and where it stands."""

    text: str
    value: float
    role: Role


def word_rows(attribution: Attribution, k: int) -> list[WordRow]:
    """The `k` words with the largest values by size: first those of the question, then those of the text."""
    texts = {Role.QUESTION: attribution.question, Role.CONTEXT: attribution.context}
    rows = [
        WordRow(text[unit.start : unit.end], unit.value, role)
        for role, text in texts.items()
        for unit in word_units(attribution, role)
        if math.isfinite(unit.value)
    ]
    rows = sorted(rows, key=lambda row: -abs(row.value))[:k]
    return sorted(rows, key=lambda row: row.role == Role.CONTEXT)


def places(rows: Sequence[WordRow]) -> list[float]:
    """Where the bars stand, with a gap between question and text."""
    return [
        number + 0.8 * (row.role == Role.CONTEXT and rows[0].role == Role.QUESTION)
        for number, row in enumerate(rows)
    ]


def height_of_rows(rows: Sequence[WordRow]) -> float:
    """Inches for a figure of its own."""
    return 1.7 + 0.25 * max(3, len(rows))


def word_bars(ax: Axes, attribution: Attribution, rows: Sequence[WordRow]) -> None:
    """Bars from zero to both sides, named on the left and numbered at their ends."""
    most = largest([row.value for row in rows])
    digits, at = digits_for(most), places(rows)
    for place, row in zip(at, rows, strict=True):
        colour, hatch = (BLUE, None) if row.value >= 0 else (ORANGE, "/////")
        ax.barh(place, row.value, height=0.72, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0)
        ax.annotate(
            signed(row.value, digits),
            (row.value, place),
            xytext=(3 if row.value >= 0 else -3, 0),
            textcoords="offset points",
            ha="left" if row.value >= 0 else "right",
            va="center_baseline",
            size="small",
            color=INK,
        )
    labels = [one_direction(f"“{shorten(visible(row.text), 24)}”") for row in rows]
    ax.set_yticks(at, labels, size="small", **lettering())
    low = min([row.value for row in rows], default=0.0)
    high = max([row.value for row in rows], default=0.0)
    room = 0.22 * (max(0.0, high) - min(0.0, low)) or 1.0
    ax.set_xlim(min(0.0, low) - (room if low < 0 else 0), max(0.0, high) + (room if high > 0 else 0))
    ax.set_ylim(max([*at, 2.0]) + 0.6, -0.6)
    ax.axvline(0, color=INK, linewidth=0.8)
    for role, name in ((Role.QUESTION, "question"), (Role.CONTEXT, "text")):
        mine = [place for place, row in zip(at, rows, strict=True) if row.role == role]
        if mine:
            ax.text(
                1.01,
                (mine[0] + mine[-1]) / 2,
                name,
                transform=ax.get_yaxis_transform(),
                rotation=90,
                va="center",
                size="small",
                color=GREY,
            )
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    trust = wrap(f"{completeness(attribution)}; {brief_trust(attribution)}", columns_across(ax))
    ax.set_xlabel(f"← against  contribution, logits  for →\n{trust}", size="small", color=GREY)
    quiet(ax, left=False)
