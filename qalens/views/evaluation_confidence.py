"""Confidence as HTML: several confidences in a table, how reliable the probability is, and risk against coverage."""

from __future__ import annotations

import math

import numpy as np

from qalens.evaluation.calibration import Calibration, ConfidenceReport, Reliability
from qalens.views.evaluation_chart import Curve, Dot, Tick, chart_html
from qalens.views.frame import READING, figure, styles
from qalens.views.markup import Html, count, element, join, percent

EVALUATION = "evaluation.css"
_THIN = 5  # questions; a bin with fewer says little
_MOST_POINTS = 200


def calibration_html(calibration: Calibration) -> str:
    """Several confidences side by side, the reliability of the probability, and risk against coverage.

    >>> from qalens.evaluation.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> calibration_html(calibration([row], temperature=None)).count("<section")
    3
    """
    return join(styles(READING, EVALUATION), figure(*confidence_sections(calibration), _caption(calibration)))


def confidence_sections(calibration: Calibration) -> list[Html]:
    """Tables and curves, without the frame around them."""
    curves = element("div", _reliability(calibration), _risk(calibration), class_="ql-two")
    return [_table(calibration), curves, _answerability(calibration)]


def _table(calibration: Calibration) -> Html:
    names = ("confidence", "ECE", "equal mass", "Brier", "AURC", "AUROC")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    rows = [_row(row) for row in calibration.rows]
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-numbers")
    what = "decision" if calibration.event == "decision" else "best span"
    words = (
        f" is the {what} right? {percent(calibration.accuracy)} of {count(calibration.count, 'question')} are"
    )
    return element("section", element("div", element("strong", "Confidence"), words, class_="ql-h"), table)


def _row(row: ConfidenceReport) -> Html:
    numbers = {
        "ECE": row.by_width.error,
        "equal mass": row.by_mass.error,
        "Brier": row.brier,
        "AURC": row.risk_coverage.area,
        "AUROC": row.separation,
    }
    cells = (element("td", _number(value), data_label=name) for name, value in numbers.items())
    return element("tr", element("td", row.label), *cells)


def _reliability(calibration: Calibration) -> Html:
    shown = [row for row in calibration.rows if row.name == "probability"]
    classes = (("ql-curve", ""), ("ql-curve ql-curve-2", " ql-second"))
    curves = [Curve([0, 1], [0, 1], "", "ql-curve ql-curve-rule")]
    dots: list[Dot] = []
    for row, (line, second) in zip(shown, classes, strict=False):
        bins, full = row.by_width, row.by_width.count > 0
        curves.append(Curve(bins.confidence[full].tolist(), bins.accuracy[full].tolist(), row.label, line))
        dots += [_dot(bins, int(b), second) for b in np.flatnonzero(full)]
    facts = "; ".join(f"{row.label}: expected calibration error {row.by_width.error:.3f}" for row in shown)
    ticks = _ticks(0.0, 1.0)
    picture = chart_html(
        curves, across=ticks, up=ticks, dots=dots, facts=f"Reliability. {facts}.", height=190
    )
    title = element("strong", "Reliability"), " how often it is right, by how sure it is"
    return element("section", element("div", *title, class_="ql-h"), picture)


def _dot(bins: Reliability, b: int, second: str) -> Dot:
    confidence, accuracy, size = float(bins.confidence[b]), float(bins.accuracy[b]), int(bins.count[b])
    words = f"{count(size, 'question')}, mean confidence {percent(confidence)}: {percent(accuracy)} right"
    return Dot(confidence, accuracy, words, ("ql-dot" if size >= _THIN else "ql-dot-thin") + second)


def _risk(calibration: Calibration) -> Html:
    shown = [row for row in calibration.rows if row.temperature is None and row.name != "product"][:3]
    coverage = shown[0].risk_coverage.coverage
    # Of many questions two hundred places draw the same line.
    at = np.unique(np.linspace(0, len(coverage) - 1, _MOST_POINTS).astype(int))
    late = len(coverage) // 50
    top = math.ceil(10 * max(0.05, *(float(row.risk_coverage.risk[late:].max()) for row in shown))) / 10
    classes = ("ql-curve", "ql-curve ql-curve-2", "ql-curve ql-curve-3")
    least = np.maximum(0.0, 1 - calibration.accuracy / coverage)
    curves = [
        Curve(coverage[at].tolist(), (least[at] / top).tolist(), "best possible", "ql-curve ql-curve-rule")
    ]
    for row, class_ in zip(shown, classes, strict=False):
        y = np.minimum(row.risk_coverage.risk[at] / top, 1.0).tolist()
        curves.append(Curve(coverage[at].tolist(), y, row.label, class_))
    facts = "; ".join(f"{row.label}: mean {row.risk_coverage.area:.3f}" for row in shown)
    up = [Tick(part, f"{part * top:.0%}") for part in (0.0, 0.5, 1.0)]
    picture = chart_html(
        curves, across=_ticks(0.0, 1.0), up=up, facts=f"Share of mistakes by coverage. {facts}.", height=190
    )
    title = element("strong", "Risk and coverage"), " share of mistakes among the surest questions"
    return element("section", element("div", *title, class_="ql-h"), picture)


def _answerability(calibration: Calibration) -> Html:
    told = [f"{name} {_number(value)}" for name, value in calibration.answerability.items() if value == value]
    if not told:
        return Html()
    words = f" chance that an unanswerable question scores higher (AUROC): {' · '.join(told)}"
    return element("p", element("strong", "Is there an answer?"), words, class_="ql-note")


def _ticks(low: float, high: float) -> list[Tick]:
    return [Tick(at, f"{low + at * (high - low):.0%}") for at in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _number(x: float) -> str:
    return "–" if math.isnan(x) else f"{x:.3f}"


def _caption(calibration: Calibration) -> Html:
    words = (
        "ECE: mean distance between how sure and how often right, in bins of equal width and of equal size; Brier: mean "
        "squared distance; both are better when small. AURC: mean share of mistakes over all coverages, better when small; "
        "AUROC: the chance that a right question is surer than a wrong one, 0.5 is none. Hollow dots stand for fewer than "
        f"{_THIN} questions."
    )
    if any(row.temperature is not None for row in calibration.rows):
        words += (
            " T: a temperature fitted on other questions than those it is judged on, unless one was given."
        )
    return element("figcaption", element("strong", "How to read this. "), words)
