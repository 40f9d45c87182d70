"""What is shown of several models side by side: scores, ranks, behaviours, calibration, speed, and where they part."""

from __future__ import annotations

from qalens.behavior.model_comparison import ComparedModel, ModelComparison
from qalens.display.content.evaluation.behavior import rate_cell, said
from qalens.display.labels import clip
from qalens.display.numbers import count, figure, interval, signed
from qalens.display.parts import (
    Cell,
    Content,
    Heading,
    Interval,
    IntervalRow,
    Intervals,
    Quote,
    Row,
    Sentence,
    Table,
)
from qalens.display.wording import HOW_TO_READ
from qalens.evaluation.intervals import Estimate

_MOST_PARTING = 20
_DRAWN = {"question": "questions", "text": "texts", "title": "articles"}


def content(comparison: ModelComparison) -> Content:
    """Scores with intervals and ranks, differences, behaviours, and the questions on which the models part.

    >>> from qalens.behavior.comparing import compare_models
    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> report = report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)])
    >>> content(compare_models({"one": report, "other": report})).title
    '2 models'
    """
    first = [one for one in comparison.ranked if one.rank[0] == 1]
    ahead = first[0].name if len(first) == 1 else f"{count(len(first), 'model')} may be the first"
    heading = Heading(
        f"Which of {count(len(comparison), 'model')}, by {comparison.score}?",
        Quote(clip(ahead, 80)),
        notes=(count(comparison.questions, "question"),),
    )
    caption = (
        f"All intervals of a score hold at once at {comparison.level:.0%}, and so do the ranks: a model is above another only where "
        f"the interval of their difference leaves out 0, so that several may share ranks. What is resampled are "
        f"{_DRAWN[comparison.by]}. ECE is the expected calibration error of the probability of the decision, 0 at best."
    )
    parts = (
        heading,
        scores(comparison),
        figures(comparison),
        differences(comparison),
        *([behaviors(comparison)] if _examined(comparison) else []),
        *([parting(comparison)] if comparison.parting else []),
        Sentence(caption, HOW_TO_READ, "caption"),
    )
    return Content(count(len(comparison), "model"), parts)


def scores(comparison: ModelComparison) -> Intervals:
    """The score that ranks, with intervals that hold at once, and the ranks."""
    rows = tuple(
        IntervalRow(
            Quote(clip(one.name, 60)),
            "",
            (_estimate(one.scores[comparison.score]),),
            after=f" · rank {one.rank_text}",
        )
        for one in comparison.ranked
    )
    about = f"per cent, with {comparison.level:.0%} intervals that hold at once"
    return Intervals("Scores", about, (comparison.score,), rows, 0.0, 100.0)


def figures(comparison: ModelComparison) -> Table:
    """All scores of each model, its calibration and its speed."""
    names = tuple(comparison.models[0].scores)
    rows = tuple(
        Row(
            (
                Cell(Quote(clip(one.name, 60))),
                *(
                    Cell(figure(one.scores[name].value, 1), small=f" {_interval(one.scores[name])}")
                    for name in names
                ),
                Cell(figure(one.calibration_error)),
                Cell("–" if one.speed is None else figure(one.speed, 1)),
            )
        )
        for one in comparison.ranked
    )
    return Table("All figures", "per cent", ("model", *names, "ECE", "questions/s"), rows, aside=True)


def differences(comparison: ModelComparison) -> Intervals:
    """By how many points each model is ahead of each other one."""
    rows = tuple(
        IntervalRow(
            (Quote(clip(one.first, 40)), " − ", Quote(clip(one.second, 40))),
            "",
            (_change(one.change),),
            after="" if one.clear else " ≈ chance",
        )
        for one in comparison.differences
    )
    ends = [abs(x) for row in rows for x in (row.intervals[0].low, row.intervals[0].high) if x == x]
    reach = max([1.0, *ends])
    about = f"{comparison.score}, points"
    folded = "" if len(rows) <= 3 else f"Differences of {count(len(rows), 'pair')} of models"
    return Intervals("Differences", about, ("difference",), rows, -reach, reach, 0.0, folded=folded)


def behaviors(comparison: ModelComparison) -> Table:
    """The share of failures of each test (rows) and model (columns)."""
    examined = _examined(comparison)
    rates = [{one.name: one.failure_rate for one in model.behavior or ()} for model in examined]
    tests = dict.fromkeys(name for one in rates for name in one)
    rows = tuple(Row((Cell(name), *(rate_cell(one.get(name)) for one in rates))) for name in tests)
    names = tuple(clip(one.name, 40) for one in examined)
    about = "per cent of the cases that failed; small the 95 % interval"
    return Table("Behaviour", about, ("test", *names), rows)


def parting(comparison: ModelComparison) -> Table:
    """Questions that some models get right and others do not, with what each says."""
    names = tuple(clip(one.name, 40) for one in comparison.models)
    rows = tuple(
        Row(
            (
                Cell(Quote(clip(one.question, 160))),
                *(
                    Cell(said(answer), before="✓ " if right else "✗ ")
                    for answer, right in zip(one.answers, one.right, strict=True)
                ),
            )
        )
        for one in comparison.parting[:_MOST_PARTING]
    )
    total = len(comparison.parting)
    some = f", the first {_MOST_PARTING}" if total > _MOST_PARTING else ""
    return Table(
        "Where they part",
        "✓ an exact match, ✗ none",
        ("question", *names),
        rows,
        kind="mistakes",
        folded=f"Where they part: {count(total, 'question')}{some}",
    )


def _examined(comparison: ModelComparison) -> list[ComparedModel]:
    return [one for one in comparison.ranked if one.behavior is not None]


def _estimate(one: Estimate) -> Interval:
    return Interval(one.value, one.low, one.high, figure(one.value, 1), _interval(one))


def _interval(one: Estimate) -> str:
    return interval(one.low, one.high)


def _change(one: Estimate) -> Interval:
    small = f"[{signed(one.low, 1)}, {signed(one.high, 1)}]" if one.low == one.low else ""
    return Interval(one.value, one.low, one.high, signed(one.value, 1), small)
