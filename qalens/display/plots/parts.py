"""Charts, intervals and bars drawn into an `Axes`, as `display.html.parts` draws them as HTML. Nothing here knows a record."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from qalens.display.labels import clip_middle
from qalens.display.parts import Bars, Chart, Intervals, words
from qalens.display.plots.axes import GREY, INK, STRIPES, beside, legend, quiet
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.style import LIGHT

_DASHES = {"solid": "-", "dashed": "--", "dotted": (0, (1, 1.5)), "dashdot": "-."}
_MARKERS = "os^Dv"
_SERIES = ("answer", "second", "third")


def chart(ax: Axes, part: Chart) -> None:
    """Curves and dots over two axes."""
    for curve in part.curves:
        ax.plot(
            curve.x,
            curve.y,
            color=LIGHT[curve.tone],
            linestyle=_DASHES[curve.dash],
            linewidth=1.2 if curve.thin else 1.8,
            drawstyle="steps-post" if curve.step else "default",
            label=curve.name or "_",
        )
    for tone, hollow in dict.fromkeys((dot.tone, dot.hollow) for dot in part.dots):
        dots = [(dot.x, dot.y) for dot in part.dots if (dot.tone, dot.hollow) == (tone, hollow)]
        face = "white" if hollow else LIGHT[tone]
        ax.plot(*zip(*dots, strict=True), "o", ms=5, mfc=face, mec=LIGHT[tone], label="_")
    for x in part.levels:
        ax.axvline(x, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for axis, scaled, limits in ((ax.xaxis, part.x, ax.set_xlim), (ax.yaxis, part.y, ax.set_ylim)):
        air = 0.02 * (scaled.high - scaled.low)
        limits(scaled.low - air, scaled.high + air)
        axis.set_ticks([at for at, _ in scaled.ticks], [said for _, said in scaled.ticks])
    ax.set_xlabel(part.x.label, size="small", color=GREY)
    ax.set_ylabel(part.y.label, size="small")
    names = [curve.name for curve in part.curves if curve.name]
    if names:
        legend(ax, legend_columns(names))
    quiet(ax)


def legend_columns(names: list[str]) -> int:
    """How many names fit beside each other above a chart.

    >>> legend_columns(["F1", "exact match"]), legend_columns(["masked, those with the highest values first"])
    (2, 1)
    """
    return 2 if max(map(len, names)) < 36 else 1


def intervals(ax: Axes, part: Intervals, columns: tuple[str, ...] | None = None) -> None:
    """A mark with its interval for each value, the series of a row a little apart; what is told beside stands right."""
    shown = [k for k, name in enumerate(part.columns) if columns is None or name in columns]
    if part.zero is not None:
        ax.axvline(part.zero, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for place, row in enumerate(part.rows):
        for n, k in enumerate(shown):
            one, colour = row.intervals[k], LIGHT[_SERIES[n]]
            if not math.isfinite(one.value):
                continue
            y = place + 0.28 * (n - (len(shown) - 1) / 2)
            low, high = np.nan_to_num([one.low, one.high], nan=one.value)
            ax.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt", label="_")
            ax.plot(
                [one.value], [y], _MARKERS[n], color=colour, ms=5, label=part.columns[k] if not place else "_"
            )
        if row.beside:
            beside(ax, place, 6, row.beside)
    names = [one_direction(clip_middle(visible(words(row.name)), 30) + row.after) for row in part.rows]
    ax.set_yticks(range(len(names)), names, size="small", **lettering())
    ax.set_ylim(len(names) - 0.5, -0.5)
    air = 0.03 * (part.high - part.low)
    ax.set_xlim(part.low - air, part.high + air)
    ax.set_xlabel(part.about, size="small", color=GREY)
    if len(shown) > 1:
        legend(ax, len(shown))
    quiet(ax, left=False)


def bars(ax: Axes, part: Bars) -> None:
    """Bars from zero to both sides, named on the left and numbered at their ends."""
    air = 0.22 * (part.high - part.low)
    # Groups stand a little apart.
    gaps = np.cumsum([0.8 * (row.apart is not None and k > 0) for k, row in enumerate(part.rows)])
    at = [float(k + gap) for k, gap in enumerate(gaps)]
    for place, row in zip(at, part.rows, strict=True):
        colour = LIGHT[row.tone]
        face, hatch = ("white", STRIPES) if row.striped else (colour, None)
        value = row.value if math.isfinite(row.value) else 0.0
        ax.barh(
            place, value, 0.68, facecolor=face, edgecolor=colour, hatch=hatch, linewidth=0.8 if value else 0
        )
        left = value < 0
        ax.annotate(
            row.text,
            (value, place),
            xytext=(-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center_baseline",
            size="small",
            color=INK,
            annotation_clip=False,
        )
        if row.apart:
            beside(ax, place, 6, row.apart)
    names = [one_direction(clip_middle(visible(words(row.name)), 30)) for row in part.rows]
    ax.set_yticks(at, names, size="small", **lettering())
    ax.set_ylim(max([*at, 2.0]) + 0.6, -0.6)
    ax.set_xlim(part.low - (air if part.low < -1e-6 else 0), part.high + air)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    quiet(ax, left=False)


def key(ax: Axes, entries: tuple[tuple[str, str, bool], ...]) -> None:
    """What colours and stripes mean, above the axes: (words, tone, striped)."""
    boxes = [
        Rectangle(
            (0, 0),
            1,
            1,
            facecolor="white" if striped else LIGHT[tone],
            edgecolor=LIGHT[tone],
            hatch=STRIPES if striped else None,
            label=said,
        )
        for said, tone, striped in entries
    ]
    ax.legend(
        handles=boxes,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(boxes),
        fontsize="small",
        frameon=False,
        borderaxespad=0.1,
    )
