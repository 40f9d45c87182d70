"""What the plots are made of: bars, cells, rows and the token axis, each drawn into an `Axes`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from qalens.display.content.token_axis import token_axis
from qalens.display.content.windows import WindowRow
from qalens.display.labels import clip_middle
from qalens.display.numbers import logit as number
from qalens.display.numbers import probability as probability_text
from qalens.display.plots import series
from qalens.display.plots.axes import GREY, INK, beside, points_across, points_down, quiet, small
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.plots.series import SpanRow, Stretch, Word
from qalens.display.style import LIGHT
from qalens.readings.reading import Reading

BLUE, ORANGE, PALE, END = LIGHT["answer"], LIGHT["none"], LIGHT["pale"], LIGHT["end"]
_BLUES = LinearSegmentedColormap.from_list("qalens", ["#d7e6f7", "#5b9fe0", BLUE, "#06294d"])
_DECADES = 4
_MOST_WINDOWS = 24
_MOST_WORDS = 12
_LEAST_FRAME = 9.0


def edge_bars(ax: Axes, reading: Reading, stretch: Stretch, given_answer: bool) -> None:
    """Starts up in blue, ends down in orange and striped."""
    shown = slice(stretch.first, stretch.stop)
    axis = token_axis(reading, given_answer=given_answer)
    start, end = axis.start[shown], axis.end[shown]
    places = np.arange(stretch.first, stretch.stop)
    # Of very many tokens a bar is wider than its token, or it would be too thin to be seen.
    width = max(0.9, len(stretch) / 400)
    ax.bar(places, start, width, color=BLUE, label="start")
    ax.bar(places, -end, width, facecolor=END, edgecolor="white", linewidth=0, hatch="/////", label="end")
    ax.axhline(0, color=INK, linewidth=0.6)
    top = 1.1 * max(start.max(initial=0), end.max(initial=0)) or 1
    ax.set_ylim(-top, top)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))
    ax.set_ylabel("probability\ngiven an answer" if given_answer else "probability", size="small")
    for y, name, colour in ((0.75, "start ↑", BLUE), (0.25, "end ↓", END)):
        ax.text(1.01, y, name, transform=ax.transAxes, rotation=90, va="center", size="small", color=colour)


def edge_logits(ax: Axes, reading: Reading, stretch: Stretch) -> None:
    """Two lines, and the null token's own logits as levels of the same colours."""
    shown = slice(stretch.first, stretch.stop)
    places = np.arange(stretch.first, stretch.stop)
    sides = zip(
        ("start", "end"),
        series.edge_logits(reading),
        series.null_logits(reading),
        (BLUE, END),
        "os",
        strict=True,
    )
    for name, logits, null, colour, marker in sides:
        ax.plot(places, logits[shown], color=colour, marker=marker, markersize=2.5, linewidth=1, label=name)
        if math.isfinite(null):
            style = "--" if name == "start" else ":"
            ax.axhline(null, color=colour, linestyle=style, linewidth=1.2, label=f"{name}, null token")
    ax.set_ylabel("logit" if len(reading.windows) == 1 else "largest logit of a window", size="small")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize="small", frameon=False, borderaxespad=0.1
    )


def band(ax: Axes, reading: Reading, stretch: Stretch, given_answer: bool) -> QuadMesh | None:
    """The coloured cells and the frame of the best; None where no span has a probability to speak of."""
    cells = series.span_band(reading, stretch, given_answer=given_answer)
    peak = float(cells.max(initial=0))
    floor = peak / 10**_DECADES
    ax.set_ylabel("length in tokens", size="small")
    if floor < np.finfo(float).tiny:
        ax.set(ylim=(1.5, 0.5), yticks=[])
        ax.text(
            0.5, 0.5, "no span to show here", transform=ax.transAxes, ha="center", va="center", color=GREY
        )
        return None
    longest = max(5, int(np.flatnonzero((cells >= floor).any(1)).max()) + 1)
    mesh = ax.pcolormesh(
        np.arange(stretch.first, stretch.stop + 1) - 0.5,
        np.arange(len(cells) + 1) + 0.5,
        np.ma.masked_less(cells, floor),
        norm=LogNorm(floor, peak),
        cmap=_BLUES,
    )
    _outline_best(ax, reading, stretch, longest)
    ax.set_ylim(longest + 0.5, 0.5)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return mesh


def _outline_best(ax: Axes, reading: Reading, stretch: Stretch, rows: int) -> None:
    """A frame around the best span's cell, and around some air where the cell is too small to be framed."""
    best = series.best_tokens(reading)
    if best is None or not stretch.first <= best[0] < stretch.stop:
        return
    width = max(1.0, _LEAST_FRAME * len(stretch) / points_across(ax))
    height = max(1.0, _LEAST_FRAME * rows / points_down(ax))
    corner = (best[0] - width / 2, best[1] - best[0] + 1 - height / 2)
    style = "--" if reading.answer is None else "-"
    frame = Rectangle(corner, width, height, fill=False, edgecolor=INK, linewidth=1.3, linestyle=style)
    frame.set(zorder=4, clip_on=False)
    ax.add_patch(frame)


def colour_bar(mesh: QuadMesh, given_answer: bool, **where: Any) -> None:
    assert mesh.axes is not None  # it was drawn into some
    bar = mesh.axes.figure.colorbar(mesh, **where)
    bar.set_label(("P(span | answer)" if given_answer else "P(span)") + "\nlog scale", size="small")
    bar.ax.tick_params(labelsize="small")
    bar.outline.set_visible(False)


