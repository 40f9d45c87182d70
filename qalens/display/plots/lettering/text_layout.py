"""Words in lines with a colour behind each: a text as a picture, laid out in points."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, Bbox, ScaledTranslation

from qalens.display.labels import clip_middle
from qalens.display.plots.axes import GREY, INK
from qalens.display.plots.lettering.fonts import lettering, visible
from qalens.display.style import LIGHT

# From negative over nothing to positive, light enough for dark letters.
DIVERGING = LinearSegmentedColormap.from_list("qalens_diverging", [LIGHT["against"], "#ffffff", LIGHT["for"]])
_PITCH = 1.85  # height of a line in font sizes
_LONGEST_WORD = 30  # columns
_STRONG = ("L", "R", "AL", "EN", "AN")
_UNDERLINES: dict[str, tuple[str, Literal["-", ":"]]] = {"span": (LIGHT["answer"], "-"), "rival": (GREY, ":")}


@dataclass(frozen=True, slots=True)
class Piece:
    """A word to draw: its text, its value (None for one without), whether a blank follows, and what underlines it.

    `under` is "span" or "rival", or "" for nothing.
    """

    text: str
    value: float | None
    blank: bool
    under: str = ""


@dataclass(frozen=True, slots=True)
class TextLines:
    """Pieces broken into lines of at most `width` points at a font `size`: numbers of pieces, line by line."""

    pieces: tuple[Piece, ...]
    lines: tuple[tuple[int, ...], ...]
    size: float
    width: float

    @property
    def height(self) -> float:
        """Points from the first to the last line."""
        return len(self.lines) * _PITCH * self.size


def text_lines(pieces: Sequence[Piece], width: float, size: float) -> TextLines:
    """Break pieces into lines at their blanks, and between signs of scripts that have none.

    >>> words = [Piece(word, None, True) for word in "Ada kept the lamp".split()]
    >>> len(text_lines(words, 1000, 10).lines), len(text_lines(words, 1, 10).lines)
    (1, 4)
    """
    drawn = tuple(
        Piece(clip_middle(visible(p.text), _LONGEST_WORD), p.value, p.blank, p.under) for p in pieces
    )
    lines: list[tuple[int, ...]] = []
    line: list[int] = []
    used = 0.0
    # As they were given: a sign that no font has is drawn as a box, and a box would not say where a line may end.
    for group in _unbroken(pieces):
        wide = sum(_advance(drawn[k], size) for k in group)
        if line and used + wide - _trailing(drawn[group[-1]], size) > width:
            lines.append(tuple(line))
            line, used = [], 0.0
        line += group
        used += wide
    return TextLines(drawn, (*lines, tuple(line)) if line else tuple(lines), size, width)


def _unbroken(pieces: Sequence[Piece]) -> list[list[int]]:
    """Runs of pieces that stay on one line, such as a word and the comma behind it."""
    groups: list[list[int]] = []
    for k, piece in enumerate(pieces):
        before = pieces[k - 1] if k else None
        if before is None or before.blank or _parts(before.text[-1:], piece.text[:1]):
            groups.append([k])
        else:
            groups[-1].append(k)
    return groups


def _parts(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a blank: both wide, and no closing or opening sign."""
    wide = all(unicodedata.east_asian_width(c) in "WF" for c in (before, after) if c)
    return wide and after.isalnum() and unicodedata.category(before or " ") not in ("Ps", "Pi")


def _advance(piece: Piece, size: float) -> float:
    return text_width(piece.text) * size + _trailing(piece, size)


def _trailing(piece: Piece, size: float) -> float:
    return 0.32 * size if piece.blank else 0.0


@lru_cache(maxsize=4096)
def text_width(text: str) -> float:
    """The width of a text in font sizes."""
    options = lettering()
    font = FontProperties(family=options["fontfamily"], size=100)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 100


