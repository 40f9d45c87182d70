"""What the plots of faithfulness are made of: curves of masking words, and methods beside each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from qalens.views.lettering import lettering, one_direction, shorten, visible
from qalens.views.strokes import BLUE, GREY, INK, ORANGE, quiet, title_columns
from qalens.views.wording import method_name, score_words, signed

if TYPE_CHECKING:
    from qalens.explain.faithfulness import Faithfulness
    from qalens.explain.tables import FaithfulnessTable, Mean


def curves(ax: Axes, tested: Faithfulness) -> None:
    """The target while words are masked, and while they are put back, those with the highest values first."""
    ax.axhline(tested.value, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    lines = (
        ("masked, highest value first", tested.deletion, tested.deletion_area, ORANGE, "o", "-"),
        ("put back, highest value first", tested.insertion, tested.insertion_area, BLUE, "s", "--"),
    )
    for name, values, area, colour, marker, style in lines:
        label = f"{name}: area {signed(area)}"
        ax.plot(
            tested.steps, values, color=colour, marker=marker, ms=3.5, linestyle=style, lw=1.6, label=label
        )
    ax.annotate(
        "whole text",
        (1, tested.value),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        size="small",
        color=GREY,
    )
    ax.legend(loc="best", fontsize="small", frameon=False)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    scores = "\n".join(score_words(tested))
    ax.set_xlabel(f"share of {tested.words:,} words masked or put back\n{scores}", size="small", color=GREY)
    ax.set_ylabel("target, logits", size="small")
    what = one_direction(shorten(visible(tested.target.words), title_columns(ax)))
    ax.set_title(f"{what}\n{method_name(tested.method)}", loc="left", size="medium", color=INK, **lettering())
    quiet(ax)


def method_rows(ax: Axes, table: FaithfulnessTable) -> None:
    """Two intervals for each method: how far both scores are above those of random rankings."""
    for place, row in enumerate(table.rows):
        for shift, mean, colour, marker in (
            (-0.14, row.comprehensiveness_z, BLUE, "o"),
            (0.14, row.sufficiency_z, ORANGE, "s"),
        ):
            _interval(ax, place + shift, mean, colour, marker)
    for colour, marker, name in ((BLUE, "o", "comprehensiveness"), (ORANGE, "s", "sufficiency")):
        ax.plot([], [], color=colour, marker=marker, label=name)
    ax.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    names = [method_name(row.method) for row in table.rows]
    ax.set_yticks(range(len(names)), names, size="small")
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small", frameon=False, borderaxespad=0.1
    )
    left = f", {len(table.failed):,} left out" if table.failed else ""
    ax.set_xlabel(
        "standard deviations better than random rankings (dashed), mean and 95 % interval\n"
        f"over {table.readings:,} readings{left}",
        size="small",
        color=GREY,
    )
    quiet(ax, left=False)


def _interval(ax: Axes, y: float, mean: Mean, colour: str, marker: str) -> None:
    if not math.isfinite(mean.value):
        return
    low, high = np.nan_to_num([mean.low, mean.high], nan=mean.value)
    ax.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
    ax.plot([mean.value], [y], marker=marker, color=colour, ms=6)