def rank_bar(ax: Axes, place: int, row: SpanRow) -> None:
    face, hatch = {
        "span": (BLUE if row.chosen else PALE, None),
        "rest": (LIGHT["rule"], "...."),
        "no answer": (ORANGE, "////"),
    }[row.kind]
    ax.barh(place, row.probability, height=0.72, facecolor=face, edgecolor="white", hatch=hatch, linewidth=0)
    said = probability_text(row.probability) + (" ◂" if row.chosen else "")
    ax.annotate(
        said,
        (row.probability, place),
        xytext=(3, 0),
        textcoords="offset points",
        va="center_baseline",
        size="small",
        color=INK,
        annotation_clip=False,
    )


def rank_label(row: SpanRow, most: int) -> str:
    if row.kind != "span":
        return row.text
    more = f" ({row.size:,} spans)" if row.size > 1 else ""
    return one_direction(f"“{clip_middle(visible(row.text), most)}”{more}")


def windows_to_show(rows: list[WindowRow]) -> list[WindowRow]:
    """In the order of the text; of very many those that hold the best span, give the null score or come closest."""
    ranked = sorted(rows, key=lambda row: (not (row.holds_best or row.gives_null), row.margin))
    return sorted(ranked[:_MOST_WINDOWS], key=lambda row: row.number)


def window_bar(ax: Axes, place: int, row: WindowRow, reading: Reading) -> None:
    face, edge, hatch = (PALE, BLUE, None) if row.answers else ("white", ORANGE, "////")
    ax.barh(
        place, row.end - row.start, left=row.start, height=0.6, facecolor=face, edgecolor=edge, hatch=hatch
    )
    if row.best is not None:
        span = row.best.span
        # A short answer in a long text would be thinner than a hair without the line around it.
        ax.barh(place, len(span), left=span.start, height=0.6, facecolor=INK, edgecolor=INK, linewidth=1.5)
    held = "answer" if reading.answer else "best span"
    gives = [name for name, here in ((held, row.holds_best), ("null score", row.gives_null)) if here]
    score = number(row.best.score) if row.best else "–"
    write_beside(ax, place, (number(row.margin), score, ", ".join(gives)), INK)


def write_beside(ax: Axes, y: float, words: tuple[str, str, str], colour: str) -> None:
    """Two columns of numbers and one of words, right of the axes."""
    for text, points, aligned in zip(words, (44, 84, 92), ("right", "right", "left"), strict=True):
        beside(ax, y, points, text, colour, aligned)


def frame_tokens(ax: Axes, stretch: Stretch) -> None:
    """Limits and numbers of the token axis, and which tokens these are."""
    ax.set_xlim(stretch.first - 0.5, max(stretch.stop, stretch.first + 1) - 0.5)
    # Drawn from 0 on, and counted from 1 wherever a person reads.
    ends = (stretch.first + 1, stretch.stop)
    ticks = MaxNLocator(8, integer=True, min_n_ticks=1).tick_values(*ends) if len(stretch) else []
    shown = [int(tick) for tick in ticks if ends[0] <= tick <= ends[1]]
    ax.set_xticks([tick - 1 for tick in shown], [f"{tick:,}" for tick in shown])
    ax.set_xlabel(stretch.label, size="small", color=GREY)
    quiet(ax)


def name_tokens(ax: Axes, reading: Reading, stretch: Stretch) -> None:
    """The token axis with words below it: dark where the mass is, grey in between where there is room.

    Words that would touch are moved apart, and a thin line leads from each to its token.
    """
    frame_tokens(ax, stretch)
    heavy, light = series.words_to_name(reading, stretch, most=_MOST_WORDS)
    name_words(ax, heavy, light, stretch)


def name_words(ax: Axes, heavy: list[Word], light: list[Word], stretch: Stretch) -> None:
    """Words below an axis: the heavy ones dark and moved apart, the light ones grey where there is room."""
    gap = 1.9 * small() / points_across(ax) * max(1, len(stretch))
    heavy, light = series.room_for_words(heavy, light, gap, stretch)
    for words, minor, colour in ((heavy, False, INK), (light, True, GREY)):
        labels = [clip_middle(visible(word.text), 16) for word in words]
        ax.set_xticks(
            [word.place for word in words],
            labels,
            minor=minor,
            size="small",
            color=colour,
            rotation=40,
            ha="right",
            rotation_mode="anchor",
            **lettering(),
        )
        for word in words:
            _lead(ax, word.token, word.place, colour)
    ax.tick_params(axis="x", which="both", length=0, pad=9)


def _lead(ax: Axes, token: int, place: float, colour: str) -> None:
    """A thin line from a token on the axis to where its word stands."""
    ax.annotate(
        "",
        (token, 0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(place, -8),
        textcoords=("data", "offset points"),
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False,
    )


def decision_line(ax: Axes, low: float, threshold: float, high: float) -> None:
    """Solid blue up to the threshold, striped orange from it on."""
    for left, right, colour, hatch in ((low, threshold, BLUE, None), (threshold, high, ORANGE, "////")):
        width = right - left
        ax.barh(
            0, width, left=left, height=0.16, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0
        )


def line_range(values: list[float]) -> tuple[float, float]:
    """Ends of a line that holds all values that are finite, with room on both sides for those that are not."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    room = max(1.0, 0.4 * (max(finite) - min(finite)))
    return min(finite) - room, max(finite) + room


def place_label(ax: Axes, x: float, y: float, text: str) -> None:
    """A text above a place on a line (below it for a negative `y`) that does not leave the line at its ends."""
    low, high = ax.get_xlim()
    place = (x - low) / (high - low)
    ax.annotate(
        text,
        (x, y),
        xytext=(0, 3 if y > 0 else -3),
        textcoords="offset points",
        ha="left" if place < 0.1 else "right" if place > 0.9 else "center",
        va="bottom" if y > 0 else "top",
        size="small",
        color=INK,
    )
