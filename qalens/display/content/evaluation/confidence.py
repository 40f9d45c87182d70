"""What is shown of thresholds and confidence: how often answers are right at each, how reliable, and at which coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qalens.display.numbers import MISSING, count, figure, interval, logit, percent, tick
from qalens.display.parts import Cell, Chart, Content, Curve, Dash, Dot, Heading, Row, Scaled, Sentence, Table
from qalens.display.wording import HOW_TO_READ, promise_sentence
from qalens.errors import InputError, shown
from qalens.evaluation.columns import DRAWN
from qalens.evaluation.confidence.calibration import Calibration, ConfidenceReport
from qalens.evaluation.confidence.measures import Reliability
from qalens.evaluation.confidence.thresholds import ThresholdCurve
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.promises.risk import RiskControl

THIN = 5  # questions; a bin with fewer says little
_MOST_POINTS = 400
# Lines differ in style as well, never in colour alone.
_LINES: tuple[tuple[str, Dash], ...] = (
    ("ink", "solid"),
    ("second", "dashed"),
    ("third", "dashdot"),
    ("soft", "dotted"),
    ("second", "solid"),
    ("third", "dashed"),
)
_UNIT = tuple((at, f"{at:.0%}") for at in (0.0, 0.25, 0.5, 0.75, 1.0))


# --- thresholds ---------------------------------------------------------------------------------------------------------


def thresholds(curve: ThresholdCurve) -> Content:
    """A curve of thresholds as a content of its own."""
    best = curve.best("f1")
    heading = Heading(
        "No-answer threshold", logit(best.threshold), "", "", (f"best F1 {figure(best.f1, 2)}",)
    )
    return Content("No-answer threshold", (heading, threshold_chart(curve)))


def threshold_chart(curve: ThresholdCurve, control: RiskControl | None = None) -> Chart:
    """Exact match and F1 at every threshold between which 98 % of the questions change, where F1 is best, and the threshold
    that is promised."""
    low, high = curve.span()
    best = curve.best("f1")
    upright = [curve.in_use, *([] if control is None or control.threshold is None else [control.threshold])]
    within = [float(t) for t in np.clip(curve.threshold[1:], low, high)]
    x = (low, *within, high)
    lines: list[Curve] = []
    drawn: tuple[tuple[str, NDArray[np.float64], str, Dash, bool], ...] = (
        ("F1", curve.f1, "ink", "solid", False),
        ("exact match", curve.exact, "soft", "dashdot", True),
        ("F1, answerable", curve.has_answer_f1, "answer", "dotted", True),
        ("right, unanswerable", curve.no_answer_exact, "none", "dashed", True),
    )
    for name, values, tone, dash, thin in drawn:
        if not np.isnan(values).any():
            y = (*(float(v) for v in values), float(values[-1]))
            lines.append(Curve(*thinned(x, y), name, tone, dash, thin, step=True))
    dots = []
    if low <= best.threshold <= high:
        tip = f"best F1 {figure(best.f1, 2)} at {logit(best.threshold)}"
        dots.append(Dot(best.threshold, best.f1, tip, "ink", hollow=True))
    said = threshold_sentence(curve, control)
    return Chart(
        "No-answer threshold",
        "in logits; further right it answers more often",
        tuple(lines),
        Scaled(
            f"no-answer threshold, logits · {count(len(curve.margin), 'question')}",
            low,
            high,
            logit_ticks(low, high),
        ),
        Scaled("per cent", 0.0, 100.0, tuple((100 * at, said) for at, said in _UNIT)),
        said,
        tuple(dots),
        tuple(place for place in upright if low <= place <= high),
        f"{said} report.cross_fit() tells what that is worth on others.",
    )


def threshold_sentence(curve: ThresholdCurve, control: RiskControl | None = None) -> str:
    """Where F1 is best, what it is at the threshold in use, and what is promised."""
    best, used = curve.best("f1"), curve.in_use
    said = f"F1 is best at {logit(best.threshold)}, where it is {figure(best.f1, 2)} on these very questions."
    if math.isfinite(used):
        said = f"In use (dashed) is {logit(used)}, with F1 {figure(curve.at(used).f1, 2)}. {said}"
    return said if control is None else f"{said} {promise_sentence(control)}"


def thinned(x: Sequence[float], y: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of very many places some hundred draw the same line."""
    at = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(int)).tolist()
    return tuple(x[k] for k in at), tuple(y[k] for k in at)


