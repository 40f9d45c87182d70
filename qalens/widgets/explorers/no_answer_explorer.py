"""The explorer of the no-answer decision: null scores against spans, and a threshold that can be moved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import MISSING, logit, percent
from qalens.display.parts import Cell, Quote, Row, Table
from qalens.display.wording import promise_sentence
from qalens.errors import InputError, shown
from qalens.evaluation.confidence.thresholds import ThresholdCurve, sweep
from qalens.evaluation.promises.risk import RiskControl
from qalens.evaluation.rows import ExampleRow, Readable, outcome_of, row_of
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import FailedReading, Reading, check_source
from qalens.records import finite
from qalens.spans.distribution import Answer, SpanDistribution
from qalens.spans.per_window import window_distributions
from qalens.text.examples import NO_ANSWER
from qalens.widgets.explorer import Explorer, check_reading, first_rows
from qalens.widgets.headline import head_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUESTION = 300  # columns of a question that are shown
_ANSWER = 120
_NAME = 40  # of the name of a document


class NoAnswerExplorer(Explorer):
    """Explore why a model answers or abstains, and move the threshold that decides.

    For one reading: the null score of every window against its best span, the null margin as a point on a line, and a
    threshold on the same line; moving it turns the decision at once. For several readings also exact match and F1 at
    every threshold, where their gold answers are known, and the questions that the last move turned.

    Parameters
    ----------
    readings : Reading, DocumentsReading or iterable of them
        What is decided. A reading of many documents counts as one; its windows name their documents. A `FailedReading` among
        several keeps its place and says its reason.
    threshold : float, optional
        Where to start, in logits; None takes the promised threshold of `control`, else the one that the (first) reading was
        decided at.
    control : RiskControl, optional
        What `report.risk_control()` gave: its threshold is marked on the line, and its promise is said below.
    **options
        The attributes below, which are traits: they can be observed, linked and set.

    Attributes
    ----------
    threshold : float
        No answer where the null margin is above it, in logits.
    selected : int or None
        The number of the reading whose windows are shown.
    layout : ipywidgets.Layout
        As with every ipywidget.

    Raises
    ------
    InputError
        Where there is no reading at all, for a threshold that is not finite, and for a number that no reading has.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> explorer = NoAnswerExplorer(planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada"))
    >>> explorer.answers[0].text
    'Ada'
    >>> explorer.threshold = -30.0
    >>> explorer.answers
    (None,)
    """

    script = "no_answer_explorer"
    height = 700

    threshold = traitlets.Float(0.0).tag(sync=True)
    selected = traitlets.Int(default_value=None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        readings: Readable | Iterable[Readable],
        *,
        threshold: float | None = None,
        control: RiskControl | None = None,
        **options: Any,
    ):
        self.readings, self.control = _several(readings), _checked(control)
        first = next(r for r in self.readings if isinstance(r, Reading))
        if threshold is None and control is not None:
            check_source(first, control.source, "threshold")
            threshold = control.threshold
        if threshold is None:
            threshold = first.decision.threshold if math.isfinite(first.decision.threshold) else 0.0
        options = {"selected": self.readings.index(first), **options}
        super().__init__({"view": no_answer_view(self.readings, control)}, threshold=threshold, **options)

    @property
    def answers(self) -> tuple[Answer | None, ...]:
        """The answer of each reading at the present threshold, None where it abstains or could not be read."""
        decided = (r.with_threshold(self.threshold) if isinstance(r, Reading) else r for r in self.readings)
        return tuple(reading.answer for reading in decided)

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Mapping[str, Any]) -> float:
        if not math.isfinite(proposal["value"]):
            raise InputError(
                f"The threshold has to be a finite number of logits to be shown, but is {proposal['value']}."
            )
        return proposal["value"]

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Mapping[str, Any]) -> int | None:
        k = proposal["value"]
        if k is not None and not 0 <= k < len(self.readings):
            raise InputError(f"selected is {k}, but the readings are numbered 0 to {len(self.readings) - 1}.")
        return k

    def summary(self) -> str:
        """How many readings, or the question of the only one."""
        first = self.readings[0]
        if len(self.readings) == 1 and isinstance(first, Reading):
            return f"{clip(first.question, 120)} — answer or no answer"
        return f"Answer or no answer: {len(self.readings):,} questions"

    def table(self) -> Table:
        """Each question with its margin and what is said at the threshold."""
        columns = ("question", f"at threshold {logit(self.threshold)}", "margin", "P(no answer)")
        rows = tuple(self._told(*one) for one in zip(self.view["readings"], self.answers, strict=True))
        return first_rows(columns, rows)

    def _told(self, shown: Mapping[str, Any], answer: Answer | None) -> Row:
        if "error" in shown:
            said = (shown["error"], MISSING, MISSING)
        else:
            margin = MISSING if shown["margin"] is None else logit(shown["margin"])
            said = (NO_ANSWER if answer is None else Quote(shown["best"]), margin, percent(shown["none"]))
        return Row(tuple(map(Cell, (Quote(shown["question"]), *said))))

    def figure(self) -> Figure:
        """The decision of the only reading, or the figures by threshold, as a figure of matplotlib."""
        from qalens.display import plots
        from qalens.display.plots import evaluation as evaluation_plots
        from qalens.display.plots.axes import new_figure

        figure = new_figure(7.2, 3.4)
        ax = figure.subplots()
        curve = _curve(self._rows())
        if len(self.readings) > 1 and curve is not None:
            evaluation_plots.thresholds(curve, self.control, ax=ax)
            return figure
        seen = self.readings[self.selected if self.selected is not None else 0]
        if isinstance(seen, Reading):
            plots.no_answer(seen.with_threshold(self.threshold), self.control, ax=ax)
        return figure

    def _reading_in_words(self) -> Reading | None:
        only = self.readings[0]
        if len(self.readings) > 1 or not isinstance(only, Reading):
            return None
        return only.with_threshold(self.threshold)

    def _rows(self) -> list[ExampleRow]:
        return [row_of(reading) for reading in self.readings]


def no_answer_view(
    readings: Sequence[Reading | FailedReading], control: RiskControl | None = None
) -> dict[str, Any]:
    """What the explorer shows of some readings, as JSON.

    - `readings`: for each its question, best span, null score, margin (None: no threshold brings an answer), P(∅), gold
      answers, how good its best span is (0 to 1), and its windows
    - `curve`: the figures by threshold, or None where no gold answers are known
    - `heads`: of a single reading the head where it abstains, and where it answers
    - `promise`: the promised threshold (None: none can be promised) and the promise in words, or None

    >>> from qalens.testing import planted_reading
    >>> view = no_answer_view([planted_reading("Who kept it?", "Ada kept it.", answer="Ada")])
    >>> view["readings"][0]["best"], view["curve"]
    ('Ada', None)
    """
    rows = [row_of(reading) for reading in readings]
    curve = _curve(rows)
    return {
        "readings": [_shown(reading, row) for reading, row in zip(readings, rows, strict=True)],
        "curve": None if curve is None else _curve_view(curve),
        "heads": _heads(readings[0]) if len(readings) == 1 else None,
        "promise": None
        if control is None
        else {"threshold": control.threshold, "said": promise_sentence(control)},
    }


def _checked(control: Any) -> RiskControl | None:
    if control is not None and not isinstance(control, RiskControl):
        raise InputError(
            f"control has to be a RiskControl, as report.risk_control() gives it, or None, but is {shown(control)}."
        )
    return control


def _heads(reading: Reading | FailedReading) -> list[dict[str, Any]]:
    """What the head says of a reading where it abstains, and where it answers."""
    decided = [reading.with_threshold(t) for t in (-math.inf, math.inf) if isinstance(reading, Reading)]
    return [head_view(one) for one in decided]


def _several(readings: Any) -> tuple[Reading | FailedReading, ...]:
    if isinstance(readings, Readable):
        return (check_reading(readings, "NoAnswerExplorer"),)
    if not isinstance(readings, Iterable) or isinstance(readings, str):
        check_reading(readings, "NoAnswerExplorer")
    found = tuple(
        reading if isinstance(reading, FailedReading) else check_reading(reading, "NoAnswerExplorer")
        for reading in readings
    )
    if not any(isinstance(reading, Reading) for reading in found):
        raise InputError(
            f"NoAnswerExplorer needs a reading, but of the {len(found)} given none could be made."
            if found
            else "NoAnswerExplorer needs at least one reading, but got none."
        )
    return found


def _curve(rows: Sequence[ExampleRow]) -> ThresholdCurve | None:
    return sweep(rows) if any(row.best_f1 is not None for row in rows) else None


def _shown(reading: Reading | FailedReading, row: ExampleRow) -> dict[str, Any]:
    if isinstance(reading, FailedReading):
        return {"question": clip(row.question, _QUESTION), "error": clip(str(reading.error), _QUESTION)}
    golds = None if row.golds is None else [clip_middle(t, _ANSWER) for t in dict.fromkeys(row.gold_texts)]
    return {
        "question": clip(row.question, _QUESTION),
        "best": None if row.best is None else clip_middle(row.best.text, _ANSWER),
        "score": row.score,
        "null": finite(reading.spans.null_score),
        "margin": finite(reading.margin),
        "p": row.probability,
        "none": reading.no_answer_probability,
        "golds": golds,
        "f1": row.best_f1,
        # Where it answers.
        "outcome": outcome_of(row.golds, row.best, row.best_exact),
        "rule": reading.null,
        "windows": _windows(reading),
    }


def _windows(reading: Reading) -> list[dict[str, Any]]:
    """For each window what it says alone, and the characters of its text, or of its document, that it holds."""
    alone: tuple[SpanDistribution, ...] = (reading.spans,)
    if len(reading.windows) > 1:
        alone = window_distributions(reading.logits, max_answer_length=reading.max_answer_length)
    shown = []
    for w, spans in enumerate(alone):
        inside = reading.windows.answerable[w]
        held = reading.windows.offsets[w][inside]
        document = None
        if isinstance(reading, JoinedReading) and len(held):
            d = reading.document_at(int(held[0, 0]))
            document, held = clip(reading.name_of(d), _NAME), held - reading.places[d].start
        best = spans.top(1)
        shown.append(
            {
                "null": finite(float(reading.spans.null_scores[w])),
                "score": finite(best[0].score) if best else None,
                "best": clip_middle(best[0].text, _ANSWER) if best else None,
                "none": spans.null_probability,
                "held": [int(held[0, 0]), int(held[-1, 1])] if len(held) else None,
                "document": document,
            }
        )
    return shown


def _curve_view(curve: ThresholdCurve) -> dict[str, Any]:
    def rounded(values: Any) -> list[float | None]:
        return [None if math.isnan(x) else round(float(x), 4) for x in values]

    best = curve.best()
    return {
        # The first level, where nothing is answered, has no lowest threshold.
        "threshold": [None, *curve.threshold[1:].tolist()],
        "exact": rounded(curve.exact),
        "f1": rounded(curve.f1),
        "has_answer_f1": rounded(curve.has_answer_f1),
        "no_answer": rounded(curve.no_answer_exact),
        "answered": curve.answered.tolist(),
        "best": {"threshold": finite(best.threshold), "f1": round(best.f1, 4)},
    }
