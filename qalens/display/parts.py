"""The eight kinds of part that the content of a record is made of. They hold words and places, and know no medium.

A content says what is shown: rows chosen, numbers as text, labels, sentences. `display.html`, `display.plots` and
`display.plain` each draw these parts. A tone is a name of `display.style.PALETTE`, that is the meaning of a colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Dash = Literal["solid", "dashed", "dotted", "dashdot"]
Mark = Literal["", "answer", "rejected", "best", "rival"]


class Quote(str):
    """A text from outside, which keeps its own writing direction wherever it is shown."""

    __slots__ = ()


Line = str | tuple[str, ...]


def words(line: Line) -> str:
    """A line as one text.

    >>> words(("said ", Quote("Ada")))
    'said Ada'
    """
    return line if isinstance(line, str) else "".join(line)


def quoted(text: str) -> tuple[str, ...]:
    """A text in quotation marks.

    >>> words(quoted("Ada"))
    '“Ada”'
    """
    return ("“", Quote(text), "”")


def lines(*parts: Line, between: str = "") -> tuple[str, ...]:
    """Several lines as one, with something between them.

    >>> words(lines("no answer", quoted("Ada"), between=" → "))
    'no answer → “Ada”'
    """
    joined: list[str] = []
    for k, part in enumerate(parts):
        joined += [between] * bool(k and between)
        joined += [part] if isinstance(part, str) else part
    return tuple(joined)


@dataclass(frozen=True, slots=True)
class Heading:
    """What was asked, and what was said as the largest thing, with its number.

    - `tone`: of the number; `notes`: what it is, below it; `below`: what else has to be known at once
    """

    asked: Line
    said: Line
    number: str = ""
    tone: str = ""
    notes: tuple[Line, ...] = ()
    below: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: a "note" in small print, a "warning", a "caption", a "failure", or "plain"."""

    text: Line
    lead: str = ""
    kind: Literal["plain", "note", "warning", "caption", "failure"] = "plain"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in per cent of its whole width; one without a width is a mark."""

    left: float
    width: float
    tone: str
    striped: bool = False


def signed_bar(
    value: float, scale: Iterable[float], tones: tuple[str, str] = ("less", "more")
) -> tuple[Segment, ...]:
    """A bar from zero to a value, on a scale that holds zero and all of some values; `tones` of negative and positive ones.

    >>> [(s.left, s.width) for s in signed_bar(1.0, (1.0, -3.0))]
    [(75.0, 25.0), (75.0, 0.0)]
    """
    known = [0.0, *filter(math.isfinite, scale)]
    low, wide = min(known), max(known) - min(known) or 1.0
    zero = Segment(100 * -low / wide, 0.0, "soft")
    if not math.isfinite(value) or not value:
        return (zero,)
    left, right = sorted((0.0, float(value)))
    return (Segment(100 * (left - low) / wide, 100 * (right - left) / wide, tones[left == 0.0]), zero)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, small print before and behind it, a bar beside it, and the bar in words."""

    text: Line
    before: Line = ""
    small: Line = ""
    bar: tuple[Segment, ...] = ()
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of a row; a "copy" stands small below the row before it, a "taken" one is what was decided for.

    A "line" has one cell over all columns, and a "whole" one sums up the rows above.
    """

    cells: tuple[Cell, ...]
    kind: Literal["", "taken", "copy", "line", "whole", "rejected"] = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of columns.

    - `kind`: a name for its looks; `narrow`: columns that a narrow picture leaves out
    - `note`: small print below; `folded`: the words behind which it is folded away
    - `aside`: it is not among the little that a picture without styles has to show
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    kind: str = "numbers"
    narrow: tuple[str, ...] = ()
    note: str = ""
    folded: str = ""
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a text that looks the same all along.

    - `level`: from −100 (the full colour against) to 100; None for a value that is no number
    - `tip`: what is said of it; "" for nothing
    - `mark`: how it is underlined; `number`: of the place that it is part of, which is written before it
    - `change`: whether the other text lacks it
    - `fold`: it is not worth being shown, and folded away
    """

    text: str
    level: int | None = 0
    tip: str = ""
    mark: Mark = ""
    change: Literal["", "gone", "new"] = ""
    fold: bool = False
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: words with the look that they explain, a tone or a mark."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """The legend of levels: what stands at both ends, and what is measured; a scale from 0 has an empty `low`."""

    low: str
    high: str
    unit: str
    tones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShadedText:
    """A text whose runs are shaded by a number, underlined, struck through or folded."""

    title: str
    about: str
    runs: tuple[Run, ...]
    scale: Scale | None = None
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through places, what it stands for, and how it looks; `name` "" keeps it out of the legend."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    name: str
    tone: str
    dash: Dash = "solid"
    thin: bool = False
    step: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot, with words for a pointer that rests on it."""

    x: float
    y: float
    tip: str
    tone: str
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Scaled:
    """An axis: what is measured, from where to where, and its ticks with their words."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """The place of a value, from 0 to 1.

        >>> Scaled("", -2.0, 2.0, ()).at(1.0)
        0.75
        """
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves and dots over two axes; `levels` are places of upright lines, `said` the picture in words."""

    title: str
    about: str
    curves: tuple[Curve, ...]
    x: Scaled
    y: Scaled
    said: str
    dots: tuple[Dot, ...] = ()
    levels: tuple[float, ...] = ()
    note: str = ""
    height: int = 170


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from zero to a value: its name, its number as text, and how it looks; `apart` begins a new group."""

    name: Line
    value: float
    text: str
    tone: str
    striped: bool = False
    apart: str | None = None
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars below each other on one scale from `low` to `high`."""

    title: str
    about: str
    rows: tuple[Bar, ...]
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """A grid of numbers by rows and columns: a level from −100 to 100, a sign or number, and a tip for each."""

    title: str
    about: str
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    levels: tuple[tuple[int, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    tips: tuple[tuple[str, ...], ...]
    said: str
    scale: Scale | None = None
    keys: tuple[Key, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with both ends of its interval (nan where there are none), and all three as text."""

    value: float
    low: float
    high: float
    text: str
    small: str


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """What the values are of, what else is told of it, and an interval for each series."""

    name: Line
    beside: str
    intervals: tuple[Interval, ...]
    kind: Literal["", "whole"] = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Values with their intervals, for several series, on one scale from `low` to `high` with a line at `zero`."""

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[IntervalRow, ...]
    low: float
    high: float
    zero: float | None = None
    note: str = ""
    folded: str = ""
    aside: bool = False


Part = Heading | Sentence | Table | ShadedText | Chart | Bars | Cells | Intervals


@dataclass(frozen=True, slots=True)
class Content:
    """What is shown of a record: a title, and its parts from top to bottom; a tuple of parts stands side by side.

    Pictures that are drawn by hand (the token axis, the decision line) stand among the parts as they are.
    """

    title: str
    parts: tuple[Any, ...] = field(default=())

    def of(self, kind: type) -> list[Any]:
        """All parts of one kind.

        >>> Content("", (Sentence("a"), (Sentence("b"),))).of(Sentence)[1].text
        'b'
        """
        flat = (p for part in self.parts for p in (part if isinstance(part, tuple) else (part,)))
        return [part for part in flat if isinstance(part, kind)]


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """The null margin and the threshold, in logits, drawn by hand as places on a line."""

    margin: float
    threshold: float
