"""Plots of evaluations: thresholds, reliability, risk against coverage, slices, comparisons.

They are reached through `qalens.plots`, and keep to its rules: a record and drawing options in, the `Axes` out, nothing
shown, no setting changed. Lines differ in style and marker too, never in colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from qalens.errors import InputError
from qalens.evaluation.bootstrap import Estimate
from qalens.evaluation.calibration import Calibration, ConfidenceReport
from qalens.evaluation.comparison import Comparison
from qalens.evaluation.figures import Slices
from qalens.evaluation.thresholds import ThresholdCurve
from qalens.views.canvas import axes, check_choice, check_kind
from qalens.views.lettering import lettering, shorten, visible
from qalens.views.series import number
from qalens.views.strokes import BLUE, GREY, INK, ORANGE, quiet

__all__ = ["comparison", "reliability", "risk_coverage", "slices", "thresholds"]

# Colours that differ in lightness as well; with them go markers and line styles.
_STYLES = (
    (BLUE, "o", "-"),
    (ORANGE, "s", "--"),
    (INK, "^", "-."),
    ("#0a8f7d", "D", ":"),
    ("#8d4bbb", "v", (0, (5, 1, 1, 1))),
    (GREY, "P", (0, (3, 2))),
)
_LEAST_COUNT = 5  # a bin with fewer questions says little, and is drawn hollow


def thresholds(curve: ThresholdCurve, *, ax: Axes | None = None) -> Axes:
    """Exact match and F1 at every no-answer threshold, with those of answerable and unanswerable questions apart.

    `ax` is where to draw; None makes a figure of 6.4 × 3.4 inches. The dashed line is the threshold in use, the ring the
    best F1. Shown are the thresholds between which 98 % of the questions change.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.evaluation.thresholds import sweep
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> thresholds(sweep([row])).get_ylabel()
    'per cent'
    >>> plt.close()
    """
    check_kind(curve, ThresholdCurve, "report.thresholds()")
    ax = axes(ax, 3.4)
    low, high = curve.span()
    x = np.concatenate([[low], np.clip(curve.threshold[1:], low, high), [high]])
    parts = (
        ("F1", curve.f1, BLUE, "-", 2.0),
        ("exact match", curve.exact, INK, "-.", 1.4),
        ("F1, answerable", curve.has_answer_f1, BLUE, (0, (1, 1.5)), 1.4),
        ("right, unanswerable", curve.no_answer_exact, ORANGE, "--", 1.4),
    )
    for name, values, colour, style, width in parts:
        if not np.isnan(values).any():
            y = np.append(values, values[-1])
            ax.plot(x, y, color=colour, linestyle=style, linewidth=width, drawstyle="steps-post", label=name)
    _mark_thresholds(ax, curve, low, high)
    ax.set_xlim(low, high)
    ax.set_ylim(0, 104)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylabel("per cent", size="small")
    N = len(curve.margin)
    ax.set_xlabel(f"no-answer threshold, logits · {N:,} questions", size="small", color=GREY)
    _legend(ax, 2)
    quiet(ax)
    return ax


def reliability(
    calibration: Calibration,
    names: Sequence[str] | None = None,
    *,
    equal: Literal["width", "mass"] = "width",
    ax: Axes | None = None,
) -> Axes:
    """How often the model was right where it was so sure, for one confidence or several.

    - `names`: which confidences, by name or label; None shows "probability" and "cluster", as they are and with a
      temperature
    - `equal`: bins of equal "width", or of equal "mass"
    - `ax`: where to draw; None makes a figure of 6.4 × 4.2 inches

    On the diagonal confidence is what it says; below it the model is too sure. Hollow markers stand for fewer than five
    questions.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> reliability(calibration([row], temperature=None), ["probability"]).get_ylabel()
    'decision right'
    >>> plt.close()
    """
    check_kind(calibration, Calibration, "report.calibration()")
    check_choice("equal", equal, ("width", "mass"))
    shown = _chosen(calibration, names)
    ax = axes(ax, 4.2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    for row, (colour, marker, style) in zip(shown, _STYLES, strict=False):
        bins = row.by_width if equal == "width" else row.by_mass
        full, thin = bins.count >= _LEAST_COUNT, (bins.count > 0) & (bins.count < _LEAST_COUNT)
        line, label = bins.count > 0, f"{row.label}: ECE {bins.error:.3f}"
        ax.plot(bins.confidence[line], bins.accuracy[line], color=colour, linestyle=style, linewidth=1.5)
        for some, face in ((full, colour), (thin, "white")):
            points = {"marker": marker, "markersize": 5, "markerfacecolor": face, "linestyle": ""}
            if some.any():
                ax.plot(bins.confidence[some], bins.accuracy[some], color=colour, **points)
        ax.plot([], [], color=colour, marker=marker, linestyle=style, markersize=5, label=label)
    _unit_axes(ax, "confidence", f"{calibration.event} right", calibration.count)
    ax.set_ylim(-0.02, 1.02)
    _legend(ax, 2)
    return ax


def risk_coverage(
    calibration: Calibration, names: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """What share is wrong when only the surest questions are covered, for one confidence or several.

    - `names`: as in `reliability`
    - `ax`: where to draw; None makes a figure of 6.4 × 3.6 inches

    Lower is better; the dotted line is the best that any confidence could do with the same mistakes.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> risk_coverage(calibration([row], temperature=None), ["margin"]).get_ylabel()
    'share of mistakes'
    >>> plt.close()
    """
    check_kind(calibration, Calibration, "report.calibration()")
    shown = _chosen(calibration, names)
    ax = axes(ax, 3.6)
    for row, (colour, _, style) in zip(shown, _STYLES, strict=False):
        curve = row.risk_coverage
        label = f"{row.label}: AURC {curve.area:.3f}"
        ax.plot(curve.coverage, curve.risk, color=colour, linestyle=style, linewidth=1.6, label=label)
    coverage = shown[0].risk_coverage.coverage
    least = np.maximum(0.0, 1 - calibration.accuracy / coverage)
    best = f"best possible: AURC {shown[0].risk_coverage.least:.3f}"
    ax.plot(coverage, least, color=GREY, linewidth=1.0, linestyle=(0, (1, 1.5)), label=best)
    _unit_axes(ax, "coverage, surest first", "share of mistakes", calibration.count)
    top = max(float(row.risk_coverage.risk[len(coverage) // 50 :].max()) for row in shown)
    ax.set_ylim(0, min(1.0, max(0.05, 1.1 * top)))
    _legend(ax, 2)
    return ax


def slices(slices: Slices, *, ax: Axes | None = None) -> Axes:
    """Exact match and F1 of questions of each kind, with their intervals.

    `ax` is where to draw; None makes a figure that is as high as the kinds need. Blue and round is F1, orange and square
    exact match; the dashed lines are those of all questions. On the right stands how many questions there are.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.figures import slices as by
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> [label.get_text() for label in slices(by([row])).get_yticklabels()]
    ['who']
    >>> plt.close()
    """
    check_kind(slices, Slices, "report.slices()")
    ax = axes(ax, 1.2 + 0.34 * max(3, len(slices)))
    for colour, whole, style in ((BLUE, slices.whole.f1, "--"), (ORANGE, slices.whole.exact, ":")):
        ax.axvline(whole.value, color=colour, linewidth=0.9, linestyle=style, zorder=0)
    for place, one in enumerate(slices.slices):
        _interval(ax, place - 0.15, one.f1, BLUE, "o")
        _interval(ax, place + 0.15, one.exact, ORANGE, "s")
        _beside(ax, place, f"{one.count:,}")
    for colour, marker, name in ((BLUE, "o", "F1"), (ORANGE, "s", "exact match")):
        ax.plot([], [], color=colour, marker=marker, label=name)
    names = [shorten(visible(one.name), 30) for one in slices.slices]
    ax.set_yticks(range(len(names)), names, size="small", **lettering())
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-2, 102)
    _beside(ax, -0.5, "questions", above=True)
    ax.set_xlabel(f"per cent, with intervals, by {slices.by}", size="small", color=GREY)
    _legend(ax, 2)
    quiet(ax, left=False)
    return ax


def comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """How far each figure moved from one evaluation to another, with its interval.

    `ax` is where to draw; None makes a figure of 6.4 × 2.8 inches. Blue and round is better, orange and square worse; an
    interval that reaches the dashed line may be chance.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.comparison import compare_rows
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> said = [planted_reading("Who kept it?", "Ada kept it.", answer=answer) for answer in ("Ada", None)]
    >>> ax = comparison(compare_rows(*([example_row(known, reading)] for reading in said)))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['exact', 'F1', 'NoAns exact']
    >>> plt.close()
    """
    check_kind(comparison, Comparison, "report.compare(other)")
    ax = axes(ax, 2.8)
    ax.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    rows = comparison.differences
    for place, one in enumerate(rows):
        better = one.change.value >= 0
        _interval(ax, place, one.change, BLUE if better else ORANGE, "o" if better else "s")
        _beside(ax, place, f"{one.before:.1f} → {one.after:.1f}")
    ax.set_yticks(range(len(rows)), [one.name for one in rows], size="small")
    ax.set_ylim(len(rows) - 0.5, -0.5)
    turned = f"{comparison.gained:,} became right, {comparison.lost:,} wrong; McNemar p = {comparison.p:.2g}"
    ax.set_xlabel(
        f"change in points, over {len(comparison.pairs):,} questions\n{turned}", size="small", color=GREY
    )
    reach = max(
        [1.0, *(abs(x) for one in rows for x in (one.change.low, one.change.high) if math.isfinite(x))]
    )
    ax.set_xlim(-1.1 * reach, 1.1 * reach)
    quiet(ax, left=False)
    return ax


def _mark_thresholds(ax: Axes, curve: ThresholdCurve, low: float, high: float) -> None:
    best = curve.best("f1")
    if low <= best.threshold <= high:
        ax.plot([best.threshold], [best.f1], marker="o", ms=8, mfc="none", mec=BLUE, mew=1.5, linestyle="")
    said = f"best F1 {best.f1:.1f} at {number(best.threshold)}"
    if math.isfinite(curve.in_use):
        ax.axvline(curve.in_use, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        said = f"in use {number(curve.in_use)}: F1 {curve.at(curve.in_use).f1:.1f} · {said}"
    ax.set_title(said, loc="left", size="small", color=GREY, pad=34)


def _chosen(calibration: Calibration, names: Sequence[str] | None) -> list[ConfidenceReport]:
    if names is None:
        return [row for row in calibration.rows if row.name in ("probability", "cluster")]
    if isinstance(names, str) or not 0 < len(names) <= len(_STYLES):
        raise InputError(f"names has to be a list of up to {len(_STYLES)} confidences, but is {names!r}.")
    return [calibration[name] for name in names]


def _unit_axes(ax: Axes, x: str, y: str, count: int) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axis.set_major_locator(MaxNLocator(5))
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel(f"{x} · {count:,} questions", size="small", color=GREY)
    ax.set_ylabel(y, size="small")
    quiet(ax)


def _legend(ax: Axes, columns: int) -> None:
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.1,
    )


def _interval(ax: Axes, y: float, estimate: Estimate, colour: str, marker: str) -> None:
    if math.isfinite(estimate.value):
        low, high = np.nan_to_num([estimate.low, estimate.high], nan=estimate.value)
        ax.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
        ax.plot([estimate.value], [y], marker=marker, color=colour, ms=5)


def _beside(ax: Axes, place: float, text: str, *, above: bool = False) -> None:
    """A word right of the axes, beside a row or above all of them."""
    ax.annotate(
        text,
        (1, place),
        xycoords=ax.get_yaxis_transform(),
        xytext=(6, 4 if above else 0),
        textcoords="offset points",
        va="bottom" if above else "center",
        size="small",
        color=GREY,
        annotation_clip=False,
    )
