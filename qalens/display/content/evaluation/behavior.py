"""What is shown of behaviour tests: a grid of capabilities and kinds, the rate of each test, and failing cases."""

from __future__ import annotations

from collections.abc import Iterator

from qalens.behavior.cases import JudgedCase
from qalens.behavior.definition import KINDS
from qalens.behavior.rates import Rate
from qalens.behavior.report import BehaviorReport, BehaviorResult
from qalens.behavior.report import Cell as GridCell
from qalens.display.labels import clip
from qalens.display.numbers import count
from qalens.display.parts import (
    Cell,
    Content,
    Heading,
    Interval,
    IntervalRow,
    Intervals,
    Quote,
    Row,
    Segment,
    Sentence,
    Table,
    lines,
    quoted,
)
from qalens.display.wording import HOW_TO_READ
from qalens.text.examples import NO_ANSWER

_MOST_CASES = 10


def content(report: BehaviorReport) -> Content:
    """The grid, every test with its interval, and behind each cell of the grid its failing cases.

    >>> from qalens.behavior import run
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> content(run(Reader(toy_model(), toy_tokenizer()), cases=3)).of(Table)[0].columns[-1]
    'abstention'
    """
    caption = (
        "Each number is the share of cases that failed, in per cent. Minimum functionality asks plain questions with a known "
        "answer; invariance edits what changes nothing; a directional edit has to change the answer in a known way; and "
        "abstention asks what the text does not say. Intervals are Wilson's, 95 %. A rate of 0 says that these cases are "
        "passed, not that none could fail."
    )
    shown = [cell for row in report.grid() for cell in row if cell.rate.failures]
    return Content(
        f"Behaviour of {name_of(report)}",
        (
            heading(report),
            grid(report),
            rates_of(report),
            *map(failing, shown),
            Sentence(caption, HOW_TO_READ, "caption"),
        ),
    )


def name_of(report: BehaviorReport) -> str:
    """The name of the model that was tested."""
    return "a reader" if report.source is None else report.source.name


def heading(report: BehaviorReport) -> Heading:
    """How many cases failed, of how many."""
    rates = [one.failure_rate for one in report]
    failed, cases = sum(rate.failures for rate in rates), sum(rate.count for rate in rates)
    asked = ("What can ", Quote(clip(name_of(report), 200)), " not do?")
    return Heading(asked, f"{failed:,} of {count(cases, 'case')} failed", notes=(count(len(report), "test"),))


def grid(report: BehaviorReport) -> Table:
    """The share of failures by capability (rows) and kind (columns)."""
    rows = tuple(
        Row((Cell(row[0].capability), *(rate_cell(cell.rate, _tip(cell)) for cell in row)))
        for row in report.grid()
    )
    about = "per cent of the cases, by capability and kind of test; small the 95 % interval"
    return Table("Failures", about, ("capability", *KINDS), rows)


def rate_cell(rate: Rate | None, tip: str = "") -> Cell:
    """A rate in per cent with its interval, and a bar as long as it; "·" where nothing was tested."""
    if rate is None or not rate.count:
        return Cell("·", tip="not tested")
    value = 100 * float(rate.value)
    return Cell(
        f"{value:.0f}",
        small=f" [{100 * rate.low:.0f}, {100 * rate.high:.0f}]",
        bar=(Segment(0.0, value, "wrong"),),
        tip=tip,
    )


def rates_of(report: BehaviorReport) -> Intervals:
    """The share of failures of each test with its interval."""
    rows = tuple(IntervalRow(one.name, "", (interval_of(one.failure_rate),)) for one in report)
    counts = [one.failure_rate.count for one in report]
    most = (
        f"{min(counts):,} to {count(max(counts), 'case')}"
        if min(counts) < max(counts)
        else count(max(counts), "case")
    )
    left = sum(sum(one.left_out.values()) for one in report)
    note = f"{most} in each test."
    if left:
        note += f" {count(left, 'example')} gave no case: no edit with a known outcome could be made."
    return Intervals("Tests", "per cent of the cases that failed", ("failures",), rows, 0.0, 100.0, note=note)


def failing(cell: GridCell) -> Table:
    """Failing cases of one cell of the grid, folded away; an original stands before what was made of it."""
    several = len(cell.tests) > 1
    rows = [
        Row(_cells(test.name if several else "", case))
        for test in cell.tests
        for case in test.failing[:_MOST_CASES]
    ]
    more = " (the first of each test)" if len(rows) < cell.rate.failures else ""
    return Table(
        f"{cell.capability}, {cell.kind}",
        "",
        ("question and text", "expected", "said"),
        tuple(rows),
        kind="mistakes",
        folded=f"{cell.capability}, {cell.kind}: {count(cell.rate.failures, 'case')} failed{more}",
    )


def result(tested: BehaviorResult) -> Content:
    """One test: its rate, what it asks, and failing cases."""
    about = tested.about
    heading = Heading(
        about.name, str(tested.failure_rate), notes=(f"of {count(tested.failure_rate.count, 'case')} failed",)
    )
    table = Table(
        "Failing cases",
        f"the first {_MOST_CASES}" if len(tested.failing) > _MOST_CASES else "",
        ("question and text", "expected", "said"),
        tuple(Row(_cells("", case)) for case in tested.failing[:_MOST_CASES]),
        kind="mistakes",
    )
    sentences = (
        Sentence(about.sentence),
        Sentence(f"A failure is {about.failure}.", kind="note"),
        *([Sentence(f"Source: {about.source}.", kind="note")] if about.source else []),
        *(
            Sentence(f"{count(n, 'example')} left out: {reason}.", kind="note")
            for reason, n in tested.left_out.items()
        ),
    )
    return Content(about.name, (heading, *sentences, *([table] if table.rows else [])))


def interval_of(rate: Rate) -> Interval:
    """A rate in per cent, with its interval."""
    if not rate.count:
        return Interval(rate.value, rate.low, rate.high, "–", "")
    value, low, high = (100 * float(x) for x in (rate.value, rate.low, rate.high))
    return Interval(value, low, high, f"{value:.0f}", f"[{low:.0f}, {high:.0f}]")


def _cells(name: str, case: JudgedCase) -> tuple[Cell, ...]:
    before = () if case.case.original is None else tuple(_asked(*case.case.original))
    return (
        Cell(
            lines(*_asked(case.case.question, case.case.context)),
            before=name and f"{name}: ",
            small=lines(" before the edit: ", *before) if before else "",
        ),
        Cell(Quote(clip(case.expected, 80))),
        Cell(said(case.said.answer)),
    )


def _asked(question: str, context: str) -> Iterator[tuple[str, ...]]:
    yield (Quote(clip(question, 160)), " ")
    yield quoted(clip(context, 300))


def said(answer: str | None) -> tuple[str, ...]:
    """An answer in quotation marks, or that there is none."""
    return (NO_ANSWER,) if answer is None else quoted(clip(answer, 80))


def _tip(cell: GridCell) -> str:
    names = ", ".join(test.name for test in cell.tests)
    return f"{cell.capability}, {cell.kind}: {cell.rate}, {cell.rate.failures:,} of {cell.rate.count:,} ({names})"
