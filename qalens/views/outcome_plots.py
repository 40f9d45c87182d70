"""Plot of what became of the questions of a data set; reached through `qalens.plots`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from qalens.evaluation.report import Report
from qalens.evaluation.rows import Outcome
from qalens.views.canvas import axes, check_kind
from qalens.views.strokes import BLUE, GREY, ORANGE, quiet

__all__ = ["outcomes"]

# Answered is blue, abstained orange; right is filled and wrong is hatched, so that colour never speaks alone.
_ROWS: tuple[tuple[Outcome, str, bool], ...] = (
    ("right span", BLUE, True),
    ("wrong edges", BLUE, False),
    ("wrong span", BLUE, False),
    ("false no-answer", ORANGE, False),
    ("right no-answer", ORANGE, True),
    ("false answer", BLUE, False),
)


def outcomes(report: Report, *, ax: Axes | None = None) -> Axes:
    """How many questions of a report had which outcome, those with an answer above those without.

    `ax` is where to draw; None makes a figure of 6.4 × 2.6 inches. Blue bars were answered, orange ones not; hatched
    ones are wrong.

    >>> from matplotlib import pyplot as plt
    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> report = report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)])
    >>> outcomes(report).get_xlabel()
    '1 question'
    >>> plt.close()
    """
    check_kind(report, Report, "qalens.evaluate(reader, examples)")
    ax = axes(ax, 2.6)
    counted = report.outcomes
    for y, (name, colour, right) in enumerate(_ROWS):
        size = counted[name]
        face, hatch = (colour, None) if right else ("white", "////")
        ax.barh(y, size, 0.62, facecolor=face, edgecolor=colour, hatch=hatch, linewidth=1.1 if size else 0)
        ax.annotate(f"{size:,}", (size, y), (4, 0), textcoords="offset points", va="center", size="small")
    ax.set_yticks(range(len(_ROWS)), [name for name, _, _ in _ROWS])
    ax.invert_yaxis()
    ax.axhline(3.5, color=GREY, linewidth=0.8)
    key = [
        Rectangle((0, 0), 1, 1, facecolor=BLUE, label="answered"),
        Rectangle((0, 0), 1, 1, facecolor=ORANGE, label="abstained"),
        Rectangle((0, 0), 1, 1, facecolor="white", edgecolor=GREY, hatch="////", label="wrong"),
    ]
    ax.legend(handles=key, loc="lower right", frameon=False, fontsize="small", bbox_to_anchor=(1, 1), ncols=3)
    ax.set_xlabel(f"{len(report):,} question{'s' if len(report) != 1 else ''}", size="small", color=GREY)
    ax.set_xlim(0, 1.08 * max(1, *counted.values()))
    quiet(ax)
    return ax
