"""What is shown of a whole evaluation: figures, outcomes, thresholds, confidence, kinds of questions, the surest mistakes."""

from __future__ import annotations

import contextlib
import math

from qalens.display.content.evaluation import promises
from qalens.display.content.evaluation.confidence import sections, threshold_chart
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import MISSING, count, figure, interval, probability
from qalens.display.parts import (
    Bar,
    Bars,
    Cell,
    Content,
    Heading,
    Interval,
    IntervalRow,
    Intervals,
    Line,
    Quote,
    Row,
    Sentence,
    Table,
)
from qalens.display.wording import HOW_TO_READ
from qalens.errors import InputError
from qalens.evaluation.columns import DRAWN
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow, Outcome
from qalens.evaluation.scores.figures import Figures, SliceBy, Slices
from qalens.text.examples import NO_ANSWER

_MOST_ERRORS, _MOST_MISTAKES, _MOST_SLICES = 20, 10, 50
_LEAST_TEXTS = 2  # to find a cut on some and count on others
_PROPERTIES: tuple[SliceBy, ...] = (
    "question word",
    "answer type",
    "answer length",
    "text length",
    "windows",
    "cause",
    "title",
)
# Right and wrong have their own colours; striped bars abstained.
OUTCOMES: dict[Outcome, tuple[str, bool, str, str]] = {
    "right span": ("right", False, "answered, exact match", "answerable"),
    "wrong edges": ("wrong", False, "answered, overlaps a gold answer", "answerable"),
    "wrong span": ("wrong", False, "answered, somewhere else", "answerable"),
    "false no-answer": ("wrong", True, "abstained although there is an answer", "answerable"),
    "right no-answer": ("right", True, "abstained, and there is none", "unanswerable"),
    "false answer": ("wrong", False, "answered although there is none", "unanswerable"),
}


def content(report: Report) -> Content:
    """Everything of a report, as far as it has gold answers.

    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> content(report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)])).title
    'Evaluation of no model'
    """
    parts: list[object] = [_heading(report)]
    if report.scores.total > 0:
        parts += [figures(report.figures()), outcomes(report)]
        if any(not row.failed and row.exact is not None for row in report.rows):
            curve = report.thresholds()
            parts += [threshold_chart(curve)] if len(curve) > 1 else []
            parts += [*_confidence(report), *_promises(report)]
        parts += [*_slices(report), *_mistakes(report)]
    return Content(f"Evaluation of {_model(report)}", (*parts, *_errors(report), _caption(report)))


def _heading(report: Report) -> Heading:
    asked = ("Evaluation of ", Quote(clip(_model(report), 200)))
    size, scores = count(len(report), "question"), report.scores
    if not scores.total:
        return Heading(asked, "nothing scored", "", "", (size,))
    return Heading(asked, f"exact {figure(scores.exact, 2)}", f"F1 {figure(scores.f1, 2)}", "ink", (size,))


def _model(report: Report) -> str:
    return "no model" if report.source is None else report.source.name


# --- figures ------------------------------------------------------------------------------------------------------------


def figures(found: Figures) -> Intervals:
    """Exact match and F1 of all questions, and of answerable and unanswerable ones."""
    rows = [
        IntervalRow(name, f"{exact.count:,}", (estimate(exact), estimate(overlap)))
        for name, exact, overlap in (
            ("all", found.exact, found.f1),
            ("answerable", found.has_answer_exact, found.has_answer_f1),
            ("unanswerable", found.no_answer_exact, found.no_answer_exact),
        )
        if exact.count
    ]
    abstained = estimate(found.abstained)
    note = f"Abstained on {f'{abstained.text} {abstained.small}'.strip()} per cent of the questions."
    if found.failed:
        note += f" {count(found.failed, 'text')} could not be read and count as no answer."
    if found.unscored:
        note += f" {count(found.unscored, 'question')} could not be scored and count nowhere."
    about = f"per cent, with {found.level:.0%} intervals over {found.groups:,} {DRAWN[found.by]}"
    return Intervals("Figures", about, ("exact match", "F1"), tuple(rows), 0.0, 100.0, note=note)


def estimate(one: Estimate) -> Interval:
    """A figure with its interval."""
    return Interval(one.value, one.low, one.high, figure(one.value, 2), interval(one.low, one.high))


def outcomes(report: Report) -> Bars:
    """How many questions had which outcome, those with an answer above those without."""
    counted, rows = report.outcomes, list[Bar]()
    for kind in ("answerable", "unanswerable"):
        names: list[Outcome] = [name for name, about in OUTCOMES.items() if about[3] == kind]
        total = sum(counted[name] for name in names)
        for k, name in enumerate(names if total else []):
            tone, striped, tip, _ = OUTCOMES[name]
            part = counted[name] / total
            apart = None if k else count(total, f"{kind} question")
            rows.append(Bar(name, part, f"{counted[name]:,} · {part:.1%}", tone, striped, apart, tip))
    return Bars("Outcomes", "dark right, red wrong; striped abstained", tuple(rows), 0.0, 1.0)


