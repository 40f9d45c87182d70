"""What is shown of promises: the places of a set, how large sets are for each coverage, a threshold that keeps a risk, and the
risk at every other one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qalens.display.content.evaluation.confidence import logit_ticks, thinned
from qalens.display.content.heading import heading
from qalens.display.content.reading import IN_ANSWER, no_answer, text
from qalens.display.content.span_groups import groups, rival
from qalens.display.folds import MarkedSpan, passage_runs
from qalens.display.labels import clip
from qalens.display.numbers import count, figure, interval, logit, percent, share
from qalens.display.parts import (
    Cell,
    Chart,
    Content,
    Curve,
    Dash,
    Dot,
    Heading,
    Key,
    Quote,
    Row,
    Scaled,
    Segment,
    Sentence,
    ShadedText,
    Table,
)
from qalens.display.wording import promise_sentence, set_sentence
from qalens.evaluation.columns import DRAWN
from qalens.evaluation.promises.curve import SetCurve
from qalens.evaluation.promises.risk import ControlledDecision, RiskControl, RiskCurve
from qalens.evaluation.promises.sets import PredictionSet
from qalens.text.examples import NO_ANSWER, CharSpan

_TEXT = 80
_MOST_PLACES = 30  # of a set; where nothing can be promised every place of a text is in it
_UNIT = tuple((at, f"{at:.0%}") for at in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0))


def prediction_set(found: PredictionSet) -> Content:
    """The places of a set, numbered in the text and in a table with their probabilities.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> shown = prediction_set(PredictionSet(reading.spans.clusters(1), (0.99,), 0.9, 0.2, reading))
    >>> [(run.text, run.number) for run in shown.of(ShadedText)[0].runs]
    [('Ada', 1), (' kept it.', None)]
    """
    heading = Heading(
        Quote(clip(found.reading.question, 1_000)),
        count(len(found), "place"),
        percent(found.coverage),
        notes=("promised that the right one is among them",),
    )
    parts = (heading, _places_in_text(found), _places(found), Sentence(set_sentence(found)))
    return Content("Prediction set", parts)


def _places_in_text(found: PredictionSet) -> ShadedText:
    marks = [MarkedSpan(span, "best", k) for span, k in numbered(found).items()]
    keys = (Key("best span of a place", "best"),) if marks else ()
    return ShadedText("", "", passage_runs(found.reading, (), marks), IN_ANSWER, keys)


def numbered(found: PredictionSet) -> dict[CharSpan, int]:
    """The best span of each place of a set with its number, no answer counted; of very many the first thirty.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> numbered(PredictionSet((None, *reading.spans.clusters(1)), (0.6, 0.3), 0.9, 0.2, reading))
    {CharSpan(start=0, end=3): 2}
    """
    shown = enumerate(found.places[:_MOST_PLACES], 1)
    return {place.best.span: k for k, place in shown if place is not None}


def _places(found: PredictionSet) -> Table:
    rows = [
        Row(
            (
                Cell(NO_ANSWER if place is None else Quote(clip(place.best.text, _TEXT)), before=f"{k}: "),
                Cell(
                    percent(p),
                    bar=(Segment(0.0, 100 * p, "none" if place is None else "answer"),),
                    tip=percent(p),
                ),
            )
        )
        for k, (place, p) in enumerate(
            zip(found.places[:_MOST_PLACES], found.probabilities[:_MOST_PLACES], strict=True), 1
        )
    ]
    about = "most probable first; no answer is one of them"
    hidden = len(found) - len(rows)
    note = f"and {count(hidden, 'place')} more" if hidden else ""
    return Table("Places", about, ("place", "probability"), tuple(rows), note=note)


def set_curve(curve: SetCurve) -> Content:
    """Coverage and size of sets at each stated coverage."""
    return Content("Prediction sets", (set_curve_chart(curve), set_curve_table(curve)))


def set_curve_table(curve: SetCurve) -> Table:
    """The sets of each stated coverage: how often they held the right place, and how large they are."""
    rows = tuple(
        Row(
            (
                Cell(percent(level)),
                Cell(f"{covered.value:.1f} {interval(covered.low, covered.high)}"),
                Cell(figure(size, 2)),
                Cell(percent(alone)),
            )
        )
        for level, covered, size, alone in zip(
            curve.levels, curve.covered, curve.sizes, curve.alone, strict=True
        )
    )
    about = f"cross-fitted in {curve.folds} folds, intervals over {DRAWN[curve.by]}"
    return Table("Prediction sets", about, ("promised", "covered %", "places", "one place"), rows)


def set_curve_chart(curve: SetCurve) -> Chart:
    """The mean number of places in a set by the coverage that is promised."""
    top = max(2.0, math.ceil(max(curve.sizes)))
    said = (
        f"Sets that hold the right place in {percent(curve.levels[-1])} of cases have {figure(curve.sizes[-1], 2)} places on average, "
        f"those for {percent(curve.levels[0])} have {figure(curve.sizes[0], 2)}."
    )
    dots = tuple(
        Dot(level, size, f"{percent(level)} promised, {figure(covered.value, 1)}% covered", "answer")
        for level, covered, size in zip(curve.levels, curve.covered, curve.sizes, strict=True)
    )
    return Chart(
        "Size of prediction sets",
        f"{count(curve.questions, 'question')}, cross-fitted",
        (Curve(curve.levels, curve.sizes, "", "answer"),),
        Scaled("promised coverage", min(0.5, *curve.levels), 1.0, _UNIT),
        Scaled("places", 0.0, top, tuple((float(k), str(k)) for k in range(int(top) + 1))),
        said,
        dots,
    )


def risk_control(found: RiskControl) -> Content:
    """The threshold that keeps a risk, or why none can be promised."""
    said = "none can be promised" if found.threshold is None else f"threshold {logit(found.threshold)}"
    asked = f"At most {percent(found.risk)} of what is answered is wrong"
    notes = (f"with {percent(found.confidence)} certainty",)
    seen = (
        found.reason
        or f"{found.wrong:,} of {found.answered:,} answered questions were wrong, of {count(found.questions, 'question')}."
    )
    return Content("Risk control", (Heading(asked, said, notes=notes), Sentence(seen)))


def controlled_decision(decided: ControlledDecision) -> Content:
    """A reading that is decided at a promised threshold, with what is promised.

    >>> from qalens.testing import planted_reading
    >>> control = RiskControl(-1.5, 0.1, 0.9, answered=50, wrong=1, questions=80, by="question")
    >>> shown = controlled_decision(control.decide(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")))
    >>> shown.of(Heading)[0].said, shown.of(Sentence)[0].lead
    ('Ada', 'Promised.')
    """
    reading, control = decided.reading, decided.control
    found = groups(reading.spans)
    lead = "Nothing is promised." if control.threshold is None else "Promised."
    parts = (
        heading(reading),
        text(reading, found, rival(reading, found)),
        Sentence(promise_sentence(control), lead),
        *no_answer(reading),
    )
    return Content(clip(reading.question, 120), parts)


def risk_curve(curve: RiskCurve) -> Content:
    """How often answers are wrong at each threshold."""
    return Content("Risk by threshold", (risk_chart(curve),))


def risk_chart(curve: RiskCurve, control: RiskControl | None = None) -> Chart:
    """How often answers are wrong at each threshold, between its bounds; the promised threshold is an upright line."""
    shown = _worth_drawing(curve)
    x = [float(t) for t in curve.threshold[shown]]
    certain = share(curve.confidence)
    kinds: tuple[tuple[NDArray[np.float64], str, str, Dash, bool], ...] = (
        (curve.risk, "answered wrongly", "wrong", "solid", False),
        (curve.high, f"at most, {certain} certain", "wrong", "dashed", True),
        (curve.low, f"at least, {certain} certain", "soft", "dotted", True),
    )
    lines = tuple(
        Curve(*thinned(x, [float(r) for r in values[shown]]), name, tone, dash, thin, step=True)
        for values, name, tone, dash, thin in kinds
    )
    promised = () if control is None or control.threshold is None else (control.threshold,)
    low, high = min((x[0], *promised)) - 0.25, max((x[-1], *promised)) + 0.25
    top = math.ceil(10 * min(1.0, max(0.1, float(curve.high[shown].max())))) / 10
    last = int(shown[-1])
    said = (
        f"Of the {count(int(curve.answered[last]), 'question')} that are answered at {logit(x[-1])} {percent(float(curve.risk[last]))} "
        f"are wrong, of the {count(int(curve.answered[shown[0]]), 'question')} at {logit(x[0])} {percent(float(curve.risk[shown[0]]))}."
    )
    return Chart(
        "Risk by threshold",
        "share of answered questions that are wrong; bounds for any one threshold",
        lines,
        Scaled(
            f"no-answer threshold, logits · {count(curve.questions, 'question')}",
            low,
            high,
            logit_ticks(low, high),
        ),
        Scaled("wrong", 0.0, top, tuple((part * top, f"{part * top:.0%}") for part in (0.0, 0.5, 1.0))),
        said,
        levels=promised,
        note="" if control is None else promise_sentence(control),
    )


def _worth_drawing(curve: RiskCurve) -> NDArray[np.int64]:
    """The thresholds between which 96 % of the questions change; a share of two questions is none."""
    most = int(curve.answered[-1])
    inside = (curve.answered >= 0.02 * most) & (curve.answered <= max(0.98 * most, curve.answered[0]))
    return np.flatnonzero(inside)
