"""Plots of behaviour tests and of several models; they are reached through `qalens.plots` and keep to its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from qalens.display.labels import clip
from qalens.display.plots.axes import axes, check_kind
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.style import LIGHT

if TYPE_CHECKING:
    from qalens.behavior.model_comparison import ModelComparison
    from qalens.behavior.rates import Rate
    from qalens.behavior.report import BehaviorReport

__all__ = ["behavior", "models"]
_INK, _GREY, _RULE = LIGHT["ink"], LIGHT["soft"], LIGHT["rule"]


def behavior(report: BehaviorReport, *, ax: Axes | None = None) -> Axes:
    """The share of failed cases by capability and kind of test, in per cent; small below it the 95 % interval.

    Parameters
    ----------
    report
        What `qalens.behavior.run` gave.
    ax
        Where to draw; None makes a figure that is as high as the capabilities need.

    Returns
    -------
    Axes
        A fuller bar is more failures; "·" is not tested.

    Raises
    ------
    InputError
        For what is no `BehaviorReport`.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.behavior import run
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> ax = behavior(run(Reader(toy_model(), toy_tokenizer()), cases=2))
    >>> ax.get_yticklabels()[0].get_text()
    'vocabulary'
    >>> plt.close()
    """
    from qalens.behavior.definition import KINDS
    from qalens.behavior.report import BehaviorReport

    check_kind(report, BehaviorReport, "qalens.behavior.run(reader)")
    rows = report.grid()
    ax = axes(ax, 0.8 + 0.42 * len(rows))
    for place, row in enumerate(rows):
        for k, cell in enumerate(row):
            _cell(ax, k, place, cell.rate)
    ax.set_xticks(range(len(KINDS)), [kind.replace(" ", "\n") for kind in KINDS], size="small")
    names = [one_direction(clip(visible(row[0].capability), 30)) for row in rows]
    ax.set_yticks(range(len(rows)), names, size="small", **lettering())
    ax.set_xlim(-0.5, len(KINDS) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("per cent of the cases that failed", size="small", color=_GREY)
    return ax


def _cell(ax: Axes, x: float, y: float, rate: Rate) -> None:
    """One cell of the grid: a bar from its left edge as long as the share, and the number."""
    if not rate.count:
        ax.text(x, y, "·", ha="center", va="center", size="small", color=_GREY)
        return
    value = float(rate.value)
    ax.barh(y, 0.92, 0.78, left=x - 0.46, color=LIGHT["field"])
    # Pale enough for letters in ink on it.
    ax.barh(y, 0.92 * value, 0.78, left=x - 0.46, color=LIGHT["wrong"], alpha=0.4)
    ax.text(x, y - 0.12, f"{100 * value:.0f}", ha="center", va="center", size="small", color=_INK)
    ends = f"[{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
    ax.text(x, y + 0.24, ends, ha="center", va="center", size="xx-small", color=_INK)


def models(comparison: ModelComparison, *, ax: Axes | None = None) -> Axes:
    """The score that ranks of several models, with intervals that hold at once, and their ranks.

    Parameters
    ----------
    comparison : ModelComparison
        What `qalens.compare_models` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the models need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what is no `ModelComparison`.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.behavior.comparing import compare_models
    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> report = report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)])
    >>> models(compare_models({"one": report, "other": report})).get_yticklabels()[0].get_text()
    'one · rank 1–2'
    >>> plt.close()
    """
    from qalens.behavior.model_comparison import ModelComparison

    check_kind(comparison, ModelComparison, "qalens.compare_models({name: reader}, examples)")
    ranked = comparison.ranked
    ax = axes(ax, 0.9 + 0.34 * len(ranked))
    for place, one in enumerate(ranked):
        found = one.scores[comparison.score]
        low, high = np.nan_to_num([found.low, found.high], nan=found.value)
        ax.plot([low, high], [place, place], color=LIGHT["answer"], linewidth=1.8, solid_capstyle="butt")
        ax.plot([found.value], [place], "o", color=LIGHT["answer"], ms=5)
    names = [f"{one_direction(clip(visible(one.name), 30))} · rank {one.rank_text}" for one in ranked]
    ax.set_yticks(range(len(ranked)), names, size="small", **lettering())
    ax.set_ylim(len(ranked) - 0.5, -0.5)
    ax.set_xlabel(
        f"{comparison.score}, per cent; all intervals hold at once at {comparison.level:.0%}",
        size="small",
        color=_GREY,
    )
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(labelsize="small")
    ax.tick_params(axis="y", length=0)
    return ax
