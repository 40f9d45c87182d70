"""What is shown of how faithful an attribution is: what masking the words that it names does, against chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalens.display.labels import clip
from qalens.display.numbers import MISSING, count, figure, logit, share, signed
from qalens.display.parts import (
    Cell,
    Chart,
    Content,
    Curve,
    Dash,
    Dot,
    Heading,
    Interval,
    IntervalRow,
    Intervals,
    Quote,
    Row,
    Scaled,
    Sentence,
    Table,
)
from qalens.display.wording import HOW_TO_READ, method_name, quotations

if TYPE_CHECKING:
    from qalens.explain.faithfulness.masking_test import Faithfulness, Score
    from qalens.explain.faithfulness.method_comparison import FaithfulnessTable, Mean, MethodRow

_MOST_FAILED = 20


def content(tested: Faithfulness) -> Content:
    """One attribution under test: the curves of deletion and insertion, and both measures against random orders.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> attribution = reader.attribute(reading, "no_answer", "input_x_gradient")
    >>> len(content(reader.faithfulness(reading, attribution)).of(Table)[0].rows)
    2
    """
    asked = ("Do these words matter to the ", *quotations(clip(tested.target.words, 300)), "?")
    how = f"{method_name(tested.method)} · {count(tested.words, 'word')} could be masked"
    caption = (
        "Words are masked in place, those with the highest values first. If the values name what matters, the target falls "
        "as soon as a few are masked (comprehensiveness, the solid curve) and is there again as soon as a few are put back "
        "(sufficiency, the dashed curve). z counts standard deviations better than random orders, with the error that "
        "comes from their number; p is the share of them that do as well; normalised is 0 for the worst and 1 for the best "
        "order that was found. The span that is explained is never masked."
    )
    parts = (
        Heading(asked, logit(tested.value), "", "", ("logits",), (how,)),
        curves(tested),
        scores(tested),
        *(Sentence(line, kind="note") for line in _by_share(tested)),
        Sentence(caption, HOW_TO_READ, "caption"),
    )
    return Content(clip(tested.target.words, 120), parts)


def curves(tested: Faithfulness) -> Chart:
    """The target while words are masked, and while they are put back, those with the highest values first."""
    values = np.concatenate([tested.deletion, tested.insertion, [tested.value]])
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    named: tuple[tuple[str, NDArray[np.float64], float, str, str, Dash], ...] = (
        (
            "masked, highest values first",
            tested.deletion,
            tested.deletion_area,
            "less is better",
            "less",
            "solid",
        ),
        (
            "put back, highest values first",
            tested.insertion,
            tested.insertion_area,
            "more is better",
            "more",
            "dashed",
        ),
    )
    lines = [Curve((0.0, 1.0), (tested.value, tested.value), "whole text", "soft", "dotted", thin=True)]
    dots, said = [], []
    steps = [float(s) for s in tested.steps]
    for name, at, area, better, tone, dash in named:
        y = [float(v) for v in at]
        lines.append(Curve(tuple(steps), tuple(y), f"{name}: area {signed(area)}, {better}", tone, dash))
        dots += [
            Dot(s, v, f"{share(s)} of the words: {logit(v)}", tone) for s, v in zip(steps, y, strict=True)
        ]
        said.append(f"{name}: from {logit(y[0])} to {logit(y[-1])}, area {signed(area)}.")
    ticks = tuple((at, f"{at:.0%}") for at in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Chart(
        "Words masked or put back",
        "the target, in logits",
        tuple(lines),
        Scaled(f"share of {count(tested.words, 'word')} masked or put back", 0.0, 1.0, ticks),
        Scaled("target, logits", low, high, ((low, logit(low)), (high, logit(high)))),
        " ".join(said),
        tuple(dots),
    )


def scores(tested: Faithfulness) -> Table:
    """Comprehensiveness and sufficiency beside those of random orders."""
    rows = (
        _score_row("comprehensiveness, more is better", tested.comprehensive),
        _score_row("sufficiency, less is better", tested.sufficient),
    )
    about = "change of the target in logits, mean over shares"
    return Table("Against chance", about, ("", "value", "random orders", "z", "normalised"), rows)


def _score_row(name: str, score: Score) -> Row:
    cells = (
        signed(score.value),
        f"{signed(score.random_mean)} ± {score.random_sd:.2f}",
        _with_chance(score),
        figure(score.normalised, 2),
    )
    return Row((Cell(name), *map(Cell, cells)))


def _with_chance(score: Score) -> str:
    """z with its standard error, and the p of the ranks."""
    if math.isnan(score.z):
        return MISSING
    return f"{in_deviations(score.z)} ± {score.z_error:.1f}, p {figure(score.p)}"


def _by_share(tested: Faithfulness) -> list[str]:
    named = (("Comprehensiveness", tested.comprehensiveness), ("Sufficiency", tested.sufficiency))
    lines = []
    for name, values in named:
        pairs = zip(tested.shares, values, strict=True)
        told = ", ".join(f"{signed(float(v))} at {share(float(s))}" for s, v in pairs)
        lines.append(f"{name} {told} of the words.")
    return lines


def in_logits(x: float) -> str:
    """A change in logits."""
    return MISSING if math.isnan(x) else signed(x)


def in_deviations(x: float) -> str:
    """A number of standard deviations."""
    return MISSING if math.isnan(x) else signed(x, 1)


# --- several methods ----------------------------------------------------------------------------------------------------


def table(table: FaithfulnessTable) -> Content:
    """Methods by their faithfulness on the same readings, with 95 % intervals, and those that do not beat chance named.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp.")])
    >>> table(reader.rank_methods(readings, methods=("input_x_gradient",))).of(Intervals)[0].rows[0].name
    'input × gradient'
    """
    size = count(table.readings, "reading")
    heading = Heading(
        "Methods of attribution by faithfulness", method_name(table.rows[0].method), "", "", (f"of {size}",)
    )
    parts = [heading, against_random(table), _measures(table), *_failed(table)]
    return Content("Methods by faithfulness", tuple(parts))


def against_random(table: FaithfulnessTable) -> Intervals:
    """How many standard deviations each method does better than random orders of the words."""
    rows = tuple(
        IntervalRow(
            method_name(row.method),
            "",
            tuple(_interval(m, in_deviations) for m in (row.comprehensiveness_z, row.sufficiency_z)),
            after="" if row.beats_random else " ≈ chance",
        )
        for row in table.rows
    )
    ends = [
        x for row in rows for one in row.intervals for x in (one.low, one.high, one.value) if math.isfinite(x)
    ]
    note = (
        "In brackets 95 % intervals of the mean over the readings. More is better for both; ≈ chance: comprehensiveness "
        "is not shown to be above that of random orders (sign test over the readings)."
    )
    return Intervals(
        "Better than random orders",
        f"standard deviations, means over {count(table.readings, 'reading')}",
        ("comprehensiveness", "sufficiency"),
        rows,
        min([-1.0, *ends]),
        max([1.0, *ends]),
        0.0,
        note,
    )


def _interval(mean: Mean, said: Callable[[float], str], brackets: bool = True) -> Interval:
    small = f"[{said(mean.low)}, {said(mean.high)}]" if brackets and not math.isnan(mean.low) else ""
    return Interval(mean.value, mean.low, mean.high, said(mean.value), small)


def _measures(table: FaithfulnessTable) -> Table:
    """The other measures, each with its interval."""
    names = (
        "method",
        "comprehensiveness",
        "norm.",
        "sufficiency",
        "norm.",
        "deletion area",
        "insertion area",
    )
    note = (
        "Comprehensiveness, sufficiency and areas: change of the target, in logits; norm.: 0 for the worst and 1 for the "
        "best order found; the area of deletion should be low and that of insertion high."
    )
    rows = tuple(Row((Cell(method_name(row.method)), *_cells(row))) for row in table.rows)
    return Table("In logits", "", names, rows, kind="numbers ql-wrapped", note=note, aside=True)


def _cells(row: MethodRow) -> list[Cell]:
    def normalised(x: float) -> str:
        return figure(x, 2)

    means = (
        (row.comprehensiveness, in_logits),
        (row.comprehensiveness_normalised, normalised),
        (row.sufficiency, in_logits),
        (row.sufficiency_normalised, normalised),
        (row.deletion_area, in_logits),
        (row.insertion_area, in_logits),
    )
    made = [_interval(mean, said) for mean, said in means]
    return [Cell(one.text, small=f" {one.small}") for one in made]


def _failed(table: FaithfulnessTable) -> list[Table]:
    if not table.failed:
        return []
    rows = [
        Row((Cell(f"reading {k + 1}"), Cell(Quote(clip(str(error), 200)))))
        for k, error in table.failed[:_MOST_FAILED]
    ]
    more = len(table.failed) - len(rows)
    folded = f"{count(len(table.failed), 'reading')} left out for all methods"
    note = f"and {more:,} more" if more else ""
    return [Table("Left out", "", ("", "why"), tuple(rows), kind="given", note=note, folded=folded)]
