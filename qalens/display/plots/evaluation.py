"""Plots of evaluations: thresholds, reliability, risk against coverage, slices, outcomes, comparisons.

They are reached through `qalens.plots`, and keep to its rules: a record and drawing options in, the `Axes` out, nothing
shown, no setting changed. Lines differ in style too, never in colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes

from qalens.display.content.evaluation import comparison as compared
from qalens.display.content.evaluation import confidence, promises
from qalens.display.content.evaluation.report import outcomes as outcome_bars
from qalens.display.content.evaluation.report import slice_intervals
from qalens.display.numbers import count, probability
from qalens.display.plots import parts
from qalens.display.plots.axes import GREY, axes, check_choice, check_kind, columns_across
from qalens.display.plots.lettering.fonts import wrap
from qalens.evaluation.columns import DRAWN
from qalens.evaluation.confidence.calibration import Calibration
from qalens.evaluation.confidence.thresholds import ThresholdCurve
from qalens.evaluation.promises.curve import SetCurve
from qalens.evaluation.promises.risk import RiskControl, RiskCurve
from qalens.evaluation.report import Report
from qalens.evaluation.scores.comparison import Comparison
from qalens.evaluation.scores.figures import Slices

__all__ = [
    "comparison",
    "outcomes",
    "prediction_sets",
    "reliability",
    "risk_control",
    "risk_coverage",
    "slices",
    "thresholds",
]


def thresholds(curve: ThresholdCurve, control: RiskControl | None = None, *, ax: Axes | None = None) -> Axes:
    """Exact match and F1 at every no-answer threshold, with those of answerable and unanswerable questions apart.

    The dashed line is the threshold in use, the ring the best F1. Shown are the thresholds between which 98 % of the questions
    change.

    Parameters
    ----------
    curve : ThresholdCurve
        What `report.thresholds()` gave.
    control : RiskControl, optional
        What `report.risk_control()` gave: its threshold is a dashed line too, and the title says what is promised.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3.4 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.evaluation.confidence.thresholds import sweep
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> thresholds(sweep([row])).get_ylabel()
    'per cent'
    >>> plt.close()
    """
    check_kind(curve, ThresholdCurve, "report.thresholds()")
    if control is not None:
        check_kind(control, RiskControl, "report.risk_control()")
    ax = axes(ax, 3.4)
    parts.chart(ax, confidence.threshold_chart(curve, control))
    said = wrap(confidence.threshold_sentence(curve, control), columns_across(ax))
    ax.set_title(said, loc="left", size="small", color=GREY, pad=34)
    return ax


def reliability(
    calibration: Calibration,
    names: Sequence[str] | None = None,
    *,
    equal: Literal["width", "mass"] = "width",
    ax: Axes | None = None,
) -> Axes:
    """How often the model was right where it was so sure, for one confidence or several.

    On the diagonal confidence is what it says; below it the model is too sure. Hollow markers have fewer than five questions.

    Parameters
    ----------
    calibration : Calibration
        What `report.calibration()` gave.
    names : sequence of str, optional
        Which confidences, by name or label; None shows the probability, and the cluster by its place, as they are and with a
        temperature. Null margin and entropy are no probabilities and have no such curve.
    equal : {"width", "mass"}, default "width"
        Bins of equal width, or of equal numbers of questions.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 4.2 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.confidence.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> reliability(calibration([row], temperature=None), ["probability"]).get_ylabel()
    'decision right'
    >>> plt.close()
    """
    check_kind(calibration, Calibration, "report.calibration()")
    check_choice("equal", equal, ("width", "mass"))
    part = confidence.reliability_chart(calibration, names, equal)
    ax = axes(ax, 4.2)
    parts.chart(ax, part)
    return ax


def risk_coverage(
    calibration: Calibration, names: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """What share is wrong when only the surest questions are covered, for one confidence or several.

    Lower is better; the dotted line is the best that any confidence could do with the same mistakes.

    Parameters
    ----------
    calibration : Calibration
        What `report.calibration()` gave.
    names : sequence of str, optional
        Which confidences, by name or label; None shows "probability" and "cluster", as they are and with a temperature.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3.6 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.confidence.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> risk_coverage(calibration([row], temperature=None), ["margin"]).get_ylabel()
    'share of mistakes'
    >>> plt.close()
    """
    check_kind(calibration, Calibration, "report.calibration()")
    part = confidence.risk_chart(calibration, names)
    ax = axes(ax, 3.6)
    parts.chart(ax, part)
    return ax


def prediction_sets(curve: SetCurve, *, ax: Axes | None = None) -> Axes:
    """How many places prediction sets have on average, by the coverage that they promise.

    Parameters
    ----------
    curve : SetCurve
        What `report.set_curve()` gave.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3.4 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> import qalens
    >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample(), progress=False)
    >>> prediction_sets(report.set_curve()).get_ylabel()
    'places'
    >>> plt.close()
    """
    check_kind(curve, SetCurve, "report.set_curve()")
    ax = axes(ax, 3.4)
    parts.chart(ax, promises.set_curve_chart(curve))
    return ax


def risk_control(curve: RiskCurve, control: RiskControl | None = None, *, ax: Axes | None = None) -> Axes:
    """How often answered questions are wrong at each no-answer threshold, between its bounds.

    Parameters
    ----------
    curve : RiskCurve
        What `report.risk_curve()` gave.
    control : RiskControl, optional
        What `report.risk_control()` gave: its threshold is a dashed line, and the title says what is promised.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 3.4 inches.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For anything but such records.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> import qalens
    >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample(), progress=False)
    >>> risk_control(report.risk_curve(), report.risk_control(risk=0.5)).get_ylabel()
    'wrong'
    >>> plt.close()
    """
    check_kind(curve, RiskCurve, "report.risk_curve()")
    if control is not None:
        check_kind(control, RiskControl, "report.risk_control()")
    ax = axes(ax, 3.4)
    part = promises.risk_chart(curve, control)
    parts.chart(ax, part)
    ax.set_title(wrap(part.note, columns_across(ax)), loc="left", size="small", color=GREY, pad=34)
    return ax


def slices(slices: Slices, *, ax: Axes | None = None) -> Axes:
    """Exact match and F1 of questions of each kind, with their intervals.

    Round marks are exact match, square ones F1; the last row is all questions. On the right is how many questions there are.

    Parameters
    ----------
    slices : Slices
        What `report.slices(…)` gave.
    ax : Axes, optional
        Where to draw; None makes a figure that is as high as the kinds need.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.scores.figures import slices as by
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> [label.get_text() for label in slices(by([row])).get_yticklabels()]
    ['who', 'all']
    >>> plt.close()
    """
    check_kind(slices, Slices, 'report.slices("question word")')
    part = slice_intervals(slices, folded=False)
    ax = axes(ax, 0.9 + 0.34 * max(3, len(part.rows)))
    parts.intervals(ax, part, ("exact match", "F1"))
    said = f"per cent, with intervals over {DRAWN[slices.drawn]}, by {slices.by}"
    ax.set_xlabel(said, size="small", color=GREY)
    return ax


def comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """How far each figure moved from one evaluation to another, with its interval.

    An interval that reaches the dashed line may be chance, which is said beside the name.

    Parameters
    ----------
    comparison : Comparison
        What `before.compare(after)` of two reports gave.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 2.8 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.scores.comparison import compare_rows
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> said = [planted_reading("Who kept it?", "Ada kept it.", answer=answer) for answer in ("Ada", None)]
    >>> ax = comparison(compare_rows(*([example_row(known, reading)] for reading in said)))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['exact ≈ chance', 'F1 ≈ chance', 'NoAns exact ≈ chance']
    >>> plt.close()
    """
    check_kind(comparison, Comparison, "report.compare(other)")
    ax = axes(ax, 2.8)
    parts.intervals(ax, compared.differences(comparison), ("change",))
    turned = f"{comparison.gained:,} became right, {comparison.lost:,} wrong; p = {probability(comparison.p)}"
    size = count(len(comparison.pairs), "question")
    ax.set_xlabel(
        f"change in points, over {size}, intervals over {DRAWN[comparison.by]}\n{turned}",
        size="small",
        color=GREY,
    )
    return ax


def outcomes(report: Report, *, ax: Axes | None = None) -> Axes:
    """How many questions of a report had which outcome, those with an answer above those without.

    Dark bars were right, red ones wrong; striped ones abstained. Each kind of question sums to 1.

    Parameters
    ----------
    report : Report
        What `qalens.evaluate` gave.
    ax : Axes, optional
        Where to draw; None makes a figure of 6.4 × 2.6 inches.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> report = report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)])
    >>> outcomes(report).get_xlabel()
    'share of the questions of each kind · 1 question'
    >>> plt.close()
    """
    check_kind(report, Report, "qalens.evaluate(reader, examples)")
    ax = axes(ax, 2.6)
    parts.bars(ax, outcome_bars(report))
    parts.key(ax, (("right", "right", False), ("wrong", "wrong", False), ("abstained", "soft", True)))
    ax.set_xlabel(
        f"share of the questions of each kind · {count(len(report), 'question')}", size="small", color=GREY
    )
    return ax