def right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is Hebrew, Arabic or the like.

    >>> right_to_left("1871 שלום"), right_to_left("lamp שלום")
    (True, False)
    """
    strong = (unicodedata.bidirectional(c) for c in text)
    return next((d in ("R", "AL") for d in strong if d in ("L", "R", "AL")), False)


def draw(found: TextLines, left: float, top: float, most: float) -> list[Artist]:
    """The words of a text with its upper left corner at (`left`, `top`), in points, the y axis pointing down.

    `most` is the value of the full colour. A line above a word says that it contributes positively, one below negatively.
    """
    norm = Normalize(-most, most) if most else None
    turned = right_to_left(" ".join(p.text for p in found.pieces))
    drawn: list[Artist] = []
    for number, line in enumerate(found.lines):
        baseline = top + (number + 0.68) * _PITCH * found.size
        x = 0.0
        placed = _in_reading_order([found.pieces[k] for k in line], turned)
        for place, piece in enumerate(placed):
            wide, gap = text_width(piece.text) * found.size, _trailing(piece, found.size)
            at = left + (found.width - x - wide if turned else x)
            drawn += _word(piece, at, baseline, wide, found.size, norm)
            if piece.under:
                # It goes on over the blank before the next word that has it too.
                goes_on = place + 1 < len(placed) and placed[place + 1].under == piece.under
                more = gap if goes_on else 0.0
                x_under = at - (more if turned else 0)
                drawn.append(_underline(piece.under, x_under, baseline, wide + more, found.size))
            x += wide + gap
    return drawn


def _in_reading_order(line: list[Piece], turned: bool) -> list[Piece]:
    """The pieces of a line as they follow each other from its beginning, which is on the right where it is `turned`.

    There, words in other scripts keep their own order, and brackets look the other way.
    """
    if not turned:
        return line
    placed: list[Piece] = []
    at = 0
    while at < len(line):
        run = _foreign_run(line, at)
        if not run:
            piece = line[at]
            neutral = not any(unicodedata.bidirectional(c) in _STRONG for c in piece.text)
            placed.append(replace(piece, text=f"\u200f{piece.text}") if neutral else piece)
            at += 1
            continue
        blanks = [piece.blank for piece in run]
        turned_run = zip(reversed(run), [*reversed(blanks[:-1]), blanks[-1]], strict=True)
        placed += [replace(piece, blank=blank) for piece, blank in turned_run]
        at += len(run)
    return placed


def _foreign_run(line: list[Piece], at: int) -> list[Piece]:
    """The pieces from `at` to the last one before the next of the line's own script that is written left to right."""
    last = at - 1
    for k in range(at, len(line)):
        directions = {unicodedata.bidirectional(c) for c in line[k].text}
        if directions & {"R", "AL"}:
            break
        if "L" in directions:
            last = k
        elif k == at:
            break
    return line[at : last + 1]


def _word(
    piece: Piece, x: float, baseline: float, wide: float, size: float, norm: Normalize | None
) -> list[Artist]:
    high, low = baseline - 0.98 * size, baseline + 0.3 * size
    ground = []
    if norm is not None and piece.value is not None:
        ground = _ground(piece.value, x, high, wide, low - high, norm)
    return [
        *ground,
        Text(x, baseline, piece.text, size=size, color=INK, va="baseline", zorder=3, **lettering()),
    ]


def _underline(under: str, x: float, baseline: float, wide: float, size: float) -> Artist:
    colour, style = _UNDERLINES[under]
    y = baseline + 0.47 * size
    return Line2D([x, x + wide], [y, y], color=colour, linestyle=style, linewidth=1.8, zorder=2)


def _ground(value: float, x: float, y: float, wide: float, high: float, norm: Normalize) -> list[Artist]:
    """The colour behind a word, and a line on the side of its sign."""
    share = float(norm(value))
    edge = y if value > 0 else y + high
    return [
        Rectangle((x, y), wide, high, facecolor=DIVERGING(share), edgecolor="none", zorder=1),
        Line2D(
            [x, x + wide],
            [edge, edge],
            color=LIGHT["more"] if value > 0 else LIGHT["less"],
            alpha=min(1.0, abs(2 * share - 1)),
            linewidth=1.2,
            solid_capstyle="butt",
            zorder=1.5,
        ),
    ]


class Flow(Artist):
    """What is laid out in points within an `Axes`, from its upper left corner down, anew whenever its size changes.

    `lay_out` makes the parts for a width and a height in points. A layout engine may change the size of the axes right
    before they are drawn, when other axes have come in, and broken lines have to follow.
    """

    def __init__(self, ax: Axes, lay_out: Callable[[float, float], list[Artist]]):
        super().__init__()
        self._ax = ax
        self._lay_out = lay_out
        self._parts: list[Artist] = []
        self._size: tuple[float, float] | None = None
        ax.add_artist(self)
        self._settle()

    def _settle(self) -> None:
        size = points(self._ax)
        if size == self._size:
            return
        figure = self._ax.figure
        down = Affine2D().scale(1 / 72, -1 / 72) + figure.dpi_scale_trans
        corner = ScaledTranslation(0, 1, cast("Affine2D", self._ax.transAxes))
        self._parts, self._size = self._lay_out(*size), size
        for part in self._parts:
            part.set_figure(figure)
            part.set_transform(down + corner)

    def get_children(self) -> list[Artist]:
        """The parts as they stand now."""
        return self._parts

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        """The axes: parts that do not fit are no reason to make other axes smaller."""
        return cast("Bbox", self._ax.bbox)

    def draw(self, renderer: Any) -> None:
        """Draw the parts, laid out anew where the axes have another size than before."""
        if not self.get_visible():
            return
        self._settle()
        for part in sorted(self._parts, key=lambda part: part.get_zorder()):
            part.draw(renderer)


def points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points, as they are now."""
    dpi = ax.figure.dpi
    return 72 * ax.bbox.width / dpi, 72 * ax.bbox.height / dpi
