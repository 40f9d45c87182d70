"""What the plots of a model's inside are made of: bars by layer with what each would answer, and the map of heads."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray

from qalens.display.content.layers import BY_WORDS, largest_change, layer_name
from qalens.display.labels import clip_middle
from qalens.display.numbers import digits_for, logit, signed
from qalens.display.plots.axes import GREY, INK, beside, quiet, title_columns
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.plots.lettering.text_layout import Flow
from qalens.display.plots.strokes import BLUE, ORANGE
from qalens.display.style import LIGHT
from qalens.text.examples import NO_ANSWER

if TYPE_CHECKING:
    from qalens.explain.layers.heads import HeadAblation
    from qalens.explain.layers.logit_lens import LayerTrace

# From a head that contributes positively (its loss lets the target fall) over nothing to one that does so negatively.
_HEADS = LinearSegmentedColormap.from_list(
    "qalens_heads", [LIGHT["more"], LIGHT["for"], "#ffffff", LIGHT["against"], LIGHT["less"]]
)
_NUMBERED = 0.2  # share of the largest change from which a head carries its number
_FRAMED = 3
_SETTLED_GAP = 0.65  # rows
_NUMBER_WIDTH, _NUMBER_HEIGHT = 20.0, 8.0  # points that a number needs


# --- the logit lens -----------------------------------------------------------------------------------------------------------


def layer_places(trace: LayerTrace) -> NDArray[np.float64]:
    """(layers + 1,): where the bars stand, with a gap above each layer at which something settles."""
    gaps = np.isin(np.arange(len(trace)), [trace.answer_settles, trace.answerability_settles])
    return np.arange(len(trace)) + _SETTLED_GAP * np.cumsum(gaps)


def layer_bars(ax: Axes, trace: LayerTrace) -> None:
    """One bar for each layer, split into the reading's answer, other spans and no answer."""
    answer = np.nan_to_num(trace.answer_probability)
    none = trace.no_answer_probability
    other = np.clip(1 - answer - none, 0, None)
    at = layer_places(trace)
    parts = (
        ("answer" if trace.reading.answer else "best span", answer, 0 * answer, BLUE, None),
        ("other spans", other, answer, LIGHT["rule"], "...."),
        (NO_ANSWER, none, answer + other, ORANGE, "////"),
    )
    for name, width, left, colour, hatch in parts:
        ax.barh(
            at, width, 0.8, left, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0, label=name
        )
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3,
        fontsize="small",
        frameon=False,
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.2,
    )
    ax.set(xlim=(0, 1), ylim=(at[-1] + 0.5, -0.6), xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.set_xticklabels(["0", "", "0.5", "", "1"])
    ax.set_xlabel("probability", size="small", color=GREY)
    quiet(ax, left=False)
    ax.set_yticks(at, [layer_name(k) for k in range(len(trace))], size="small")


def layer_words(ax: Axes, trace: LayerTrace) -> None:
    """Beside each bar the margin and the best span there, and where answer and answerability settle."""
    at = layer_places(trace)
    beside(ax, at[0] - 0.85, 40, "margin", GREY, "right")
    beside(ax, at[0] - 0.85, 48, "best span (in brackets: rejected)", GREY, "left")
    for place, decision in zip(at, trace.decisions, strict=True):
        beside(ax, place, 40, logit(decision.margin), INK, "right")
        words = "none" if decision.best is None else f"“{clip_middle(visible(decision.best.text), 22)}”"
        taken = decision.answer is not None
        beside(ax, place, 48, one_direction(words if taken else f"({words})"), INK if taken else GREY, "left")
    settled: dict[int, list[str]] = {}
    for layer, what in (
        (trace.answer_settles, "best span"),
        (trace.answerability_settles, "answer or none"),
    ):
        settled.setdefault(layer, []).append(what)
    for layer, what in settled.items():
        y = at[layer] - 0.5
        ax.plot([0, 1], [y, y], color=INK, linewidth=1.4, clip_on=False, zorder=4)
        ax.annotate(
            f"▾ {' and '.join(what)} settled",
            (0, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(0, 1.5),
            textcoords="offset points",
            va="bottom",
            size="x-small",
            color=INK,
        )


def lens_title(ax: Axes, trace: LayerTrace) -> str:
    """The question, and below it what the reading says."""
    room = title_columns(ax)
    best, answer = trace.reading.decision.best, trace.reading.answer
    named = "" if best is None else f"“{clip_middle(visible(best.text), room - 24)}”"
    said = named if answer is not None else f"{NO_ANSWER}; best span {named}" if named else NO_ANSWER
    return f"{one_direction(clip_middle(visible(trace.reading.question), room))}\n{one_direction(said)}"


# --- heads --------------------------------------------------------------------------------------------------------------


def head_map(ax: Axes, ablation: HeadAblation) -> None:
    """Cells for layers × heads, zero white, the strongest framed, and numbers where there is room."""
    change = ablation.change
    layers, heads = change.shape
    most = largest_change(ablation)
    norm = Normalize(-(most or 1.0), most or 1.0)
    mesh = ax.pcolormesh(
        np.arange(heads + 1) + 0.5,
        np.arange(layers + 1) + 0.5,
        np.ma.masked_invalid(change),
        norm=norm,
        cmap=_HEADS,
        edgecolors="#e6e9ec",
        linewidth=0.5,
    )
    ax.set(ylim=(layers + 0.5, 0.5), xlabel="head", ylabel="layer")
    ax.xaxis.label.set(size="small")
    ax.yaxis.label.set(size="small")
    for axis, n in ((ax.xaxis, heads), (ax.yaxis, layers)):
        step = math.ceil(n / 24)
        axis.set_ticks(range(1, n + 1, step))
    ax.tick_params(labelsize="small", length=0)
    ax.spines[:].set_visible(False)
    _frame_strongest(ax, ablation, most)
    Flow(ax, partial(_numbers, ablation, most)).set_zorder(5)
    what = one_direction(clip_middle(visible(ablation.target.words), title_columns(ax) - 10))
    by = f"each head's output {BY_WORDS[ablation.by]}"
    ax.set_title(
        f"{what} = {logit(ablation.value)}\n{by}", loc="left", size="medium", color=INK, **lettering()
    )
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, fraction=0.06, aspect=22)
    bar.set_label(
        "change of the target without the head, logits\n← contributes positively    negatively →",
        size="small",
    )
    bar.ax.tick_params(labelsize="small")
    bar.ax.yaxis.set_major_formatter(lambda value, _: signed(value, digits_for(most)) if value else "0")
    bar.outline.set_visible(False)


def _frame_strongest(ax: Axes, ablation: HeadAblation, most: float) -> None:
    for one in ablation.strongest(_FRAMED):
        if most and math.isfinite(one.change) and one.change:
            corner = (one.head - 0.5, one.layer - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.4, zorder=4))


def _numbers(ablation: HeadAblation, most: float, width: float, height: float) -> list[Artist]:
    """The changes that are worth a number, in axes of `width` × `height` points; none where cells are too small."""
    layers, heads = ablation.change.shape
    wide, high = width / heads, height / layers
    if not most or wide < _NUMBER_WIDTH or high < _NUMBER_HEIGHT:
        return []
    return [
        Text(
            (one.head - 0.5) * wide,
            (one.layer - 0.5) * high,
            signed(one.change, 2 if most < 9.5 else 1),
            size=6.2,
            ha="center",
            va="center",
            color="white" if abs(one.change) > 0.72 * most else INK,
            zorder=5,
        )
        for one in ablation.strongest(ablation.change.size)
        if math.isfinite(one.change) and abs(one.change) >= _NUMBERED * most
    ]
