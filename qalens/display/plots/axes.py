"""Where a plot draws, in which colours, what stands beside it, and the checks of what it is asked for."""

from __future__ import annotations

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine

from qalens.checks import is_whole
from qalens.display.plots.lettering.fonts import lettering
from qalens.display.style import LIGHT
from qalens.errors import InputError, shown
from qalens.readings.reading import FailedReading, Reading

INK, GREY, RULE = LIGHT["ink"], LIGHT["soft"], LIGHT["rule"]
STRIPES = "////"


class _Rounded(ConstrainedLayoutEngine):
    """Constrained layout to a millionth of the figure.

    Its solver rounds its last bits by where its variables lie in memory, and a file names what it clips by them: without
    this the same picture is now and then another file.
    """

    def execute(self, fig: Figure) -> Any:
        grids = super().execute(fig)
        for ax in fig.axes:
            kept = ax.get_in_layout()
            left, low, wide, high = (round(part, 6) for part in ax.get_position(original=True).bounds)
            ax.set_position((left, low, wide, high))
            ax.set_in_layout(kept)  # which setting a position takes away
        return grids


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches, whose parts find their places by themselves and are the same in each file.

    >>> new_figure(7.2, 2.0).get_size_inches().tolist()
    [7.2, 2.0]
    """
    return Figure(figsize=(width, height), layout=_Rounded())


def axes(ax: Axes | None, height: float) -> Axes:
    """The axes to draw into: those given, or those of a new figure of 6.4 × `height` inches.

    >>> axes(None, 2.0).figure.get_size_inches().tolist()
    [6.4, 2.0]
    >>> plt.close()
    """
    if ax is None:
        return plt.subplots(figsize=(6.4, height), layout=_Rounded())[1]
    if not isinstance(ax, Axes):
        raise InputError(f"ax has to be a matplotlib Axes, as plt.subplots() gives it, but is {shown(ax)}.")
    return ax


def check_reading(reading: Any) -> None:
    """Raise `InputError` for what is no reading."""
    if isinstance(reading, FailedReading):
        raise InputError(f"There is nothing to draw, since the text could not be read: {reading.error}")
    check_kind(reading, Reading, "reader.read(question, context)")


def check_kind(record: Any, kind: type, made_by: str) -> None:
    """Raise `InputError` for what is no record of a kind; `made_by` is the call that gives one."""
    if not isinstance(record, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InputError(
            f"A plot needs {article} {kind.__name__}, as {made_by} gives it, but got {shown(record)}."
        )


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Raise `InputError` for an option that is none of the choices."""
    if value not in choices:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, choices))}, but is {shown(value)}.")


def check_count(name: str, value: Any, least: int) -> None:
    """Raise `InputError` for what is no whole number from `least` on."""
    if not is_whole(value, least):
        raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")


def quiet(ax: Axes, *, left: bool = True) -> None:
    """Only the lines that are read off stay."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines["left"].set_visible(left)
    ax.tick_params(labelsize="small")
    if not left:
        ax.tick_params(axis="y", length=0)


def legend(ax: Axes, columns: int) -> None:
    """The names of what is drawn, above it."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.1,
    )


def beside(
    ax: Axes, y: float, points: float, text: str, colour: str = GREY, aligned: str = "left", lift: float = 0
) -> None:
    """A word so many points right of the axes, at a height of the data."""
    ax.annotate(
        text,
        (1, y),
        xycoords=ax.get_yaxis_transform(),
        xytext=(points, lift),
        textcoords="offset points",
        ha=aligned,
        va="bottom" if lift else "center",
        size="small",
        color=colour,
        annotation_clip=False,
        **lettering(),
    )


def small() -> float:
    """Points of small letters."""
    return FontProperties(size="small").get_size_in_points()


def points_across(ax: Axes) -> float:
    """Width of the axes in points, as far as it is known before the layout."""
    return 72 * ax.bbox.width / ax.figure.dpi


def points_down(ax: Axes) -> float:
    """Height of the axes in points, as far as it is known before the layout."""
    return 72 * ax.bbox.height / ax.figure.dpi


def columns_across(ax: Axes) -> int:
    """How many letters of a small text fit across the axes."""
    return max(20, int(points_across(ax) / (0.6 * small())))


def title_columns(ax: Axes) -> int:
    """How many letters of a title fit across the axes."""
    return int(0.8 * columns_across(ax))
