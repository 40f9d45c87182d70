"""Plots of readings: starts and ends, spans, windows, and the decision between an answer and none.

They are reached through `qalens.plots`, and keep to its rules.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qalens.display.content.windows import window_rows
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import equation, logit
from qalens.display.plots import series, strokes
from qalens.display.plots.axes import (
    GREY,
    INK,
    axes,
    check_choice,
    check_count,
    check_kind,
    check_reading,
    columns_across,
    new_figure,
    quiet,
)
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible, wrap
from qalens.display.wording import decision_sentence, promise_sentence
from qalens.evaluation.promises.risk import RiskControl
from qalens.readings.reading import Reading

__all__ = ["marginals", "no_answer", "overview", "ranked_spans", "span_map", "windows"]

# Fewer bars than that keep the thickness they would have among as many.
_LEAST_ROWS = 5


def marginals(
    reading: Reading,
    *,
    ax: Axes | None = None,
    scale: Literal["probability", "logits"] = "probability",
    given_answer: bool = True,
    tokens: tuple[int, int] | None = None,
) -> Axes:
    r"""Where the answer starts and where it ends, token by token along the text: the start and end marginals.

    The best span is shaded.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 2.6 inches.
    scale : {"probability", "logits"}, default "probability"
        "probability" draws the probability of a start up and of an end down; "logits" draws the raw start and end logits as two
        lines (the largest over the windows), with those of the null token as level lines.
    given_answer : bool, default True
        Probabilities if there is an answer, which sum to 1 on each side; False leaves P(no answer) out of that sum.
    tokens : tuple of (int, int), optional
        The first and last token to show, counted from 1; None shows all of a short text, else the stretch with most mass.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For another `scale` or for tokens that the text does not have.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> ax = marginals(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> ax.get_ylabel()
    'probability\ngiven an answer'
    >>> plt.close(ax.figure)
    """
    check_reading(reading)
    check_choice("scale", scale, ("probability", "logits"))
    stretch = series.choose_stretch(reading, tokens)
    ax = axes(ax, 2.6)
    if scale == "probability":
        strokes.edge_bars(ax, reading, stretch, given_answer)
    else:
        strokes.edge_logits(ax, reading, stretch)
    if best := series.best_tokens(reading):
        ax.axvspan(best[0] - 0.5, best[1] + 0.5, color=GREY, alpha=0.13, linewidth=0, zorder=0)
    strokes.name_tokens(ax, reading, stretch)
    return ax


def span_map(
    reading: Reading,
    *,
    ax: Axes | None = None,
    given_answer: bool = True,
    tokens: tuple[int, int] | None = None,
) -> Axes:
    """Every span of the text as one cell: its first token across, its length in tokens down, its probability as colour.

    Colours are on a log scale over four powers of ten; less probable spans stay white. The best span has an outline:
    solid where it is the answer, dashed where it was rejected.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3 inches. The colour bar takes its space from it.
    given_answer : bool, default True
        Probabilities if there is an answer, which sum to 1; False has P(no answer) in that sum.
    tokens : tuple of (int, int), optional
        The first and last start token to show, counted from 1; None shows all of a short text, else the stretch with most mass.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For tokens that the text does not have.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> ax = span_map(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> ax.get_ylabel()
    'length in tokens'
    >>> plt.close(ax.figure)
    """
    check_reading(reading)
    stretch = series.choose_stretch(reading, tokens)
    ax = axes(ax, 3.0)
    mesh = strokes.band(ax, reading, stretch, given_answer)
    if mesh is not None:
        strokes.colour_bar(mesh, given_answer, ax=ax, pad=0.02, fraction=0.05, aspect=18)
    strokes.name_tokens(ax, reading, stretch)
    return ax


def ranked_spans(
    reading: Reading,
    k: int = 8,
    *,
    ax: Axes | None = None,
    group: Literal["overlap", "text"] | None = None,
    most_columns: int = 40,
) -> Axes:
    """The best spans as bars, with all the others together and no answer below them, so that the bars sum to 1.

    What the model decided for is marked with ◂.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    k : int, default 8
        How many spans.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the bars need.
    group : {"overlap", "text"}, optional
        None has one bar for each span; "overlap" or "text" one for each group of spans that say the same, as in
        `SpanDistribution.clusters`, named by its best.
    most_columns : int, default 40
        A longer text gets … in its middle; Chinese or Japanese signs count two.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Where `k` or `most_columns` is no whole number from 1 and 3 on, or for another `group`.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> ax = ranked_spans(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"), k=3)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['“Ada”', '“Ada kept”', '“Ada kept the”', '12 other spans', 'no answer']
    >>> plt.close(ax.figure)
    """
    check_reading(reading)
    check_count("k", k, 1)
    check_count("most_columns", most_columns, 3)
    check_choice("group", group, (None, "overlap", "text"))
    rows = series.span_rows(reading, k, group)
    ax = axes(ax, 0.7 + 0.26 * max(len(rows), _LEAST_ROWS))
    for place, row in enumerate(rows):
        strokes.rank_bar(ax, place, row)
    labels = [strokes.rank_label(row, most_columns) for row in rows]
    ax.set_yticks(range(len(rows)), labels, size="small", **lettering())
    ax.set_ylim(max(len(rows), _LEAST_ROWS) - 0.4, -0.6)
    top = max(row.probability for row in rows)
    ax.set_xlim(0, 1.3 * top)
    ax.set_xticks(
        [t for t in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, top) if t <= min(1, 1.1 * top)]
    )
    ax.set_xlabel("probability", size="small", color=GREY)
    quiet(ax, left=False)
    return ax


def no_answer(reading: Reading, control: RiskControl | None = None, *, ax: Axes | None = None) -> Axes:
    """The decision between an answer and none: the null margin and the threshold as places on a line, in logits.

    The null margin is the null score minus the best span's score; left of the threshold the model answers (solid blue), right of
    it it abstains (striped orange). The title has P(no answer) and a sentence that says what would change the decision. With
    several windows each one's own margin is a small tick. What is infinite is at the end of the line as ∞.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    control : RiskControl, optional
        What `report.risk_control()` gave: its threshold is a dashed line, and the title says what is promised.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 1.9 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> ax = no_answer(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer=None))
    >>> ax.get_title(loc="left").splitlines()[0]
    'P(no answer) > 0.999'
    >>> plt.close(ax.figure)
    """
    check_reading(reading)
    ax = axes(ax, 1.9)
    decision = reading.decision
    own = [row.margin for row in window_rows(reading)] if len(reading.windows) > 1 else []
    if control is not None:
        check_kind(control, RiskControl, "report.risk_control()")
    promised = [] if control is None or control.threshold is None else [control.threshold]
    low, high = strokes.line_range([decision.margin, decision.threshold, *own, *promised])
    ax.set(xlim=(low, high), ylim=(-0.75, 0.75), yticks=[])
    margin, threshold = np.clip([decision.margin, decision.threshold], low, high)
    strokes.decision_line(ax, low, threshold, high)
    ax.vlines(np.clip(own, low, high), 0.1, 0.3, color=INK, linewidth=1)
    ax.vlines(threshold, -0.3, 0.16, color=INK, linewidth=2, clip_on=False)
    ax.plot([margin], [0], "o", ms=9, mfc="white", mec=INK, mew=2, clip_on=False, zorder=5)
    strokes.place_label(ax, margin, 0.3, f"margin {logit(decision.margin)}")
    strokes.place_label(ax, threshold, -0.3, f"threshold {logit(decision.threshold)}")
    for place in promised:
        ax.vlines(place, -0.55, 0.25, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), clip_on=False)
        strokes.place_label(ax, place, -0.55, f"promised {logit(place)}")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_xlabel("← answer  margin, logits  no answer →", size="small", color=GREY)
    chance = equation("P(no answer)", reading.no_answer_probability)
    also = f" Ticks: the margin of each of the {len(own)} windows alone." if own else ""
    also += "" if control is None else f" {promise_sentence(control)}"
    sentence = wrap(decision_sentence(reading) + also, columns_across(ax))
    ax.set_title(f"{chance}\n{sentence}", loc="left", size="small", color=INK)
    quiet(ax, left=False)
    return ax


def windows(reading: Reading, *, ax: Axes | None = None) -> Axes:
    """The windows of a text as bars over the characters they see, each with what it would say alone.

    A blue bar would answer alone, its own null margin being no higher than the threshold; a hatched orange one would not. The
    dark mark in a bar is that window's own best span. To the right are its margin and its best score, and words say which window
    holds the best span of all and which gives the null score that counts. Of more than 24 windows those with the lowest
    margins are shown, and the axis says so.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the windows need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp on. " * 9, answer="Ada", max_length=40)
    >>> ax = windows(reading)
    >>> [label.get_text() for label in ax.get_yticklabels()] == [f"window {w + 1}" for w in range(len(reading.windows))]
    True
    >>> plt.close(ax.figure)
    """
    check_reading(reading)
    every = window_rows(reading)
    rows = strokes.windows_to_show(every)
    ax = axes(ax, 0.9 + 0.28 * len(rows))
    for place, row in enumerate(rows):
        strokes.window_bar(ax, place, row, reading)
    ax.set_yticks(range(len(rows)), [row.name for row in rows], size="small")
    ax.set(xlim=(0, len(reading.context)), ylim=(len(rows) - 0.4, -1.1))
    strokes.write_beside(ax, -0.85, ("margin", "score", "gives"), GREY)
    some = (
        f"; {len(rows)} of {len(every)} windows, those with the lowest margins"
        if len(rows) < len(every)
        else ""
    )
    ax.set_xlabel(f"characters of the text{some}", size="small", color=GREY)
    quiet(ax, left=False)
    return ax


def overview(
    reading: Reading,
    *,
    k: int = 6,
    given_answer: bool = True,
    tokens: tuple[int, int] | None = None,
) -> Figure:
    """One reading on one page: the start and end marginals above the span map on one token axis, then the ranking and the decision.

    The figure is 7.2 × 6.6 inches and belongs to no window: show it by naming it last in a notebook cell, or save it with
    `savefig`.

    Parameters
    ----------
    reading : Reading
        What is drawn.
    k : int, default 6
        How many spans are ranked.
    given_answer : bool, default True
        Marginals and map if there is an answer; False has P(no answer) in their sum.
    tokens : tuple of (int, int), optional
        The first and last token to show, counted from 1; None shows all of a short text, else the stretch with most mass.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        As the four plots do.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> figure = overview(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> figure.get_suptitle()
    'Who kept the lamp?'
    """
    check_reading(reading)
    stretch = series.choose_stretch(reading, tokens)
    figure, (above, scale, below, left, right) = _page()
    marginals(reading, ax=above, given_answer=given_answer, tokens=tokens).set_xlabel("")
    colour = strokes.ORANGE if reading.answer is None else strokes.BLUE
    above.set_title(_said(reading), loc="left", color=colour, **lettering())
    mesh = strokes.band(below, reading, stretch, given_answer)
    if mesh is None:
        scale.remove()
    else:
        strokes.colour_bar(mesh, given_answer, cax=scale)
    strokes.frame_tokens(below, stretch)
    ranked_spans(reading, k, ax=left, most_columns=24)
    no_answer(reading, ax=right).set_ylim(-1.1, 1.1)
    figure.suptitle(wrap(clip(visible(reading.question), 170), 88), x=0.01, ha="left", **lettering())
    return figure


def _page() -> tuple[Figure, list[Axes]]:
    """The overview's figure, and its places: marginals, colour bar, map, ranking and decision."""
    # A notebook shows a figure only once pyplot has met its backend, which this has it do without a figure of its own.
    plt.draw_if_interactive()
    figure = new_figure(7.2, 6.6)
    top, bottom = figure.add_gridspec(2, 1, height_ratios=(3.6, 2.4), hspace=0.06)
    upper = top.subgridspec(2, 2, width_ratios=(1, 0.022), wspace=0.03)
    lower = bottom.subgridspec(1, 2, wspace=0.08)
    # In a grid of its own the sentence above the line of the decision takes no height from the ranking.
    last = lower[1].subgridspec(1, 1)[0]
    return figure, [
        figure.add_subplot(place) for place in (upper[0, 0], upper[1, 1], upper[1, 0], lower[0], last)
    ]


def _said(reading: Reading) -> str:
    """The decision in a few words, as a heading."""
    if reading.answer is None:
        return equation("no answer   P", reading.no_answer_probability)
    chance = equation("P", reading.answer.probability)
    return one_direction(f"{clip_middle(visible(reading.answer.text), 60)}   {chance}")
