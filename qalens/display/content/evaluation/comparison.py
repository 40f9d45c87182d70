"""What is shown of two evaluations of the same questions: how the figures moved, and which questions turned."""

from __future__ import annotations

import math

from qalens.display.content.evaluation.report import said_of
from qalens.display.labels import clip
from qalens.display.numbers import count, figure, probability, signed
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
from qalens.evaluation.columns import DRAWN
from qalens.evaluation.rows import OUTCOMES, ExampleRow
from qalens.evaluation.scores.comparison import Comparison, Difference

_MOST_TURNED = 10


def content(comparison: Comparison) -> Content:
    """How the figures moved, from which outcome to which, and the questions that turned.

    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.evaluation.scores.comparison import compare_rows
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> known = Example("Who kept it?", "Ada kept it.", id="1", gold=())
    >>> said = [planted_reading("Who kept it?", "Ada kept it.", answer=answer) for answer in ("Ada", None)]
    >>> content(compare_rows(*([example_row(known, reading)] for reading in said))).of(Heading)[0].said
    '1 became right, 0 wrong'
    """
    turned = f"{comparison.gained:,} became right, {comparison.lost:,} wrong"
    size = f"p = {probability(comparison.p)} · {count(len(comparison.pairs), 'question')}"
    caption = (
        "Both evaluations read the same questions. An interval that holds 0 (≈ chance) can come from the choice of "
        "questions alone. p asks how often a fair coin, thrown once for each of the "
        f"{DRAWN[comparison.by]} whose questions turned, would be so uneven."
    )
    parts = (
        Heading("Before and after", turned, "", "", (size,)),
        differences(comparison),
        outcome_table(comparison),
        *_turned("Became wrong", comparison.flips(True, False)),
        *_turned("Became right", comparison.flips(False, True)),
        Sentence(caption, HOW_TO_READ, "caption"),
    )
    return Content("Two evaluations", parts)


def differences(comparison: Comparison) -> Intervals:
    """By how many points each figure moved."""
    rows = tuple(map(_row, comparison.differences))
    ends = [abs(x) for row in rows for x in (row.intervals[0].low, row.intervals[0].high) if math.isfinite(x)]
    reach = max([1.0, *ends])
    alone = comparison.alone_before + comparison.alone_after
    note = (
        f"{count(alone, 'question')} stand in one of the two alone, or could not be scored." if alone else ""
    )
    about = f"per cent, changes in points; paired, over {DRAWN[comparison.by]}"
    columns = ("change", "before", "after")
    return Intervals("Figures", about, columns, rows, -reach, reach, 0.0, note)


def _row(one: Difference) -> IntervalRow:
    low, high = one.change.low, one.change.high
    small = "" if math.isnan(low) else f"[{signed(low)}, {signed(high)}]"
    change = Interval(one.change.value, low, high, signed(one.change.value), small)
    nan = math.nan
    ends = (Interval(nan, nan, nan, figure(value, 2), "") for value in (one.before, one.after))
    return IntervalRow(one.name, "", (change, *ends), after="" if low > 0 or high < 0 else " ≈ chance")


def outcome_table(comparison: Comparison) -> Table:
    """From each outcome (rows) to each (columns)."""
    counts = comparison.table()
    shown = [k for k in range(len(OUTCOMES)) if counts[k].any() or counts[:, k].any()]
    rows = tuple(
        Row((Cell(OUTCOMES[k]), *(Cell(f"{counts[k, j]:,}" if counts[k, j] else "·") for j in shown)))
        for k in shown
    )
    columns = ("before ↓ after →", *(OUTCOMES[k] for k in shown))
    about = "questions; on the diagonal those that stayed"
    return Table("From outcome to outcome", about, columns, rows, kind="flips")


def _turned(name: str, pairs: tuple[tuple[ExampleRow, ExampleRow], ...]) -> list[Table]:
    if not pairs:
        return []
    rows = tuple(
        Row((Cell(Quote(clip(before.question, 160))), Cell(said_of(before)), Cell(said_of(after))))
        for before, after in pairs[:_MOST_TURNED]
    )
    some = f", the first {_MOST_TURNED}" if len(pairs) > _MOST_TURNED else ""
    folded = f"{name}: {count(len(pairs), 'question')}{some}"
    return [Table(name, "", ("question", "before", "after"), rows, kind="mistakes", folded=folded)]