def _confidence(report: Report) -> list[object]:
    try:
        # Fitting a temperature needs groups to fold; a small set is shown without one.
        found = report.calibration()
    except InputError:
        found = report.calibration(temperature=None)
    return sections(found)


def _promises(report: Report) -> list[object]:
    """How large sets have to be for each coverage, and the risk at each threshold, where there are texts to leave out."""
    known = [row for row in report.rows if row.exact is not None and row.true_place is not None]
    texts = len({row.text_id for row in known})
    if texts < _LEAST_TEXTS:
        return []
    curve = report.set_curve(folds=min(5, texts))
    charts = [promises.set_curve_chart(curve)]
    with contextlib.suppress(InputError):  # where no threshold turns a decision
        charts.append(promises.risk_chart(report.risk_curve(), report.risk_control()))
    return [tuple(charts), promises.set_curve_table(curve)]


def _slices(report: Report) -> list[Intervals]:
    found = [report.slices(name, most=_MOST_SLICES) for name in _PROPERTIES]
    shown = [one for one in found if len(one) > 1]
    return [slice_intervals(one, folded=k > 0) for k, one in enumerate(shown)]


def slices(found: Slices) -> Content:
    """Questions of each kind as a content of its own."""
    return Content(f"By {found.by}", (slice_intervals(found, folded=False),))


def slice_intervals(found: Slices, *, folded: bool) -> Intervals:
    """Exact match, F1 and abstention of questions of each kind, and of all."""
    rows = tuple(
        IntervalRow(
            Quote(clip(one.name, 60)),
            f"{one.count:,}",
            (estimate(one.exact), estimate(one.f1), estimate(one.abstained)),
            "whole" if one is found.whole else "",
            " *" if one in found.marked else "",
        )
        for one in (*found.slices, found.whole)
    )
    drawn = f"{found.level:.0%} intervals over {DRAWN[found.drawn]}"
    about = f"by {found.by}, per cent with {drawn}; * F1 differs from that of the others, after Benjamini and Hochberg"
    columns = ("exact match", "F1", "abstained")
    hidden = f"By {found.by}" if folded else ""
    return Intervals("Kinds of questions", about, columns, rows, 0.0, 100.0, folded=hidden, aside=True)


# --- mistakes and errors ------------------------------------------------------------------------------------------------


def _mistakes(report: Report) -> list[Table]:
    """The wrong decisions that the model was surest of."""
    wrong = [row for row in report.rows if row.exact == 0 and not row.failed]
    surest = sorted(wrong, key=lambda row: -_sure(row))[:_MOST_MISTAKES]
    if not surest:
        return []
    about = f"of {count(len(wrong), 'wrong decision')}, those with the highest probability"
    columns = ("question", "gold", "said", "P")
    return [
        Table("Surest mistakes", about, columns, tuple(map(_mistake, surest)), kind="mistakes", aside=True)
    ]


def _mistake(row: ExampleRow) -> Row:
    others = len(set(row.gold_texts)) - 1
    gold: Line = Quote(clip_middle(row.gold_texts[0], 60)) if row.golds else NO_ANSWER
    more = f" (and {others:,} more)" if others > 0 else ""
    cells = (Cell(Quote(clip(row.question, 160))), Cell(gold, small=more), Cell(said_of(row)))
    return Row((*cells, Cell(probability(_sure(row)))))


def said_of(row: ExampleRow) -> Line:
    """What was said to a question."""
    return NO_ANSWER if row.answer is None else Quote(clip_middle(row.answer.text, 60))


def _sure(row: ExampleRow) -> float:
    said = row.no_answer_probability if row.answer is None else row.probability
    return 0.0 if said is None or math.isnan(said) else said


def _errors(report: Report) -> list[Table]:
    errors = report.errors
    if not errors:
        return []
    rows = [
        Row(
            (
                Cell(Quote(clip(row.id or row.question or "a question", 60))),
                Cell(Quote(clip(row.error or MISSING, 200))),
            )
        )
        for row in errors[:_MOST_ERRORS]
    ]
    more = len(errors) - len(rows)
    note = f"and {more:,} more" if more else ""
    folded = f"{count(len(errors), 'question')} with an error"
    return [Table("Errors", "", ("question", "error"), tuple(rows), kind="given", note=note, folded=folded)]


def _caption(report: Report) -> Sentence:
    options = ", ".join(f"{name} {value}" for name, value in report.options.items())
    said = (
        "Exact match and F1 compare words without case, punctuation and articles, as SQuAD does; of several gold answers "
        "the nearest counts. A bar runs from 0 to 100: the mark is the figure, the band its interval. ECE: distance "
        "between how sure and how often right; AURC: mean share of mistakes over all coverages; AUROC: the chance that a "
        "right question is surer than a wrong one."
    )
    return Sentence(f"{said} Read with {options}." if options else said, HOW_TO_READ, "caption")