def logit_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Round numbers of an axis in logits, up to about nine.

    >>> [said for _, said in logit_ticks(-1.2, 1.2)]
    ['−1', '−0.5', '0', '0.5', '1']
    """
    # Half a logit, or the next of 1, 2 and 5 times a power of ten, whatever a head is scaled by.
    power = 10.0 ** max(-1, math.floor(math.log10((high - low) / 9)))
    step = max(0.5, next(power * s for s in (1, 2, 5, 10, 20) if (high - low) / (power * s) <= 9))
    values = [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return tuple((v, tick(v)) for v in values)


# --- confidence ---------------------------------------------------------------------------------------------------------


def content(calibration: Calibration) -> Content:
    """Several confidences side by side, the reliability of the probability, and risk against coverage.

    >>> from qalens.evaluation.confidence.calibration import calibration
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> len(content(calibration([row], temperature=None)).of(Chart))
    2
    """
    return Content(
        "Confidence", (*sections(calibration), Sentence(_caption(calibration), HOW_TO_READ, "caption"))
    )


def sections(calibration: Calibration) -> list[object]:
    """The table and both charts."""
    return [
        confidence_table(calibration),
        (reliability_chart(calibration), risk_chart(calibration)),
        *_answerability(calibration),
    ]


def confidence_table(calibration: Calibration) -> Table:
    """The measures of each confidence."""
    size = count(calibration.count, "question")
    drawn = f"{calibration.level:.0%} intervals over {DRAWN[calibration.by]}"
    about = f"is the {calibration.event} right? {percent(calibration.accuracy)} of {size} are; {drawn}"
    columns = ("confidence", "counted ECE", "ECE", "Brier", "AURC", "AUROC")
    return Table("Confidence", about, columns, tuple(map(_row, calibration.rows)), kind="numbers ql-measures")


def _row(row: ConfidenceReport) -> Row:
    counted = Cell(MISSING if row.by_width is None else figure(row.by_width.error))
    return Row((Cell(row.label), counted, *map(_measure, (row.ece, row.brier, row.aurc, row.auroc))))


def _measure(one: Estimate | None) -> Cell:
    """A measure with its interval."""
    if one is None or math.isnan(one.value):
        return Cell(MISSING)
    small = interval(one.low, one.high, 3)
    return Cell(figure(one.value), small=f" {small}" if small else "")


def chosen(
    calibration: Calibration, names: Sequence[str] | None, events: Mapping[str, str]
) -> list[ConfidenceReport]:
    """The confidences of these names; without names those with an event here, judged by it.

    Raises `InputError` for too many, or for a name that there is not.
    """
    if names is None:
        return [row for row in calibration.rows if events.get(row.name) == row.event]
    if isinstance(names, str) or not 0 < len(names) <= len(_LINES):
        raise InputError(f"names has to be a list of up to {len(_LINES)} confidences, but is {shown(names)}.")
    return [calibration[name] for name in names]


def reliability_chart(
    calibration: Calibration, names: Sequence[str] | None = None, equal: Literal["width", "mass"] = "width"
) -> Chart:
    """How often the model was right where it was so sure."""
    lines = [Curve((0.0, 1.0), (0.0, 1.0), "", "soft", "dotted", thin=True)]
    dots, said = [], []
    shown = chosen(calibration, names, {"probability": calibration.event, "cluster": "place"})
    for row, (tone, dash) in zip(shown, _LINES, strict=False):
        bins = row.by_width if equal == "width" else row.by_mass
        if bins is None:
            raise InputError(
                f"{row.label} is no probability, so it has no reliability; it has a risk_coverage."
            )
        full = np.flatnonzero(bins.count > 0).tolist()
        x, y = (tuple(float(v[b]) for b in full) for v in (bins.confidence, bins.accuracy))
        error = f"{figure(bins.error)} counted"
        if equal == "width" and row.ece is not None:
            error = figure(row.ece.value)
        lines.append(Curve(x, y, f"{row.label}: ECE {error}", tone, dash))
        dots += [_dot(bins, b, tone) for b in full]
        said.append(f"{row.label}: expected calibration error {error}")
    right = " or ".join(dict.fromkeys(row.event for row in shown))
    return Chart(
        "Reliability",
        "how often it is right, by how sure it is",
        tuple(lines),
        Scaled(f"confidence · {count(calibration.count, 'question')}", 0.0, 1.0, _UNIT),
        Scaled(f"{right} right", 0.0, 1.0, _UNIT),
        f"Reliability. {'; '.join(said)}.",
        tuple(dots),
        height=190,
    )


def _dot(bins: Reliability, b: int, tone: str) -> Dot:
    confidence, accuracy, size = float(bins.confidence[b]), float(bins.accuracy[b]), int(bins.count[b])
    tip = f"{count(size, 'question')}, mean confidence {percent(confidence)}: {percent(accuracy)} right"
    return Dot(confidence, accuracy, tip, tone, hollow=size < THIN)


def risk_chart(calibration: Calibration, names: Sequence[str] | None = None) -> Chart:
    """What share is wrong when only the surest questions are covered."""
    shown = chosen(calibration, names, dict.fromkeys(("probability", "cluster"), calibration.event))
    coverage = shown[0].risk_coverage.coverage
    late = len(coverage) // 50
    highest = max(float(row.risk_coverage.risk[late:].max()) for row in shown)
    top = min(1.0, math.ceil(10 * max(0.05, highest)) / 10)
    x = [float(c) for c in coverage]
    lines, said = [], []
    for row, (tone, dash) in zip(shown, _LINES, strict=False):
        curve = row.risk_coverage
        y = [float(r) for r in np.minimum(curve.risk, top)]
        lines.append(Curve(*thinned(x, y), f"{row.label}: AURC {figure(curve.area)}", tone, dash))
        said.append(f"{row.label}: mean {figure(curve.area)}")
    least = [float(r) for r in np.minimum(np.maximum(0.0, 1 - shown[0].right.mean() / coverage), top)]
    best = f"best possible: AURC {figure(shown[0].risk_coverage.least)}"
    lines.append(Curve(*thinned(x, least), best, "soft", "dotted", thin=True))
    return Chart(
        "Risk and coverage",
        "share of mistakes among the surest questions",
        tuple(lines),
        Scaled(f"coverage, surest first · {count(calibration.count, 'question')}", 0.0, 1.0, _UNIT),
        Scaled(
            "share of mistakes",
            0.0,
            top,
            tuple((part * top, f"{part * top:.0%}") for part in (0.0, 0.5, 1.0)),
        ),
        f"Share of mistakes by coverage. {'; '.join(said)}.",
        height=190,
    )


def _answerability(calibration: Calibration) -> list[Sentence]:
    told = [
        f"{name} {one:.3f}" for name, one in calibration.answerability.items() if not math.isnan(one.value)
    ]
    if not told:
        return []
    said = f"chance that an unanswerable question scores higher (AUROC): {' · '.join(told)}"
    return [Sentence(said, "Is there an answer?", "note")]


def _caption(calibration: Calibration) -> str:
    said = (
        "ECE: mean distance between how sure and how often right, in bins of equal width; counted, and corrected for what "
        "few questions add to it. Brier: mean squared distance; both are better when small, and neither is told of margin "
        "and entropy, which are no probabilities. A cluster is judged by the decision and by its place alone. AURC: mean share of mistakes over all coverages, better when small; "
        "AUROC: the chance that a right question is surer than a wrong one, 0.5 is none. Hollow dots stand for fewer than "
        f"{THIN} questions."
    )
    if any(row.temperature is not None for row in calibration.rows):
        said += (
            " T: a temperature fitted on other questions than those it is judged on, unless one was given."
        )
    return said
